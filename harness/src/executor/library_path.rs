//! `LD_LIBRARY_PATH` of a process that loads a plugin.
//!
//! The loader searches its folders before those that a library was linked with: a foreign
//! framework or CUDA there would win over the plugin's own. But on many images for GPUs the
//! driver is found through it alone, so the driver's folders are handed on and no others.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::machine::gpu::driver::{DriverFolders, is_drivers_folder};
use crate::{machine, shell};

/// Name of the variable.
const VARIABLE: &str = "LD_LIBRARY_PATH";

/// How the loader says that it finds a library nowhere, after the library's name.
const NOT_FOUND: &str = ": cannot open shared object file";

/// The variable's folders, divided.
#[derive(Debug, PartialEq, Eq)]
pub struct LibraryPath {
    /// What a process that loads a plugin gets.
    given: Vec<PathBuf>,
    /// What it does not get of what this process has.
    withheld: Vec<PathBuf>,
}

impl LibraryPath {
    /// That of this process, on this machine.
    pub fn here() -> &'static Self {
        static HERE: OnceLock<LibraryPath> = OnceLock::new();
        HERE.get_or_init(|| {
            let value = std::env::var_os(VARIABLE).unwrap_or_default();
            Self::divided(&value, &DriverFolders::below(machine::root()))
        })
    }

    /// A value of the variable, divided. A folder where the loader finds the driver by itself is
    /// not needed and holds the rest of the system; the known ones are added where the driver
    /// would not be found otherwise.
    fn divided(value: &OsStr, driver: &DriverFolders) -> Self {
        let (mut given, withheld): (Vec<_>, Vec<_>) = folders(value)
            .into_iter()
            .partition(|folder| is_drivers_folder(folder) && !driver.is_found_by_loader(folder));
        if given.is_empty() && driver.found_by_loader.is_empty() {
            given = driver.known.iter().filter(|folder| is_drivers_folder(folder)).cloned().collect();
        }
        Self { given, withheld }
    }

    /// Sets the variable of a process to what it gets, or removes it where that is nothing.
    pub fn set(&self, command: &mut Command) {
        match self.value() {
            Some(value) => command.env(VARIABLE, value),
            None => command.env_remove(VARIABLE),
        };
    }

    fn value(&self) -> Option<OsString> {
        let texts: Vec<&[u8]> = self.given.iter().map(|folder| folder.as_os_str().as_bytes()).collect();
        (!texts.is_empty()).then(|| OsString::from_vec(texts.join(&b':')))
    }

    /// A reason with [`LibraryPath::advice`], where there is any.
    pub fn explain(&self, reason: String) -> String {
        match self.advice(&reason) {
            Some(advice) => format!("{reason}; {advice}"),
            None => reason,
        }
    }

    /// What is behind a reason and what to do, where it is a library that only a withheld folder
    /// has. A plugin, too, may quote the loader, so that there is only its text.
    pub fn advice(&self, reason: &str) -> Option<String> {
        let library = missing_library(reason)?;
        let folder = self.withheld.iter().find(|one| one.join(library).is_file())?;
        let option = shell::quoted(&format!("-Wl,-rpath,{}", folder.display()));
        let folder = folder.display();
        Some(format!(
            "{library} lies in {folder}, which {VARIABLE} names but workers do not get (a foreign \
             libtorch or CUDA there would win over the plugin's own): link the plugin with {option}, \
             or with -Wl,-rpath,'$ORIGIN' and put the library beside it"
        ))
    }
}

/// The folders of a value as the loader reads it, which takes semicolons, too. An empty one is
/// the working folder, in which no driver lies.
fn folders(value: &OsStr) -> Vec<PathBuf> {
    let texts = value.as_bytes().split(|byte| b":;".contains(byte)).filter(|text| !text.is_empty());
    texts.filter_map(|text| std::path::absolute(Path::new(OsStr::from_bytes(text))).ok()).collect()
}

