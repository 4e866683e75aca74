//! A folder of crates that are not published as they lie there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use serde::Deserialize;

/// Folders of a working copy's packages, by their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WorkingCopy(pub(super) BTreeMap<String, PathBuf>);

/// What cargo tells of a workspace, as far as it is asked here.
#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
}

impl WorkingCopy {
    /// Asks cargo what packages a folder holds.
    ///
    /// # Errors
    /// Where it holds none, in cargo's words.
    pub(super) fn find(folder: &Path) -> anyhow::Result<Self> {
        let printed = cargo_metadata(folder, &["--no-deps"])
            .with_context(|| format!("{} is no working copy of crates", folder.display()))?;
        let metadata: Metadata =
            serde_json::from_slice(&printed).context("what `cargo metadata` prints cannot be read")?;
        let packages = metadata.packages.into_iter();
        let packages = packages.filter_map(|one| Some((one.name, one.manifest_path.parent()?.to_owned())));
        Ok(Self(packages.collect()))
    }

    /// Keeps those that a lock file names.
    ///
    /// # Errors
    /// Where it names none of them.
    pub(super) fn in_lock(mut self, lock: &Lock) -> anyhow::Result<Self> {
        let all = self.0.keys().cloned().collect::<Vec<_>>().join(", ");
        self.0.retain(|name, _| lock.version(name).is_some());
        if self.0.is_empty() {
            bail!("the backend is built with none of the packages that lie there: {all}");
        }
        Ok(self)
    }
}

/// A `Cargo.lock`.
#[derive(Debug, Deserialize)]
pub(super) struct Lock {
    #[serde(default, rename = "package")]
    packages: Vec<Locked>,
}

#[derive(Debug, Deserialize)]
struct Locked {
    name: String,
    version: String,
}

impl Lock {
    /// The version of a package, of several the last.
    pub(super) fn version(&self, name: &str) -> Option<&str> {
        let mut of_name = self.packages.iter().rev().filter(|one| one.name == name);
        of_name.next().map(|one| &*one.version)
    }
}

/// What `cargo metadata` prints of a folder's package; it brings its lock file up to date unless it
/// is told to look at no dependencies.
///
/// # Errors
/// The first line that cargo has printed of what is wrong, and what caused it.
pub(super) fn cargo_metadata(folder: &Path, options: &[&str]) -> anyhow::Result<Vec<u8>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version=1", "--color=never"])
        .args(options)
        .current_dir(folder)
        .output()
        .with_context(|| format!("cannot run cargo in {}", folder.display()))?;
    if !output.status.success() {
        let printed = String::from_utf8_lossy(&output.stderr);
        let lines = printed.lines().map(str::trim).filter(|line| !line.is_empty());
        bail!("{}", lines.collect::<Vec<_>>().join(" ").trim_start_matches("error: "));
    }
    Ok(output.stdout)
}
