//! Libraries as the harness builds them: the bridge with an archive at its end.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::python::{Python, python, run};

/// A backend's library, in a folder of its own.
pub(crate) struct Assembled {
    folder: TempDir,
    pub(crate) library: PathBuf,
}

impl Assembled {
    /// A backend of this source, for the tests' Python; `None` where tests are skipped.
    pub(crate) fn of(source: &str) -> Option<Self> {
        Some(Self::with(source, python()?))
    }

    /// A backend of this source that says it is served by this Python.
    pub(crate) fn with(source: &str, python: &Python) -> Self {
        let folder = tempfile::Builder::new().prefix("with Ümlaut ").tempdir().unwrap();
        let library = folder.path().join("libbackend.so");
        fs::copy(bridge(), &library).unwrap();
        let sources = folder.path().join("sources");
        fs::create_dir(&sources).unwrap();
        fs::write(sources.join("backend.py"), source).unwrap();
        let comment = format!(
            r#"{{"format": 1, "name": "mine", "version": "1.2.3", "module": "backend",
                "python": {:?}, "libpython": {:?}, "folder": {sources:?}}}"#,
            python.program, python.library
        );
        // What provides `trainmark` is a folder beside it, whose other files are not Python.
        let package = folder.path().join("package");
        fs::create_dir_all(package.join("trainmark")).unwrap();
        for file in fs::read_dir(crate_folder().join("trainmark")).unwrap() {
            let file = file.unwrap().path();
            if file.is_file() {
                fs::copy(&file, package.join("trainmark").join(file.file_name().unwrap())).unwrap();
            }
        }
        // Any Python can assemble, also for one that cannot serve.
        let assembler = crate::python::python().map_or(python, |usual| usual);
        run(Command::new(&assembler.program)
            .arg(crate_folder().join("tests/bridge/assemble.py"))
            .arg(&library)
            .arg(comment)
            .args([sources, package]))
        .unwrap();
        Self { folder, library }
    }

    /// A folder for what a test makes besides.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// The bridge alone. Cargo builds no library that tests are not linked with, so it is asked to.
pub(crate) fn bridge() -> &'static Path {
    static BRIDGE: OnceLock<PathBuf> = OnceLock::new();
    BRIDGE.get_or_init(|| {
        let tests = std::env::current_exe().unwrap();
        let profile = tests.ancestors().nth(2).expect("tests lie in deps, below their profile's folder");
        let name = match profile.file_name().and_then(|name| name.to_str()) {
            Some("debug") | None => "dev",
            Some(name) => name,
        };
        run(Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["build", "--locked", "--package", "trainmark-python", "--profile", name, "--target-dir"])
            .arg(profile.parent().expect("a profile's folder lies in the target folder"))
            .current_dir(crate_folder()))
        .unwrap();
        profile.join(format!("{DLL_PREFIX}trainmark_python{DLL_SUFFIX}"))
    })
}

pub(crate) fn crate_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
