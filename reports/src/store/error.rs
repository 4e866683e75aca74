//! What can go wrong with a run folder, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use crate::record::SCHEMA;
use crate::text::one_line;

/// A run folder could not be made, read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file system has no room left for the record.
    #[error(
        "no space left on device to {action} {}: free space there, or choose another folder with \
         `--out DIR`; then continue with `--resume`",
        path.display()
    )]
    NoSpace {
        /// What was tried, such as `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// Any other error of the operating system.
    #[error("cannot {action} {}: {cause}", path.display())]
    Io {
        /// What was tried, such as `write`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's error.
        cause: io::Error,
    },
    /// The name of a run is not a plain folder name.
    #[error(
        "`{id:.60}` cannot name a run folder: use at most {} letters, digits, `.`, `_` and `-`, not first a `.`",
        super::LONGEST_NAME
    )]
    Name {
        /// The name.
        id: String,
    },
    /// The folder of a new run is not empty.
    #[error("{} already holds a run: choose another name, or continue it with `--resume`", folder.display())]
    Exists {
        /// The folder.
        folder: PathBuf,
    },
    /// A file that would be overwritten is not trainmark's.
    #[error(
        "{} was not written by trainmark and is left as it is: move it away to get a list of the runs there",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Another process has the folder open for writing.
    #[error(
        "another trainmark is writing to {}: wait until it ends, or choose another folder with `--out DIR`",
        folder.display()
    )]
    Locked {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder holds no record.
    #[error("{} is not a run folder: it holds no events.jsonl", folder.display())]
    NotARun {
        /// The folder.
        folder: PathBuf,
    },
    /// No run was ever recorded there.
    #[error("no run in {}: start one with `bench`", parent.display())]
    NoRuns {
        /// The folder of the run folders.
        parent: PathBuf,
    },
    /// The record ends before its first line does.
    #[error("{} holds no whole line: the run ended before it began; start it again", path.display())]
    Empty {
        /// The record.
        path: PathBuf,
    },
    /// A line that is not the last is not an event.
    #[error("{}, line {line}: {cause}; the record is damaged there: restore it, or start a new run", path.display())]
    Invalid {
        /// The record.
        path: PathBuf,
        /// 1-based.
        line: usize,
        /// What is wrong with it.
        cause: String,
    },
    /// Another version of trainmark wrote the record.
    #[error(
        "{} has record schema {found}, this trainmark reads schema {SCHEMA}: use trainmark {writer}, which \
         wrote it, or run the benchmark again",
        path.display()
    )]
    Schema {
        /// The record.
        path: PathBuf,
        /// Its schema.
        found: u64,
        /// Version of the trainmark that wrote it, or words that it is not known.
        writer: String,
    },
    /// An event that could not be read back, such as one with an infinite time.
    #[error("cannot record an event in {}: {cause}", path.display())]
    Event {
        /// The record.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// The times of operations cannot be used.
    #[error(
        "cannot use {}: {cause}; move it away and measure again with `trainmark operations`",
        path.display()
    )]
    Operations {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// A document of times is asked for of a run that has none.
    #[error("no number for a dashboard in {run}: {why}; its report has the reasons")]
    NothingTimed {
        /// The run.
        run: String,
        /// Why there is nothing.
        why: &'static str,
    },
    /// A CSV file or the report could not be made of the record, which is a bug.
    #[error("cannot make {file} of the record: {cause}; please report this")]
    Render {
        /// The file.
        file: &'static str,
        /// What failed.
        cause: String,
    },
}

impl StoreError {
    /// Names what was tried with which file, and singles out a full disk.
    pub(crate) fn io(action: &'static str, path: &Path, cause: io::Error) -> Self {
        let path = path.to_path_buf();
        match cause.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace { action, path },
            _ => Self::Io { action, path, cause },
        }
    }

    /// It on one line, with files named from `folder` on: where that lies is nobody's business.
    pub(crate) fn within(&self, folder: &Path) -> String {
        one_line(&self.to_string().replace(&format!("{}/", folder.display()), ""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_says_what_to_do() {
        let error =
            StoreError::io("write", Path::new("runs/a/events.jsonl"), io::ErrorKind::StorageFull.into());
        insta::assert_snapshot!(error, @"no space left on device to write runs/a/events.jsonl: free space there, or choose another folder with `--out DIR`; then continue with `--resume`");
    }
}
