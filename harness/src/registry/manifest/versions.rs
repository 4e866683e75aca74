//! `[[version]]`: the same backend with other versions of its framework.

use std::path::{Component, Path, PathBuf};

use serde::de::value::SeqAccessDeserializer;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::Manifest;
use crate::registry::Version;

/// Where a version's folder lies unless it says otherwise.
const FOLDER: &str = "versions";

/// What stands under the key `version`: that of a backend in Python, or a table for each of a
/// framework.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum VersionKey {
    /// Nothing.
    #[default]
    Absent,
    /// `version = "0.1.0"`.
    Text(String),
    /// `[[version]]`.
    Tables(Vec<VersionTable>),
}

impl VersionKey {
    pub(super) fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }

    /// The text, if it is one, which is gone then.
    pub(super) fn take_text(&mut self) -> Option<String> {
        match std::mem::take(self) {
            Self::Text(text) => Some(text),
            other => {
                *self = other;
                None
            }
        }
    }

    /// The tables, which are gone then.
    pub(super) fn take_tables(&mut self) -> Vec<VersionTable> {
        match std::mem::take(self) {
            Self::Tables(tables) => tables,
            Self::Absent | Self::Text(_) => Vec::new(),
        }
    }
}

impl<'de> Deserialize<'de> for VersionKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EitherForm)
    }
}

/// Reads both forms, and says of a table what is wrong in it.
struct EitherForm;

impl<'de> Visitor<'de> for EitherForm {
    type Value = VersionKey;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a version in quotes, or [[version]] tables")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<VersionKey, E> {
        Ok(VersionKey::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, tables: A) -> Result<VersionKey, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(tables)).map(VersionKey::Tables)
    }
}

/// One `[[version]]` as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionTable {
    /// Such as `0.9.2`.
    name: String,
    /// Where its builds run, in the backend's folder, such as that of a Cargo.toml.
    folder: Option<String>,
    /// Whether it may be the one that is built where none is named.
    default: Option<bool>,
    /// The library that computes, where it is another one than the backend's.
    engine: Option<String>,
    /// What its builds fetch, where it is something else than what artifacts name.
    downloads: Option<String>,
    /// What decides whether its libraries are stale, besides its folder and the artifacts' inputs.
    #[serde(default)]
    inputs: Vec<String>,
}

impl VersionTable {
    /// Its name.
    ///
    /// # Errors
    /// Where it is none, in one line.
    pub(super) fn version(&self) -> Result<Version, String> {
        Version::parse(&self.name)
    }

    fn folder(&self) -> String {
        self.folder.clone().unwrap_or_else(|| format!("{FOLDER}/{}", self.name))
    }

    fn check(&self) -> Result<(), String> {
        self.version()?;
        let folder = self.folder();
        let is_inside = |part| matches!(part, Component::Normal(_) | Component::CurDir);
        if folder.is_empty() || !Path::new(&folder).components().all(is_inside) {
            return Err(format!(
                "the folder {folder:?} of version {} does not lie in the backend's",
                self.name
            ));
        }
        Ok(())
    }
}

/// Checks what is written of versions.
///
/// # Errors
/// What is wrong, in one line.
pub(super) fn check(tables: &[VersionTable], is_python: bool) -> Result<(), String> {
    let Some(first) = tables.first() else { return Ok(()) };
    if is_python {
        return Err("[[version]] is for backends with an [[artifact]]: one in Python has a folder for each"
            .to_owned());
    }
    for (index, table) in tables.iter().enumerate() {
        table.check()?;
        if tables[..index].iter().any(|other| other.name == table.name) {
            return Err(format!("two [[version]]s are named {}", table.name));
        }
    }
    match default(tables) {
        Some(_) => Ok(()),
        None => Err(format!(
            "no [[version]] may be the default: {} is not released, or has default = false, as all others",
            first.name
        )),
    }
}

/// The newest release that may be the default.
fn default(tables: &[VersionTable]) -> Option<Version> {
    let may_be = tables.iter().filter(|table| table.default != Some(false));
    let versions = may_be.filter_map(|table| table.version().ok()).filter(Version::is_release);
    versions.max_by(|a, b| a.age().cmp(&b.age()))
}

