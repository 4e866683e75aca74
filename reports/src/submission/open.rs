//! A submission as it came: a run folder, or a pack.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::manifest::{Manifest, sha256};
use super::{SubmissionError, archive};
use crate::files;
use crate::store::EVENTS_FILE;

/// A run folder to look at, unpacked where it came as a pack.
#[derive(Debug)]
pub struct Submission {
    folder: PathBuf,
    /// Of a pack; removed with this.
    unpacked: Option<TempDir>,
    /// What the pack says that it holds; `None` of a run folder that is no unpacked pack.
    manifest: Option<Result<Manifest, String>>,
}

impl Submission {
    /// Opens a run folder or a pack.
    ///
    /// # Errors
    /// Where there is neither, or the pack cannot be unpacked.
    pub fn open(path: &Path) -> Result<Self, SubmissionError> {
        if path.is_dir() {
            return Ok(Self::in_folder(path.to_path_buf(), None));
        }
        if !path.exists() {
            return Err(SubmissionError::Nothing { path: path.to_path_buf() });
        }
        let packed = files::open_regular(path).map_err(|cause| SubmissionError::io("read", path, cause))?;
        let no_pack = |why: String| SubmissionError::NoPack { path: path.to_path_buf(), why };
        let held = archive::read(packed).map_err(|cause| no_pack(cause.to_string()))?;
        let unpacked = tempfile::tempdir()
            .map_err(|cause| SubmissionError::io("make a folder in", &std::env::temp_dir(), cause))?;
        // A folder within, since what lies beside a run folder may be taken for its own.
        let folder = unpacked.path().join("run");
        for (name, bytes) in held {
            let place = folder.join(&name);
            let made = place.parent().map_or(Ok(()), fs::create_dir_all);
            made.and_then(|()| fs::write(&place, bytes))
                .map_err(|cause| SubmissionError::io("write", &place, cause))?;
        }
        Ok(Self::in_folder(folder, Some(unpacked)))
    }

    fn in_folder(folder: PathBuf, unpacked: Option<TempDir>) -> Self {
        let path = folder.join(Manifest::FILE);
        let manifest = path.exists().then(|| {
            let bytes = files::read_within(&folder, Manifest::FILE, files::TEXT_LIMIT);
            serde_json::from_slice(&bytes.map_err(|error| error.to_string())?)
                .map_err(|error| error.to_string())
        });
        Self { folder, unpacked, manifest }
    }

    /// The run folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether it came as a pack, or says that it was one.
    pub fn is_pack(&self) -> bool {
        self.unpacked.is_some() || self.manifest.is_some()
    }

    /// SHA-256 of its record, in hexadecimal digits, by which it is known from others of its name.
    ///
    /// # Errors
    /// Where the record cannot be read.
    pub fn record_hash(&self) -> Result<String, SubmissionError> {
        let bytes = files::read_within(&self.folder, EVENTS_FILE, files::RECORD_LIMIT);
        let bytes =
            bytes.map_err(|cause| SubmissionError::io("read", &self.folder.join(EVENTS_FILE), cause))?;
        Ok(sha256(&bytes))
    }

    /// What the pack says that it holds, or why that cannot be read; `None` where it says nothing.
    pub fn manifest(&self) -> Option<Result<&Manifest, &str>> {
        self.manifest.as_ref().map(|manifest| manifest.as_ref().map_err(String::as_str))
    }
}
