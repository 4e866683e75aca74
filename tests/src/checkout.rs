//! A copy of this repository in which new backends may be written.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::build::{kept_folder, repository_root};
use crate::invocation::{Invocation, invoke, shell};

/// A temporary folder that holds `trainmark/`, whose files are links to the
/// repository's, except for what commands write: `backends/`, `reports/runs/`, `target/`.
pub struct Checkout(TempDir);

impl Checkout {
    /// A fresh one, with the hand-written backend only.
    pub fn new() -> Self {
        let checkout = Self(tempfile::tempdir().unwrap());
        let root = checkout.path();
        fs::create_dir_all(root.join("backends")).unwrap();
        fs::create_dir_all(root.join("reports")).unwrap();
        link_all(repository_root(), &root, &["backends", "reports", "target", ".git"]);
        link_all(&repository_root().join("reports"), &root.join("reports"), &["runs"]);
        let handwritten = Path::new("backends/handwritten");
        symlink(repository_root().join(handwritten), root.join(handwritten)).unwrap();
        // The bridge to Python is compiled once for all tests.
        let builds = root.join("target/backends");
        let bridge = kept_folder().join("python-bridge");
        fs::create_dir_all(&builds).unwrap();
        fs::create_dir_all(&bridge).unwrap();
        symlink(bridge, builds.join(".python")).unwrap();
        checkout
    }

    /// Its root; the folder around it is temporary as well.
    pub fn path(&self) -> PathBuf {
        self.0.path().canonicalize().unwrap().join("trainmark")
    }

    /// The binary with these arguments, run in it.
    pub fn invoke<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Invocation {
        invoke(arguments).current_dir(&self.path())
    }

    /// A command line, typed in it.
    pub fn shell(&self, line: &str) -> Invocation {
        shell(line).current_dir(&self.path())
    }
}

impl Default for Checkout {
    fn default() -> Self {
        Self::new()
    }
}

/// Links everything in a folder but what is named.
fn link_all(from: &Path, to: &Path, except: &[&str]) {
    for entry in fs::read_dir(from).unwrap() {
        let name = entry.unwrap().file_name();
        if !except.iter().any(|one| name == *one) {
            symlink(from.join(&name), to.join(&name)).unwrap();
        }
    }
}
