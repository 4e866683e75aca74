//! The run folders and packs below a folder.

use std::path::{Path, PathBuf};

use crate::collection::Collection;
use crate::files;
use crate::store::{self, EVENTS_FILE, StoreError};

/// What there is.
pub(super) struct Sources {
    /// Run folders, then packs, each relative to the folder.
    pub(super) sources: Vec<PathBuf>,
    /// What is none and looks like one, and why.
    pub(super) unreadable: Vec<(String, String)>,
}

/// Looks below a folder. Links are not followed, and what is hidden is passed over.
pub(super) fn find(dir: &Path) -> Result<Sources, StoreError> {
    let collection = Collection::read_with(dir, drop)?;
    let mut sources: Vec<PathBuf> = collection.runs.into_iter().map(|run| run.path).collect();
    packs(dir, Path::new(""), &mut sources)?;
    let told = |path: PathBuf| path.display().to_string();
    let unreadable = collection.unreadable.into_iter().map(|(path, reason)| (told(path), reason));
    let copies = collection.copies.into_iter();
    let copies = copies.map(|(path, of)| (told(path), format!("the same run as {}", of.display())));
    Ok(Sources { sources, unreadable: unreadable.chain(copies).collect() })
}

fn packs(dir: &Path, below: &Path, found: &mut Vec<PathBuf>) -> Result<(), StoreError> {
    let mut entries = store::entries(&dir.join(below))?;
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap_or_default();
        if name.as_encoded_bytes().starts_with(b".") || files::is_link(&path) {
            continue;
        }
        let place = below.join(name);
        if path.is_dir() && !path.join(EVENTS_FILE).exists() {
            packs(dir, &place, found)?;
        } else if path.is_file() && name.as_encoded_bytes().ends_with(b".tar.gz") {
            found.push(place);
        }
    }
    Ok(())
}
