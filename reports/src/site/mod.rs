//! Static pages of many runs: which framework now, each framework over its versions, the defects that were
//! found, and for each number its record, its checks, its library and the command that repeats it.
//!
//! What is published of a run is its [pack](crate::submission), made anew, so that no page, table or script
//! of somebody else gets there.

mod defects;
mod entry;
mod level;
mod number;
mod pages;
mod rows;
mod selection;
mod settings;
mod sources;
#[cfg(test)]
mod tests;
mod version;

use std::fs;
use std::path::{Path, PathBuf};

use crate::files;
use crate::store::StoreError;
use crate::submission::{Anonymizer, Finding, Submission};
use crate::threads;
use entry::Verified;
use pages::Pages;
use selection::Selection;
use settings::Settings;

/// First page of a site.
pub const FILE: &str = "index.html";
/// Folder of the runs in it.
const RUNS: &str = "runs";
/// Folder of the frameworks' pages in it.
const FRAMEWORKS: &str = "frameworks";
/// Runs that are verified before the next ones are begun with, for each thread.
const AT_ONCE_BY_A_THREAD: usize = 4;
/// Stands in every page, so that another's file is never overwritten.
const GENERATOR: &str = r#"<meta name="generator" content="trainmark site">"#;

/// What a site is made with.
pub struct Making<'m> {
    /// Every check of a submission.
    pub verify: &'m (dyn Fn(&Submission) -> Vec<Finding> + Sync),
    /// What is left out of what is published.
    pub anonymizer: &'m Anonymizer,
    /// `docs/defects.md`.
    pub defects: &'m str,
    /// When it is made, in seconds since the Unix epoch.
    pub unix_time: f64,
}

/// What was made.
#[derive(Debug)]
pub struct Written {
    /// The first page.
    pub first: PathBuf,
    /// Pages, the runs' own reports among them.
    pub pages: usize,
    /// Runs that are shown.
    pub shown: usize,
    /// Runs that are not, by their places in the folder, and why.
    pub refused: Vec<(String, String)>,
    /// Runs that the maintainers list and that are not shown, a line for each.
    pub unmet: Vec<String>,
}

/// A site could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SiteError {
    /// The folder of the runs, or what is written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What the maintainers have written of it.
    #[error("{}: {why}", path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// There is something else.
    #[error("{} holds other files: name a new folder with --out, or one of an earlier site", path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
    },
}

/// Writes the pages of all runs below `dir` into `out`.
///
/// # Errors
/// Where `dir` or its settings cannot be read, or `out` cannot be written or is no site's. A run that cannot
/// be shown is named in what is returned.
pub fn write(dir: &Path, out: &Path, making: &Making<'_>) -> Result<Written, SiteError> {
    let settings = Settings::read(dir)?;
    let found = sources::find(dir)?;
    clear(out)?;
    let mut selection = Selection::new(&settings, out, found.unreadable);
    // What is not published yet is kept in memory: of a few runs at a time.
    for some in found.sources.chunks(AT_ONCE_BY_A_THREAD * threads::count()) {
        let verified = threads::on_all(some, |source| Verified::of(dir, source, making));
        some.iter().zip(verified).for_each(|(source, verified)| selection.take(source, verified));
    }
    let unmet = selection.unmet();
    let Selection { mut entries, mut refused, .. } = selection;
    refused.sort();
    entries.sort_by(|a, b| b.unix_time().total_cmp(&a.unix_time()));
    let pages = Pages { entries: &entries, refused: &refused, settings: &settings, making };
    let written = pages.write(out)?;
    let (first, pages, shown) = (out.join(FILE), written + entries.len(), entries.len());
    Ok(Written { first, pages, shown, refused, unmet })
}

/// Whether a folder is what [`write`] has made.
fn is_site(folder: &Path) -> bool {
    let page = files::read(&folder.join(FILE), files::RECORD_LIMIT);
    page.is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(GENERATOR))
}

/// Makes the folder, or takes away an earlier site's pages.
fn clear(out: &Path) -> Result<(), SiteError> {
    fs::create_dir_all(out).map_err(|cause| StoreError::io("create", out, cause))?;
    let is_empty = crate::store::entries(out)?.is_empty();
    if !is_empty && !is_site(out) {
        return Err(SiteError::Foreign { path: out.to_path_buf() });
    }
    for folder in [RUNS, FRAMEWORKS].map(|name| out.join(name)) {
        match fs::remove_dir_all(&folder) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                return Err(StoreError::io("remove", &folder, cause).into());
            }
            _ => {}
        }
    }
    Ok(())
}
