//! What can go wrong between asking for a data set and mapping it.

use std::io;
use std::path::{Path, PathBuf};

/// Why a data set cannot be had. Each message names the file or place, what
/// was wrong there, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file is not what its name promises.
    #[error("{}: {mismatch}; {remedy}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What it should hold, and holds.
        mismatch: Mismatch,
        /// What to do about it.
        remedy: String,
    },
    /// A folder that was named explicitly lacks files.
    #[error("{} ({origin}) lacks {}; run `{fetch}` to download them there, or drop {origin}", dir.display(), files.join(", "))]
    Missing {
        /// The folder.
        dir: PathBuf,
        /// What named it: `--data-dir` or `TRAINMARK_DATA`.
        origin: &'static str,
        /// The files that are not there.
        files: Vec<String>,
        /// The command that downloads them.
        fetch: String,
    },
    /// A folder or file cannot be read or written.
    #[error("cannot {action} {}: {cause}; {remedy}", path.display())]
    Io {
        /// `read`, `map`…
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        cause: io::Error,
        /// What to do about it.
        remedy: &'static str,
    },
    /// The files are nowhere on this machine and cannot be brought there.
    #[error("{0}; give its files with --data-dir DIR, or use --dataset synthetic")]
    Absent(Absence),
    /// The decoded files are not what they were.
    #[error(
        "the decoded data set in {} has been written to since it was checked, by a backend or another program; begin a new benchmark, which decodes it anew",
        dir.display()
    )]
    Changed {
        /// Their folder.
        dir: PathBuf,
    },
    /// A folder that was named holds other files under the names of those that are to be fetched.
    #[error("{} ({origin}) holds another {name}: {state}; name a folder without it: nothing is overwritten", dir.display())]
    Occupied {
        /// The folder.
        dir: PathBuf,
        /// What named it.
        origin: &'static str,
        /// The file.
        name: String,
        /// What it is.
        state: String,
    },
    /// A folder of the user's own files lacks some.
    #[error(
        "{} {} {}, or as .gz; docs/workloads.md says how such a folder is made",
        folder.display(),
        if *is_folder { "lacks" } else { "is no folder: it is to hold" },
        files.join(", ")
    )]
    OwnMissing {
        /// The folder.
        folder: PathBuf,
        /// Whether it is one.
        is_folder: bool,
        /// The files that are not there.
        files: Vec<String>,
    },
    /// One file is there under two names.
    #[error("{} and {} are there, and one of them is wanted: move the other away", one.display(), other.display())]
    Ambiguous {
        /// The one.
        one: PathBuf,
        /// The other.
        other: PathBuf,
    },
    /// Options that exclude each other were given.
    #[error("{0}")]
    Contradiction(&'static str),
    /// The procedural data set came out different from its pinned fingerprint.
    #[error(
        "the data set `synthetic` came out with the fingerprint {found} instead of {expected}: a bug of trainmark on this platform; please report it, and use --dataset fashion-mnist meanwhile"
    )]
    SyntheticDiffers {
        /// The pinned fingerprint.
        expected: &'static str,
        /// The one found.
        found: String,
    },
}

/// How the bytes of a file differ from what was wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found}")]
pub struct Mismatch {
    /// What the format or the data set asks for.
    pub expected: String,
    /// What the bytes are.
    pub found: String,
}

impl Mismatch {
    pub(super) fn new(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { expected: expected.into(), found: found.into() }
    }

    /// The same as an error, naming its file and what to do.
    pub(super) fn in_file(self, path: &Path, remedy: impl Into<String>) -> DataError {
        DataError::Malformed { path: path.to_owned(), mismatch: self, remedy: remedy.into() }
    }
}

/// Why the published files cannot be had where nothing was named explicitly:
/// the errors that `--dataset auto` answers with the procedural data set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Absence {
    /// Not here, and `--offline` was given.
    #[error("{dataset} is not on this machine ({found}) and --offline forbids downloading it")]
    Offline {
        /// The data set.
        dataset: &'static str,
        /// Where it was looked for, and what was found there.
        found: String,
    },
    /// Every address failed.
    #[error("cannot download {file}: {attempts}")]
    Download {
        /// The file.
        file: &'static str,
        /// Each address with its reason.
        attempts: String,
    },
    /// The folder that downloads go to cannot be used.
    #[error("cannot {action} {}: {cause}", path.display())]
    Folder {
        /// `create`, `write`…
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        cause: io::Error,
    },
    /// There is no folder to download into.
    #[error("no folder to download into: neither HOME nor XDG_CACHE_HOME is set")]
    NoCache,
}

// Not by thiserror: the message holds the absence already, and as a source it
// would be told twice.
impl From<Absence> for DataError {
    fn from(absence: Absence) -> Self {
        Self::Absent(absence)
    }
}

impl Absence {
    pub(super) fn folder(action: &'static str, path: &Path, cause: io::Error) -> Self {
        Self::Folder { action, path: path.to_owned(), cause }
    }
}
