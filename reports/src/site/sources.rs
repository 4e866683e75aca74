//! The run folders and packs below a folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::collection::Collection;
use crate::store::StoreError;

/// What there is.
pub(super) struct Sources {
    /// Run folders, then packs, each relative to the folder.
    pub(super) sources: Vec<PathBuf>,
    /// What is none and looks like one, and why.
    pub(super) unreadable: Vec<(String, String)>,
}

/// Looks below a folder. Links are not followed, and what is hidden or a site has written is passed over.
/// A run that lies there twice is told twice: which of them is shown, their records decide.
pub(super) fn find(dir: &Path) -> Result<Sources, StoreError> {
    let collection = Collection::read_with(dir, drop)?;
    let mut sources: Vec<PathBuf> = collection.runs.into_iter().map(|run| run.path).collect();
    sources.extend(collection.copies.into_iter().map(|(path, _)| path));
    sources.extend(collection.disputed.into_iter().flat_map(|disputed| disputed.paths));
    sources.extend(collection.packs);
    let mut sites = BTreeMap::new();
    sources.retain(|path| !is_of_site(dir, path, &mut sites));
    let mut unreadable = collection.unreadable;
    unreadable.retain(|(path, _)| !is_of_site(dir, path, &mut sites));
    let unreadable = unreadable.into_iter().map(|(path, reason)| (name(&path), reason));
    Ok(Sources { sources, unreadable: unreadable.collect() })
}

/// A run by its place in the folder, which may be the run.
pub(super) fn name(source: &Path) -> String {
    if source.as_os_str().is_empty() { ".".to_owned() } else { source.display().to_string() }
}

/// Whether a folder above is a site, whose runs are copies of others. `known` are those that were looked at.
fn is_of_site(dir: &Path, path: &Path, known: &mut BTreeMap<PathBuf, bool>) -> bool {
    let above = path.ancestors().skip(1).filter(|above| *above != Path::new(""));
    above
        .into_iter()
        .any(|above| *known.entry(above.to_path_buf()).or_insert_with(|| super::is_site(&dir.join(above))))
}
