//! The file of a library, held open: what is loaded must be what was hashed.

use std::fs::{self, File};
use std::io::Seek;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::file_version::FileVersion;
use crate::registry::build::content_hash;

/// Digits of a hash that tell two libraries apart.
const DIGITS: usize = 12;

/// An open library with the hash of its content.
pub(super) struct LibraryFile {
    path: PathBuf,
    file: File,
    /// What it was when it was hashed.
    hashed: FileVersion,
    /// SHA-256 of its content, hexadecimal.
    pub(super) hash: String,
}

impl LibraryFile {
    /// Opens and hashes a library.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let opened = File::open(path).and_then(|mut file| {
            let hashed = FileVersion::of(&file.metadata()?);
            let hash = content_hash(&mut file)?;
            Ok(Self { path: path.to_owned(), file, hashed, hash })
        });
        opened.with_context(|| format!("cannot read {}", path.display()))
    }

    /// Holds it against the library that was checked.
    ///
    /// # Errors
    /// Where it is another one.
    pub(super) fn check_hash(&self, expected: &str) -> anyhow::Result<()> {
        if self.hash != expected {
            bail!(
                "the library {} is another one than was checked (SHA-256 {expected:.DIGITS$}…, now {:.DIGITS$}…): \
                 it was exchanged during the benchmark; begin a new one",
                self.path.display(),
                self.hash
            );
        }
        Ok(())
    }

    /// Sees that what the loader has found by the path is the file that was hashed.
    ///
    /// # Errors
    /// Where it is another one, or was written to.
    pub(super) fn check_loaded(&self) -> anyhow::Result<()> {
        let found = fs::metadata(&self.path).map(|found| FileVersion::of(&found));
        if !found.is_ok_and(|found| found.is_same_file(&self.hashed)) {
            bail!("the library {} was exchanged while it was loaded", self.path.display());
        }
        self.check_content()
    }

    /// Sees that the file, whatever its name is by now, still is what was hashed: what is
    /// written into it shows in the code that runs.
    ///
    /// # Errors
    /// Where it was written to.
    pub(super) fn check_content(&self) -> anyhow::Result<()> {
        if FileVersion::of(&self.file.metadata()?) == self.hashed {
            return Ok(());
        }
        // A new name or owner changes a time as well.
        let mut file = &self.file;
        file.rewind()?;
        if content_hash(&mut file)? != self.hash {
            bail!("the library {} was written to while it was in use", self.path.display());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library(folder: &Path) -> LibraryFile {
        let path = folder.join("plugin.so");
        fs::write(&path, "one").expect("writable");
        LibraryFile::open(&path).expect("readable")
    }

    fn error(result: anyhow::Result<()>) -> String {
        result.expect_err("it is another one").to_string()
    }

    #[test]
    fn a_library_that_is_not_touched_or_only_named_anew_is_the_same() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let library = library(folder.path());
        library.check_loaded().expect("nothing has happened");
        fs::hard_link(folder.path().join("plugin.so"), folder.path().join("other.so")).expect("linkable");
        library.check_loaded().expect("a second name is no other content");
        library.check_content().expect("it can be asked again");
        assert!(library.check_hash(&library.hash).is_ok());
        assert!(error(library.check_hash(&"ab".repeat(32))).contains("(SHA-256 abababababab…, now "));
    }

    #[test]
    fn one_that_is_exchanged_or_written_to_is_told() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let one = library(folder.path());
        let (path, other) = (folder.path().join("plugin.so"), folder.path().join("other.so"));
        fs::write(&other, "two").expect("writable");
        fs::rename(&other, &path).expect("it can be exchanged");
        assert!(error(one.check_loaded()).contains("was exchanged while it was loaded"));
        one.check_content().expect("what is loaded is the old file");
        let two = LibraryFile::open(&path).expect("readable");
        fs::write(&path, "six").expect("writable");
        assert!(error(two.check_content()).contains("was written to while it was in use"));
    }
}
