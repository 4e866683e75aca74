//! What every change of a file changes: its place on the disk, its size, its times.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

use serde::{Deserialize, Serialize};

/// A file at a moment. While it stays the same, so does the content: the system sets the time of
/// a change itself. Where it differs, only the content can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileVersion {
    device: u64,
    number: u64,
    size: u64,
    /// Seconds and nanoseconds of the last change of the content, and of anything.
    times: [i64; 4],
}

impl FileVersion {
    /// That of a file with this metadata.
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            number: metadata.ino(),
            size: metadata.size(),
            times: [metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec()],
        }
    }

    /// Whether both are of one file, whatever was written to it in between.
    pub(crate) fn is_same_file(&self, other: &Self) -> bool {
        (self.device, self.number) == (other.device, other.number)
    }
}
