//! Where a new backend lies, and how it gets from there to the plugin crate and the
//! C header.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, bail};

use crate::registry::path_to;
use crate::shell;

/// A folder that is not there yet.
#[derive(Debug)]
pub(super) struct NewFolder {
    /// Absolute, without `..` and links.
    pub(super) path: PathBuf,
    root: PathBuf,
}

impl NewFolder {
    /// # Errors
    /// Where `root` does not hold the plugin crate, or a path cannot be resolved.
    pub(super) fn find(folder: &Path, root: &Path) -> anyhow::Result<Self> {
        let root = root.canonicalize().with_context(|| format!("cannot find {}", root.display()))?;
        if !root.join("harness/plugin/Cargo.toml").is_file() {
            bail!(
                "{} holds no harness/plugin, which a backend is built with; run this in trainmark's repository",
                root.display()
            );
        }
        let absolute =
            std::path::absolute(folder).with_context(|| format!("cannot use {}", folder.display()))?;
        let folder = resolve(&absolute).with_context(|| format!("cannot use {}", folder.display()))?;
        Ok(Self { path: folder, root })
    }

    /// A path of the repository as the backend's files name it.
    ///
    /// # Errors
    /// Where an absolute path is not UTF-8.
    pub(super) fn to_repository(&self, path: &str) -> anyhow::Result<String> {
        path_to(&self.root, &self.path, path).map_err(anyhow::Error::msg)
    }

    /// Whether it is a part of the repository.
    pub(super) fn is_inside(&self) -> bool {
        self.path.starts_with(&self.root)
    }

    /// The repository's `Cargo.lock`: with it the backend has the same versions of what
    /// they share, and builds without network. Cargo drops from it what is not used.
    pub(super) fn lock(&self) -> Option<String> {
        std::fs::read_to_string(self.root.join("Cargo.lock")).ok()
    }

    /// What the command line needs to find the backend: nothing where it is looked for anyway.
    pub(super) fn options(&self) -> String {
        if self.path.parent() == Some(&self.root.join("backends")) {
            return String::new();
        }
        format!(" --backend-path {}", shell::quoted_path(&self.path))
    }
}

/// The folder with links and `..` resolved as far as it exists.
fn resolve(path: &Path) -> std::io::Result<PathBuf> {
    let mut missing: Vec<&OsStr> = Vec::new();
    for existing in path.ancestors() {
        if let Ok(found) = existing.canonicalize() {
            return Ok(missing.into_iter().rev().fold(found, |folder, name| folder.join(name)));
        }
        match existing.components().next_back() {
            Some(Component::Normal(name)) => missing.push(name),
            // Nobody can say where `..` of a folder leads that is not there.
            _ => break,
        }
    }
    Err(std::io::ErrorKind::NotFound.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository() -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir_all(root.path().join("harness/plugin")).expect("writable");
        std::fs::create_dir(root.path().join("backends")).expect("writable");
        std::fs::write(root.path().join("harness/plugin/Cargo.toml"), "").expect("writable");
        root
    }

    #[test]
    fn inside_the_repository_paths_are_relative() {
        let root = repository();
        let own = NewFolder::find(&root.path().join("backends/mine"), root.path()).expect("it may be there");
        assert_eq!(own.to_repository("harness/plugin").expect("UTF-8"), "../../harness/plugin");
        assert_eq!((own.is_inside(), own.options()), (true, String::new()));
        let deep = root.path().join("a/../backends/x/mine");
        assert!(NewFolder::find(&deep, root.path()).is_err(), "a is not there");
        let deep =
            NewFolder::find(&root.path().join("backends/../a b/mine"), root.path()).expect("it may be there");
        assert_eq!(deep.to_repository("harness").expect("UTF-8"), "../../harness");
        let root = root.path().canonicalize().expect("it is there");
        assert_eq!(deep.options(), format!(" --backend-path '{}/a b/mine'", root.display()));
    }

    #[test]
    fn outside_of_the_repository_paths_are_absolute() {
        let (root, elsewhere) = (repository(), tempfile::tempdir().expect("a temporary folder"));
        let place = NewFolder::find(&elsewhere.path().join("mine"), root.path()).expect("it may be there");
        let expected = root.path().canonicalize().expect("it is there").join("harness/plugin");
        assert_eq!(place.to_repository("harness/plugin").expect("UTF-8"), expected.display().to_string());
        assert!(!place.is_inside());
    }

    #[test]
    fn without_the_plugin_crate_nothing_can_be_built() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let error =
            NewFolder::find(&root.path().join("mine"), root.path()).expect_err("no repository").to_string();
        assert!(error.contains("holds no harness/plugin"), "{error}");
    }
}
