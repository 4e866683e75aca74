//! A repository of backends, as the binary finds it from a working folder in it.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::invocation::{Invocation, invoke};

/// A temporary folder with `backends/`, which is gone when dropped.
pub struct Repository(TempDir);

impl Repository {
    /// An empty one.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["backends", "harness"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self(folder)
    }

    /// Its root.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Adds a backend with this `backend.toml`.
    pub fn backend(self, folder: &str, manifest: &str) -> Self {
        let folder = self.path().join("backends").join(folder);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("backend.toml"), manifest).unwrap();
        self
    }

    /// Adds a backend whose library is a copy of this one.
    pub fn library(self, name: &str, library: &Path) -> Self {
        let source = library.to_str().unwrap();
        self.backend(name, &manifest(name, &format!(r#"cp "{source}" "$CARGO_TARGET_DIR"/made.so"#), "sh"))
    }

    /// The binary with these arguments, run in it.
    pub fn invoke<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Invocation {
        invoke(arguments).current_dir(self.path())
    }

    /// Where its runs lie.
    pub fn runs(&self) -> PathBuf {
        self.path().join("reports/runs")
    }
}

impl Default for Repository {
    fn default() -> Self {
        Self::new()
    }
}

/// A `backend.toml` for `cpu` whose library a shell command makes with the help of a tool.
pub fn manifest(name: &str, command: &str, tool: &str) -> String {
    let build = serde_json::to_string(&["sh", "-c", command]).unwrap();
    format!(
        r#"name = "{name}"
summary = "made by a test"
[[artifact]]
devices = ["cpu"]
build = {build}
library = "{{target}}/made.so"
inputs = ["backend.toml"]
[[artifact.needs]]
tool = "{tool}"
hint = "install {tool} from the moon"
"#
    )
}
