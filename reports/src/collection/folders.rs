//! Where run folders and packs lie below a folder.

use std::path::{Path, PathBuf};

use crate::files;
use crate::store::{self, EVENTS_FILE, StoreError};

/// How deep below the folder is looked: a repository keeps its runs by machine, year and branch, but a
/// disk has no end.
const DEEPEST: usize = 8;

/// What was found, by path, relative to the folder.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) runs: Vec<PathBuf>,
    pub(super) packs: Vec<PathBuf>,
    pub(super) unreadable: Vec<(PathBuf, String)>,
}

/// Every run folder and pack below `folder`, or itself where it is a run folder.
///
/// # Errors
/// When `folder` cannot be read; one below it is named instead.
pub(super) fn find(folder: &Path) -> Result<Found, StoreError> {
    let mut found = Found::default();
    let top = store::entries(folder)?;
    found.look_at(folder, PathBuf::new(), top, 0);
    found.runs.sort();
    found.packs.sort();
    Ok(found)
}

impl Found {
    fn look_at(&mut self, folder: &Path, path: PathBuf, entries: Vec<PathBuf>, depth: usize) {
        if entries.iter().any(|entry| entry.file_name().is_some_and(|name| name == EVENTS_FILE)) {
            self.runs.push(path);
            return;
        }
        for entry in entries.into_iter().filter(|entry| is_looked_at(entry)) {
            let below = path.join(entry.file_name().unwrap_or_default());
            if !entry.is_dir() {
                let is_pack = below.as_os_str().as_encoded_bytes().ends_with(b".tar.gz");
                if is_pack && entry.is_file() {
                    self.packs.push(below);
                }
                continue;
            }
            if depth == DEEPEST {
                let reason = format!("it lies deeper than {DEEPEST} folders: name one nearer to it");
                self.unreadable.push((below, reason));
                continue;
            }
            match store::entries(&entry) {
                Ok(entries) => self.look_at(folder, below, entries, depth + 1),
                Err(error) => self.unreadable.push((below, error.within(folder))),
            }
        }
    }
}

/// Whether it may be a run, or a folder of runs.
fn is_looked_at(entry: &Path) -> bool {
    let is_hidden = entry.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    !is_hidden && !files::is_link(entry)
}
