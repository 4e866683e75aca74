//! Where trainmark's own sources lie, and how the files of a backend name them.

use std::path::{Path, PathBuf};

/// The repository's root: the nearest folder upwards from the working folder that
/// holds `backends/` and `harness/`, else where the harness was built from.
pub fn repository_root() -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    here.ancestors()
        .find(|folder| folder.join("backends").is_dir() && folder.join("harness").is_dir())
        .map_or_else(built_from, Path::to_owned)
}

/// The root of the sources that the harness was built from.
fn built_from() -> PathBuf {
    let harness = Path::new(env!("CARGO_MANIFEST_DIR"));
    harness.parent().unwrap_or(harness).to_owned()
}

/// The root of the sources that backends are built with: a repository's, unless it holds
/// backends alone.
pub(super) fn sources(root: &Path) -> PathBuf {
    let root = if root.join("harness/plugin").is_dir() { root.to_owned() } else { built_from() };
    root.canonicalize().unwrap_or(root)
}

/// A path of the repository at `root` as the files of a backend's folder name it: relative inside of
/// the repository, so that the repository can be moved; absolute outside.
///
/// # Errors
/// Where an absolute path is not UTF-8.
pub fn path_to(root: &Path, folder: &Path, path: &str) -> Result<String, String> {
    if let Ok(inside) = folder.strip_prefix(root) {
        return Ok("../".repeat(inside.components().count()) + path);
    }
    let absolute = root.join(path);
    absolute.to_str().map(str::to_owned).ok_or_else(|| format!("{} is not UTF-8", absolute.display()))
}