impl Manifest {
    /// What it says of each version, the default first; all that it says where it has none.
    pub fn by_version(self) -> Vec<(Option<Version>, Self)> {
        let Some(default) = default(&self.versions) else { return vec![(None, self)] };
        let mut all: Vec<_> = self
            .versions
            .iter()
            .filter_map(|table| Some((table.version().ok()?, table)))
            .map(|(version, table)| {
                let manifest = self.of_version(table, version == default);
                (Some(version), manifest)
            })
            .collect();
        all.sort_by_key(|(version, _)| version.as_ref() != Some(&default));
        all
    }

    fn of_version(&self, table: &VersionTable, is_default: bool) -> Self {
        let mut manifest = Self { versions: Vec::new(), ..self.clone() };
        if !is_default {
            manifest.name = format!("{}@{}", self.name, table.name);
        }
        if table.engine.is_some() {
            manifest.framework.engine.clone_from(&table.engine);
        }
        let folder = table.folder();
        for artifact in &mut manifest.artifacts {
            artifact.folder = PathBuf::from(&folder);
            // What lies beside the backend's own files is among the artifact's inputs.
            if folder != "." {
                artifact.inputs.push(folder.clone());
            }
            artifact.inputs.extend(table.inputs.iter().cloned());
            if table.downloads.is_some() {
                artifact.downloads.clone_from(&table.downloads);
            }
        }
        manifest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKEND: &str = r#"
        name = "mine"
        summary = "my backend"
        engine = "engine 2"
        [[artifact]]
        devices = ["cpu"]
        build = ["make"]
        library = "{target}/{prefix}mine{suffix}"
        inputs = ["src"]
    "#;

    fn parse(versions: &str) -> Result<Manifest, String> {
        Manifest::parse(&format!("{BACKEND}{versions}"), Path::new("/mine"), Path::new("/"))
    }

    #[test]
    fn the_newest_release_is_the_default_and_keeps_the_backends_name() {
        let text = r#"
            [[version]]
            name = "0.9.2"
            engine = "engine 1"
            downloads = "much"
            [[version]]
            name = "0.12.0-dev"
            inputs = ["../../framework"]
            [[version]]
            name = "0.10.1"
            folder = "."
            [[version]]
            name = "0.11.0"
            default = false
        "#;
        let all = parse(text).expect("good").by_version();
        let told: Vec<_> = all
            .iter()
            .map(|(version, manifest)| {
                let artifact = &manifest.artifacts[0];
                let inputs = artifact.inputs.join(" ");
                (version.as_ref().map(Version::as_str), &*manifest.name, artifact.folder.to_str(), inputs)
            })
            .collect();
        let row =
            |version, name, folder, inputs: &str| (Some(version), name, Some(folder), inputs.to_owned());
        assert_eq!(
            told,
            [
                row("0.10.1", "mine", ".", "src"),
                row("0.9.2", "mine@0.9.2", "versions/0.9.2", "src versions/0.9.2"),
                row(
                    "0.12.0-dev",
                    "mine@0.12.0-dev",
                    "versions/0.12.0-dev",
                    "src versions/0.12.0-dev ../../framework"
                ),
                row("0.11.0", "mine@0.11.0", "versions/0.11.0", "src versions/0.11.0"),
            ]
        );
        let engines: Vec<_> = all.iter().filter_map(|(_, one)| one.framework.engine.as_deref()).collect();
        assert_eq!(engines, ["engine 2", "engine 1", "engine 2", "engine 2"]);
        assert_eq!(all[1].1.artifacts[0].downloads.as_deref(), Some("much"));
    }

    #[test]
    fn a_backend_without_versions_is_what_it_says() {
        let manifest = parse("").expect("good");
        assert_eq!(manifest.clone().by_version(), [(None, manifest)]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let version = |text: &str| format!("[[version]]\n{text}\n");
        let cases = [
            (version("name = \"new\""), "\"new\" is no version"),
            (version("name = \"1\"") + &version("name = \"1\""), "two [[version]]s are named 1"),
            (version("name = \"1\"\nfolder = \"../other\""), "\"../other\" of version 1 does not lie"),
            (version("name = \"1\"\nfolder = \"/tmp\""), "\"/tmp\" of version 1 does not lie"),
            (version("name = \"1-dev\""), "no [[version]] may be the default: 1-dev"),
            (version("name = \"1\"\ndefault = false"), "no [[version]] may be the default: 1"),
            (version("name = \"1\"\nfeatures = []"), "features"),
        ];
        for (text, expected) in cases {
            let error = parse(&text).expect_err("bad");
            assert!(error.contains(expected), "{error}");
        }
    }
}