/// The library that the loader found nowhere, if it is one that it searched for.
fn missing_library(reason: &str) -> Option<&str> {
    let (before, _) = reason.split_once(NOT_FOUND)?;
    let name = before.rsplit(|letter: char| letter.is_whitespace() || ":('\"`".contains(letter)).next()?;
    (!name.is_empty() && !name.contains('/')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::gpu::driver::tests::folder;

    fn joined(folders: &[&Path]) -> OsString {
        std::env::join_paths(folders).unwrap()
    }

    #[test]
    fn the_drivers_folders_are_handed_on_and_no_others() {
        let root = tempfile::tempdir().unwrap();
        let driver = folder(root.path(), "driver", &["libcuda.so.1"]);
        let compat = folder(root.path(), "compat", &["libcuda.so.1"]);
        let toolkit = folder(root.path(), "toolkit", &["libcuda.so.1", "libcudart.so.13"]);
        let other = folder(root.path(), "other", &["libhelper.so"]);
        let value = joined(&[&other, &compat, &toolkit, &driver]);
        let path = LibraryPath::divided(&value, &DriverFolders::default());
        assert_eq!(
            path,
            LibraryPath { given: vec![compat.clone(), driver.clone()], withheld: vec![other, toolkit] }
        );
        assert_eq!(path.value(), Some(joined(&[&compat, &driver])));
        let semicolons = format!("{};;{}", compat.display(), driver.display());
        let path = LibraryPath::divided(OsStr::new(&semicolons), &DriverFolders::default());
        assert_eq!(path.value(), Some(joined(&[&compat, &driver])));
        let nothing = LibraryPath::divided(OsStr::new(""), &DriverFolders::default());
        assert_eq!(nothing.value(), None);
    }

    #[test]
    fn known_folders_are_added_where_the_driver_is_not_found_otherwise() {
        let root = tempfile::tempdir().unwrap();
        let known = folder(root.path(), "known", &["libcuda.so.1"]);
        let mixed = folder(root.path(), "mixed", &["libcuda.so.1", "libtorch_cpu.so"]);
        let system = folder(root.path(), "system", &["libcuda.so.1", "libother.so"]);
        let mine = folder(root.path(), "mine", &["libcuda.so.1"]);
        let mut driver = DriverFolders { known: vec![mixed.clone(), known.clone()], ..Default::default() };
        let value =
            |named: &Path, driver: &DriverFolders| LibraryPath::divided(named.as_os_str(), driver).value();
        assert_eq!(
            value(Path::new(""), &driver),
            Some(joined(&[&known])),
            "the mixed one is none of the driver's"
        );
        assert_eq!(value(&mixed, &driver), Some(joined(&[&known])));
        assert_eq!(value(&mine, &driver), Some(joined(&[&mine])), "what is named has been chosen");
        driver.found_by_loader = vec![system.clone()];
        assert_eq!(value(Path::new(""), &driver), None, "the loader finds one by itself");
        assert_eq!(value(&system, &driver), None, "and would find the rest of the system there");
        assert_eq!(value(&mine, &driver), Some(joined(&[&mine])));
    }

    #[test]
    fn a_library_that_only_a_withheld_folder_has_is_explained() {
        let root = tempfile::tempdir().unwrap();
        let other = folder(root.path(), "other", &["libhelper.so.2"]);
        let path = LibraryPath::divided(other.as_os_str(), &DriverFolders::default());
        let failed = |library: &str| {
            format!(
                "cannot load /a/libmine.so: {library}: cannot open shared object file: No such file or directory"
            )
        };
        let explained = path.explain(failed("libhelper.so.2"));
        let (folder, reason) = (other.display(), failed("libhelper.so.2"));
        assert!(
            explained.starts_with(&format!("{reason}; libhelper.so.2 lies in {folder}, which ")),
            "{explained}"
        );
        assert!(explained.contains(&format!("-Wl,-rpath,{folder}, or")), "{explained}");
        assert!(path.advice(&explained).is_some(), "it is not forgotten once it is given");
        for unknown in
            [failed("libelse.so"), failed("/a/libhelper.so.2"), "libhelper.so.2 is asleep".to_owned()]
        {
            assert_eq!(path.explain(unknown.clone()), unknown);
        }
    }
}
