//! Files that others may have made, or that lie where others write: only regular files are
//! read, and no more of them than is meant; what is written appears at once and whole.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Most bytes of a record or of a run's other large files: 40,000 runs of 20 epochs.
pub const RECORD_LIMIT: u64 = 1 << 30;
/// Most bytes of a file that a person might have written, such as a request.
pub const SMALL_LIMIT: u64 = 1 << 20;

/// Reads a regular file of at most `limit` bytes. A pipe or device is refused at once, where
/// reading it would wait or never end.
///
/// # Errors
/// What the system says, or that it is no regular file, or larger.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = open(OpenOptions::new().read(true), path, &[])?;
    let mut bytes = Vec::new();
    // It may grow meanwhile.
    let length = file.take(limit + 1).read_to_end(&mut bytes)?;
    if length as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {limit} bytes")));
    }
    Ok(bytes)
}

/// As [`read`], as text.
///
/// # Errors
/// As [`read`], and where it is no UTF-8.
pub fn read_text(path: &Path, limit: u64) -> io::Result<String> {
    let bytes = read(path, limit)?;
    String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
}

/// Where a path within a folder really leads, if that is a regular file within the folder: no
/// link in it leads out.
pub fn within(folder: &Path, relative: &Path) -> Option<PathBuf> {
    let path = folder.join(relative).canonicalize().ok()?;
    (path.starts_with(folder.canonicalize().ok()?) && path.is_file()).then_some(path)
}

/// Writes a file whole: under a random name beside it, which then takes its place. A link that
/// is there is replaced, not followed.
///
/// # Errors
/// What the system says.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = temporary().tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

/// What is not yet in its place: hidden, and then as any other file.
fn temporary() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".").suffix(".tmp");
    set_mode(&mut builder, 0o666);
    builder
}

/// A folder within another that is not yet in its place.
pub(crate) fn temporary_folder(parent: &Path) -> io::Result<tempfile::TempDir> {
    let mut builder = temporary();
    set_mode(&mut builder, 0o777);
    builder.tempdir_in(parent)
}

/// Less what the user's mask takes away.
#[cfg_attr(not(unix), expect(unused_variables))]
fn set_mode(builder: &mut tempfile::Builder<'_, '_>, mode: u32) {
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
}

/// Opens a file to add to its end, which is made where there is none; no link in its place.
///
/// # Errors
/// What the system says, or that it is no regular file.
pub fn open_to_append(path: &Path) -> io::Result<File> {
    open(OpenOptions::new().create(true).append(true), path, &NO_LINK)
}

/// Opens a file to be locked, which is made where there is none and keeps what it holds; no link
/// in its place.
///
/// # Errors
/// What the system says, or that it is no regular file.
pub fn open_to_lock(path: &Path) -> io::Result<File> {
    open(OpenOptions::new().create(true).truncate(false).write(true), path, &NO_LINK)
}

#[cfg(unix)]
const NO_LINK: [rustix::fs::OFlags; 1] = [rustix::fs::OFlags::NOFOLLOW];
#[cfg(not(unix))]
const NO_LINK: [(); 1] = [()];

/// Opens without waiting for the other end of a pipe.
#[cfg(unix)]
fn open(options: &mut OpenOptions, path: &Path, flags: &[rustix::fs::OFlags]) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = flags.iter().fold(rustix::fs::OFlags::NONBLOCK, |all, &flag| all | flag);
    let file = options.custom_flags(flags.bits().cast_signed()).open(path).map_err(|error| {
        match error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) {
            true => io::Error::new(error.kind(), "a link stands in its place"),
            false => error,
        }
    })?;
    regular(file)
}

#[cfg(not(unix))]
fn open(options: &mut OpenOptions, path: &Path, _flags: &[()]) -> io::Result<File> {
    regular(options.open(path)?)
}

fn regular(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_regular_files_of_a_bounded_size_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        for path in [&pipe, Path::new("/dev/zero"), folder.path()] {
            let error = read(path, 10).unwrap_err().to_string();
            assert!(error.contains("no regular file"), "{}: {error}", path.display());
        }
        assert!(open_to_append(&pipe).is_err() && open_to_lock(&pipe).is_err());
        let file = folder.path().join("file");
        fs::write(&file, "0123456789").unwrap();
        assert_eq!(read_text(&file, 10).unwrap(), "0123456789");
        assert_eq!(read(&file, 9).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        // Of a size that no memory has, and nothing in it.
        File::options().write(true).open(&file).unwrap().set_len(1 << 40).unwrap();
        assert!(read(&file, SMALL_LIMIT).is_err());
    }

    #[test]
    fn links_are_replaced_and_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (other, link) = (folder.path().join("other"), folder.path().join("link"));
        fs::write(&other, "mine").unwrap();
        symlink(&other, &link).unwrap();
        assert!(open_to_append(&link).unwrap_err().to_string().contains("a link stands in its place"));
        assert!(open_to_lock(&link).is_err());
        replace(&link, b"new").unwrap();
        assert_eq!(
            (fs::read_to_string(&other).unwrap(), fs::read_to_string(&link).unwrap()),
            ("mine".into(), "new".into())
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "something was left");
    }

    #[test]
    fn a_link_out_of_a_folder_leads_nowhere() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("folder");
        fs::create_dir(&folder).unwrap();
        fs::write(place.path().join("private"), "").unwrap();
        fs::write(folder.join("own"), "").unwrap();
        symlink("../private", folder.join("out")).unwrap();
        symlink("..", folder.join("up")).unwrap();
        let leads = |path: &str| within(&folder, Path::new(path)).is_some();
        assert!(leads("own"));
        assert!(
            !leads("out") && !leads("up/private") && !leads("../private") && !leads("absent") && !leads(".")
        );
    }
}
