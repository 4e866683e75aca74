//! A version of a backend with a framework that is not published: a working copy on this disk.

mod cargo_toml;
mod working_copy;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, bail};

use super::write;
use crate::registry::manifest::{FILE, Manifest};
use crate::registry::{Backend, Version};
use cargo_toml::CargoToml;
use working_copy::{Lock, WorkingCopy, cargo_metadata};

/// A version that was written.
#[derive(Debug)]
pub struct WrittenVersion {
    /// Its folder.
    pub folder: PathBuf,
    /// The packages of the working copy that it is built with.
    pub packages: Vec<String>,
    /// The version that it may be held against: the backend's default one.
    pub default: String,
}

/// Writes the folder of a version of a backend that is built with the crates in `copy`, and names it
/// in the backend's `backend.toml`.
///
/// # Errors
/// Where the name is none or taken, the backend is not built by cargo or with none of these crates,
/// or something cannot be written.
pub fn create_version(
    backend: &Backend,
    name: &str,
    copy: &Path,
    root: &Path,
) -> anyhow::Result<WrittenVersion> {
    check_name(backend, name)?;
    let copy = copy.canonicalize().with_context(|| format!("no folder {}", copy.display()))?;
    let manifest = Manifest::read(&backend.origin, root)?;
    let place = Place::of(backend, name, manifest)?;
    let lock = place.default.join("Cargo.lock");
    let text = fs::read_to_string(&lock).with_context(|| {
        format!(
            "cannot read {}: build {} first, and only cargo's backends can be built so",
            lock.display(),
            backend.name
        )
    })?;
    let locked: Lock = toml::from_str(&text).with_context(|| format!("cannot read {}", lock.display()))?;
    let copy = WorkingCopy::find(&copy)?.in_lock(&locked)?;
    let cargo_toml = CargoToml::read(&place.default, &place.back, &copy)?.text()?;
    write(&place.folder, &[("Cargo.toml", cargo_toml), ("Cargo.lock", text)])?;
    let added = cargo_metadata(&place.folder, &[])
        .context("cargo cannot put the working copy in place")
        .and_then(|_| place.tell(name, &copy, &locked));
    if let Err(error) = added {
        // A folder that no manifest names would stand in the next try's way.
        let _ = fs::remove_dir_all(&place.folder);
        return Err(error);
    }
    let default = place.named.unwrap_or_else(|| first_version(&copy, &locked));
    Ok(WrittenVersion { folder: place.folder, packages: copy.0.into_keys().collect(), default })
}

fn check_name(backend: &Backend, name: &str) -> anyhow::Result<()> {
    let version = Version::parse(name).map_err(anyhow::Error::msg)?;
    if version.is_release() {
        bail!("{name} reads as a release, which `bench` would take unasked: write {name}-dev or the like");
    }
    if backend.every_version().iter().any(|(known, _)| **known == version) {
        bail!("{} has a version {name} already; choose another name", backend.name);
    }
    Ok(())
}

/// Where a version is written, and what it is made from.
struct Place {
    /// Its folder.
    folder: PathBuf,
    /// The folder that the default version is built in.
    default: PathBuf,
    /// The way from the one to the other.
    back: String,
    /// The backend's manifest.
    manifest: PathBuf,
    /// The default version, if the manifest names it.
    named: Option<String>,
}

impl Place {
    fn of(backend: &Backend, name: &str, manifest: Manifest) -> anyhow::Result<Self> {
        let (version, of_default) = manifest.by_version().swap_remove(0);
        let Some(artifact) = of_default.artifacts.first().filter(|artifact| !artifact.is_python) else {
            bail!(
                "{} is in Python: name an environment with your packages in TRAINMARK_PYTHON instead",
                backend.name
            );
        };
        let names = artifact.folder.components().filter_map(|part| match part {
            Component::Normal(name) => name.to_str(),
            _ => None,
        });
        let back = ["..", ".."].into_iter().chain(names).collect::<Vec<_>>().join("/");
        Ok(Self {
            folder: backend.origin.join("versions").join(name),
            default: backend.origin.join(&artifact.folder),
            back,
            manifest: backend.origin.join(FILE),
            named: version.map(|version| version.to_string()),
        })
    }

    /// Adds the version to the manifest, and the default one where that was the only one.
    fn tell(&self, name: &str, copy: &WorkingCopy, locked: &Lock) -> anyhow::Result<()> {
        let mut added = String::new();
        if self.named.is_none() {
            added += &format!("\n[[version]]\nname = {:?}\nfolder = \".\"\n", first_version(copy, locked));
        }
        let inputs: toml::Value =
            copy.0.values().map(|folder| folder.to_string_lossy().into_owned()).collect::<Vec<_>>().into();
        added += &format!("\n[[version]]\nname = {name:?}\ninputs = {inputs}\n");
        let file = OpenOptions::new().append(true).open(&self.manifest);
        file.and_then(|mut file| file.write_all(added.as_bytes()))
            .with_context(|| format!("cannot add the version to {}", self.manifest.display()))
    }
}

/// What the backend is built with until now, without what may stand behind the numbers: it is the
/// default, as no version with a suffix is.
fn first_version(copy: &WorkingCopy, locked: &Lock) -> String {
    copy.0
        .keys()
        .find_map(|name| locked.version(name)?.split(['-', '+']).next())
        .unwrap_or_default()
        .to_owned()
}
