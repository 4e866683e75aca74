//! What there is to tell of a download.

use std::path::Path;
use std::time::Duration;

use super::publication::PublishedFile;

/// How a download goes. Files come one after another; one that fails at an address may begin
/// again at the next.
#[derive(Debug, Clone, Copy)]
pub enum DownloadEvent<'e> {
    /// Another process downloads into the folder.
    Waiting(&'e Path),
    /// A file is asked for at an address.
    Begun {
        /// The file.
        file: &'e PublishedFile,
        /// Its address.
        url: &'e str,
    },
    /// So many bytes of the file are here.
    GoesOn(u64),
    /// The file is complete, or not to be had at that address.
    Ended {
        /// The file.
        file: &'e PublishedFile,
        /// Time since it began, where it is complete.
        elapsed: Option<Duration>,
    },
}

/// Who is told how a download goes.
pub type Heard<'h> = &'h mut dyn FnMut(DownloadEvent<'_>);
