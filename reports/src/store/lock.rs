//! One writer per run folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::Duration;

use super::StoreError;

/// Name of the lock file. It stays behind, empty: removing it would let a third
/// process lock a new file while a second still waits for the old one.
pub(super) const LOCK_FILE: &str = ".lock";

/// A process that is just being started holds a copy of all open files until it becomes
/// its program, so that a lock may outlive its owner by an instant.
const TRIES: u32 = 10;
const BETWEEN_TRIES: Duration = Duration::from_millis(20);

/// An exclusive lock on a run folder, held until dropped. The operating system
/// releases it when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Locks `folder`, which exists.
    ///
    /// A file of its own is locked, not the record: on Windows a lock keeps
    /// readers out too, and a record may be read while it grows.
    pub(super) fn acquire(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(LOCK_FILE);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|cause| StoreError::io("open", &path, cause))?;
        let mut tries = 1;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) if tries < TRIES => tries += 1,
                Err(TryLockError::WouldBlock) => {
                    return Err(StoreError::Locked { folder: folder.to_path_buf() });
                }
                Err(TryLockError::Error(cause)) => return Err(StoreError::io("lock", &path, cause)),
            }
            std::thread::sleep(BETWEEN_TRIES);
        }
    }
}
