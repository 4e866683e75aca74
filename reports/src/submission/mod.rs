//! A run that is handed to somebody else: [`pack`] makes one file of its folder, without the names
//! of people and places, and [`checks`] finds what of a record does not agree with itself. What
//! needs workloads and bands of the learning curve beside the record is the harness's to check.

mod anonymous;
mod archive;
mod checks;
mod finding;
mod identifiers;
mod manifest;
mod open;
mod pack;
#[cfg(test)]
pub(crate) mod tests;

pub use anonymous::{Anonymizer, private_paths};
pub use checks::checks;
pub use finding::{Finding, Verdict, findings_grid, findings_json};
pub use manifest::Manifest;
pub(crate) use manifest::is_sha256;
pub use open::Submission;
pub use pack::{Contents, Packed, pack};

use std::io;
use std::path::{Path, PathBuf};

use crate::store::StoreError;

/// The beginning of a name that somebody else has written, without what a terminal would obey.
fn excerpt(name: &str) -> String {
    const LONGEST: usize = 60;
    let plain = name.chars().map(|c| if c.is_control() { '?' } else { c });
    let text: String = plain.take(LONGEST).collect();
    if name.chars().nth(LONGEST).is_some() { text + "…" } else { text }
}

/// A run could not be packed, or a pack could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubmissionError {
    /// The record cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operating system refuses.
    #[error("cannot {action} {}: {cause}", path.display())]
    Io {
        /// What was tried, such as `write`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's error.
        cause: io::Error,
    },
    /// There is neither a folder nor a file.
    #[error("{} is neither a run folder nor a pack", path.display())]
    Nothing {
        /// What was named.
        path: PathBuf,
    },
    /// A file that is no pack.
    #[error("{} is no pack: {why}; make one with `trainmark pack RUN`", path.display())]
    NoPack {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A run of which nothing may be told apart any more.
    #[error(
        "{run_id} is a merged run, whose benchmarks cannot be checked one by one any more: pack each of the runs that it was merged of"
    )]
    Merged {
        /// The run.
        run_id: String,
    },
    /// An event that cannot be written again, which is a bug.
    #[error("cannot encode an event of {run_id}: {cause}; please report this")]
    Encode {
        /// The run.
        run_id: String,
        /// What failed.
        cause: serde_json::Error,
    },
}

impl SubmissionError {
    fn io(action: &'static str, path: &Path, cause: io::Error) -> Self {
        Self::Io { action, path: path.to_path_buf(), cause }
    }
}
