//! The Python that serves a library, as the build has told of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::environment::as_meant_here;
use super::fingerprint::file_hash;

/// Name of the file in the build's folder, which the tool of `harness/plugin/python/build` writes.
const FILE: &str = "python.json";

/// What the file says; other keys are for other versions.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Served {
    /// Files without which the library cannot be used.
    needs: Vec<PathBuf>,
    /// The files in the backend's folder that say what packages there are, and what is done to them,
    /// each with the SHA-256 of what it said then, hexadecimal.
    packages: BTreeMap<String, String>,
    /// Variables that have chosen the Python and the packages, with the values that they had.
    chosen_by: BTreeMap<String, String>,
    /// Files that were not there, of which any one calls for other packages: signs of a driver.
    #[serde(default)]
    unless: Vec<PathBuf>,
    /// Whether the packages have the versions that were asked for.
    pub(super) as_asked: bool,
    /// One line for `list`.
    pub(super) summary: String,
}

impl Served {
    /// Reads it from a build's folder; `None` where no build has ended there.
    pub(super) fn read(target: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(target.join(FILE)).ok()?).ok()
    }

    /// Whether the Python and its packages are still there, and right for this machine.
    pub(super) fn is_there(&self) -> bool {
        self.needs.iter().all(|path| path.exists()) && !self.unless.iter().any(|path| path.exists())
    }

    /// Whether the packages are those that the backend and the user ask for now.
    pub(super) fn is_of(&self, folder: &Path) -> bool {
        let is_same =
            |(name, then): (&String, &String)| file_hash(&folder.join(name)).is_ok_and(|hash| hash == *then);
        let is_chosen_again = |(name, then): (&String, &String)| {
            as_meant_here(std::env::var_os(name).unwrap_or_default()) == **then
        };
        self.packages.iter().all(is_same) && self.chosen_by.iter().all(is_chosen_again)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_python_that_has_gone_and_other_packages_are_seen() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("writable");
        assert_eq!(Served::read(folder.path()), None);
        write("python", "");
        write("requirements.txt", "abc");
        let python = folder.path().join("python");
        // The SHA-256 of `abc`, from its definition.
        write(
            FILE,
            &serde_json::json!({
                "needs": [python],
                "packages": {
                    "requirements.txt": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                },
                "chosen_by": { "TRAINMARK_SET_BY_NOBODY": "" },
                "unless": [folder.path().join("driver")],
                "as_asked": true,
                "summary": "Python 3.11.2",
                "later": 1,
            })
            .to_string(),
        );
        let served = Served::read(folder.path()).expect("it was written");
        assert!(served.is_there() && served.is_of(folder.path()));
        let chosen = BTreeMap::from([("TRAINMARK_SET_BY_NOBODY".to_owned(), "/else".to_owned())]);
        let otherwise = Served { chosen_by: chosen, ..served.clone() };
        assert!(!otherwise.is_of(folder.path()), "by another Python");
        write("driver", "");
        assert!(!served.is_there(), "packages for CUDA are wanted now");
        fs::remove_file(folder.path().join("driver")).expect("it is there");
        write("requirements.txt", "abcd");
        assert!(!served.is_of(folder.path()));
        fs::remove_file(&python).expect("it is there");
        assert!(!served.is_there());
    }
}
