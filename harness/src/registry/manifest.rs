//! `backend.toml`: how a backend is built and where its library then lies.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Name of the file in a backend's folder.
pub const FILE: &str = "backend.toml";

/// A backend's own description of how to build it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Unique name, the same as in the plugin's table.
    pub name: String,
    /// One line for `list`.
    pub summary: String,
    /// Libraries, each for some devices: one that links to CUDA does not load
    /// on a machine without it.
    #[serde(rename = "artifact")]
    pub artifacts: Vec<Artifact>,
}

/// One library of a backend.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// Kinds of device that it serves: `cpu`, `cuda`.
    pub devices: Vec<String>,
    /// Command that builds it, run in the backend's folder with
    /// `CARGO_TARGET_DIR` set to `{target}`.
    pub build: Vec<String>,
    /// The library; `{target}`, `{prefix}` and `{suffix}` stand for the build
    /// folder and the system's names for libraries.
    pub library: String,
    /// Files and folders, relative to the backend's folder, whose content
    /// decides whether the library is stale.
    pub inputs: Vec<String>,
    /// What building needs.
    #[serde(default)]
    pub needs: Vec<Need>,
}

/// Something that building needs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Need {
    /// Program on the PATH.
    pub tool: String,
    /// How to get it, in one line.
    pub hint: String,
}

/// Why a `backend.toml` cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct ManifestError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong and what was expected.
    pub reason: String,
}

impl Manifest {
    /// Reads the manifest of a backend's folder.
    ///
    /// # Errors
    /// Where the file is unreadable, no TOML, or lacks something.
    pub fn read(folder: &Path) -> Result<Self, ManifestError> {
        let path = folder.join(FILE);
        let fail = |reason: String| ManifestError { path: path.clone(), reason };
        let text = fs::read_to_string(&path).map_err(|error| fail(error.to_string()))?;
        let manifest: Self = toml::from_str(&text).map_err(|error| fail(one_line(&error)))?;
        manifest.check().map_err(fail)?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), String> {
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if self.name.is_empty() || !self.name.bytes().all(legal) {
            return Err(format!(
                "name {:?} must be made of lower-case letters, digits and dashes",
                self.name
            ));
        }
        if self.artifacts.is_empty() {
            return Err("at least one [[artifact]] is needed".to_owned());
        }
        for artifact in &self.artifacts {
            if artifact.build.is_empty() || artifact.devices.is_empty() || artifact.inputs.is_empty() {
                return Err("an [[artifact]] needs a non-empty build, devices and inputs".to_owned());
            }
        }
        Ok(())
    }
}

/// A TOML error's own message with its line, without the excerpt.
fn one_line(error: &toml::de::Error) -> String {
    error.to_string().lines().filter(|line| !line.contains('|')).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        name = "mine"
        summary = "my backend"
        [[artifact]]
        devices = ["cpu"]
        build = ["make"]
        library = "{target}/{prefix}mine{suffix}"
        inputs = ["."]
        [[artifact.needs]]
        tool = "make"
        hint = "install make"
    "#;

    fn read(text: &str) -> Result<Manifest, ManifestError> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join(FILE), text).expect("writable");
        Manifest::read(folder.path())
    }

    #[test]
    fn a_good_manifest_is_read() {
        let manifest = read(GOOD).expect("good");
        assert_eq!(manifest.artifacts[0].needs[0].tool, "make");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cases = [
            (GOOD.replace("name = \"mine\"", "name = \"My Backend\""), "lower-case"),
            (GOOD.replace("summary", "sumary"), "sumary"),
            (GOOD.replace("build = [\"make\"]", "build = []"), "non-empty build"),
            (GOOD.replace("name = \"mine\"", "name = "), "line 2"),
            ("name = \"a\"\nsummary = \"b\"\nartifact = []".to_owned(), "at least one"),
        ];
        for (text, expected) in cases {
            let error = read(&text).expect_err("bad").to_string();
            assert!(error.contains(FILE) && error.contains(expected), "{error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }
}
