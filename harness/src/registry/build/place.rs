//! Whether builds can go where they are to go.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, StatVfsMountFlags, access, statvfs};

/// Names a folder for all builds in place of `target/backends` of the repository: for sources that
/// cannot be written to.
const VARIABLE: &str = "TRAINMARK_BUILDS";

/// Where all backends are built: the folder that the user names, seen from the working folder,
/// else one of the repository at `root`.
pub fn builds(root: &Path) -> PathBuf {
    named(env::var_os(VARIABLE)).unwrap_or_else(|| root.join("target").join("backends"))
}

fn named(value: Option<OsString>) -> Option<PathBuf> {
    let value = value.filter(|value| !value.is_empty())?;
    let folder = PathBuf::from(value);
    Some(std::path::absolute(&folder).unwrap_or(folder))
}

/// Sees that builds can go to a folder, which need not be there yet.
///
/// # Errors
/// Where nothing can be written there, or what is there cannot be run: the reason, and what to do.
pub(super) fn check(folder: &Path) -> Result<(), String> {
    let Some(place) = folder.ancestors().find(|place| fs::metadata(place).is_ok()) else { return Ok(()) };
    let flags = statvfs(place).map_or(StatVfsMountFlags::empty(), |told| told.f_flag);
    judged(place, access(place, Access::WRITE_OK).map_err(io::Error::from), flags)
}

fn judged(place: &Path, writable: io::Result<()>, flags: StatVfsMountFlags) -> Result<(), String> {
    let place = place.display();
    let why = match writable {
        Err(error) => format!("cannot write into {place}: {error}"),
        Ok(()) if flags.contains(StatVfsMountFlags::NOEXEC) => {
            format!("on the disk of {place} no program may be run (it is mounted with noexec)")
        }
        Ok(()) => return Ok(()),
    };
    Err(format!("{why}; set {VARIABLE} to a folder elsewhere, for all that is built"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_named_counts_from_the_working_folder() {
        assert_eq!(named(None), None);
        assert_eq!(named(Some("".into())), None);
        assert_eq!(named(Some("/builds".into())), Some("/builds".into()));
        let here = env::current_dir().expect("there is one");
        assert_eq!(named(Some("b".into())), Some(here.join("b")));
    }

    #[test]
    fn a_folder_that_can_be_made_is_a_place() {
        let root = tempfile::tempdir().expect("a temporary folder");
        assert_eq!(check(&root.path().join("a/b")), Ok(()));
        assert!(!root.path().join("a").exists(), "a look makes nothing");
    }

    #[test]
    fn what_cannot_be_written_or_run_is_none() {
        let told = |writable, flags| judged(Path::new("/b"), writable, flags).expect_err("it is none");
        let error = io::Error::from_raw_os_error(rustix::io::Errno::ROFS.raw_os_error());
        let remedy = "; set TRAINMARK_BUILDS to a folder elsewhere, for all that is built";
        let why = told(Err(error), StatVfsMountFlags::NOEXEC);
        assert!(
            why.starts_with("cannot write into /b: Read-only file system") && why.ends_with(remedy),
            "{why}"
        );
        let why = told(Ok(()), StatVfsMountFlags::NOEXEC | StatVfsMountFlags::NOSUID);
        assert!(
            why.starts_with("on the disk of /b no program may be run ") && why.ends_with(remedy),
            "{why}"
        );
        assert_eq!(judged(Path::new("/b"), Ok(()), StatVfsMountFlags::NOSUID), Ok(()));
    }
}
