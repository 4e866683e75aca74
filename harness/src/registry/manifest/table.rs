//! A `backend.toml` as it is written.

use std::path::Path;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use trainmark_reports::record::{Framework, Role};

use super::python::PythonBackend;
use super::versions::VersionKey;
use super::{Artifact, Manifest};

/// All keys, of which some are for backends in Python only.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ManifestTable {
    name: String,
    summary: String,
    #[serde(default)]
    thread_variables: Vec<String>,
    #[serde(default, deserialize_with = "role")]
    role: Option<Role>,
    engine: Option<String>,
    language: Option<String>,
    default: Option<bool>,
    #[serde(default)]
    extra_implementations: Vec<String>,
    #[serde(default, rename = "artifact")]
    artifacts: Vec<Artifact>,

    python: Option<String>,
    #[serde(default)]
    version: VersionKey,
    requirements: Option<String>,
    requirements_cuda: Option<String>,
    requires_python: Option<String>,
    python_environment: Option<String>,
    prepare: Option<String>,
    devices: Option<Vec<String>>,
    downloads: Option<String>,
    #[serde(default, deserialize_with = "optional_size")]
    disk: Option<u64>,
    #[serde(default, deserialize_with = "optional_size")]
    memory: Option<u64>,
    #[serde(default)]
    environment: Vec<String>,
}

impl ManifestTable {
    /// What it says, with the artifact that `python` stands for.
    ///
    /// # Errors
    /// Where keys do not go together, in one line.
    pub(super) fn into_manifest(mut self, folder: &Path, root: &Path) -> Result<Manifest, String> {
        match self.python.take() {
            Some(module) => {
                if !self.artifacts.is_empty() {
                    return Err("it has both python and an [[artifact]]; write one of them".to_owned());
                }
                let artifact = self.python_backend(module).artifact(folder, root)?;
                self.artifacts.push(artifact);
            }
            None => self.check_without_python()?,
        }
        let versions = self.version.take_tables();
        Ok(Manifest {
            name: self.name,
            summary: self.summary,
            thread_variables: self.thread_variables,
            role: self.role,
            framework: Framework { engine: self.engine, language: self.language },
            by_default: self.default.unwrap_or(true),
            extra_implementations: self.extra_implementations,
            artifacts: self.artifacts,
            versions,
        })
    }

    fn python_backend(&mut self, module: String) -> PythonBackend {
        PythonBackend {
            name: self.name.clone(),
            module,
            version: self.version.take_text(),
            requirements: self.requirements.take(),
            requirements_cuda: self.requirements_cuda.take(),
            requires_python: self.requires_python.take(),
            own_environment: self.python_environment.take(),
            prepare: self.prepare.take(),
            devices: self.devices.take(),
            downloads: self.downloads.take(),
            disk: self.disk,
            memory: self.memory,
            environment: std::mem::take(&mut self.environment),
        }
    }

    /// Refuses keys that say nothing of a backend that is not in Python.
    fn check_without_python(&self) -> Result<(), String> {
        let given = [
            ("version", self.version.is_text()),
            ("requirements", self.requirements.is_some()),
            ("requirements_cuda", self.requirements_cuda.is_some()),
            ("requires_python", self.requires_python.is_some()),
            ("python_environment", self.python_environment.is_some()),
            ("prepare", self.prepare.is_some()),
            ("devices", self.devices.is_some()),
            ("downloads", self.downloads.is_some()),
            ("disk", self.disk.is_some()),
            ("memory", self.memory.is_some()),
            ("environment", !self.environment.is_empty()),
        ];
        match given.iter().find(|(_, is_given)| *is_given) {
            Some((key, _)) => Err(format!(
                "{key} at the top is for a backend in Python (python = \"backend.py\"); others have it in their \
                 [[artifact]] or not at all"
            )),
            None => Ok(()),
        }
    }
}

/// A number of bytes, written as `"3GiB"`.
pub(super) fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = String::deserialize(deserializer)?;
    crate::units::parse_bytes(&text).map_err(D::Error::custom)
}

fn optional_size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    size(deserializer).map(Some)
}

fn role<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Role>, D::Error> {
    let name = String::deserialize(deserializer)?;
    let known = || Role::NAMES.map(|(name, _)| name).join(" or ");
    let unknown = || D::Error::custom(format!("role {name:?} is none: write {}, or leave it out", known()));
    Role::parse(&name).map(Some).ok_or_else(unknown)
}
