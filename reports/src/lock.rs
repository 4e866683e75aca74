//! One process at a time, by a lock on a file.

use std::fs::{File, TryLockError};
use std::io;
use std::time::Duration;

/// How often another's lock is looked at.
const PACE: Duration = Duration::from_millis(20);

/// Locks a file until it is closed, which the system does where the process ends, however it
/// ends. While another process holds the lock, `goes_on` is asked after each try, with their
/// number; returns whether the lock was had before it said no.
///
/// # Errors
/// Where the file cannot be locked. Some network file systems know no locks at all:
/// [`io::ErrorKind::Unsupported`], or another kind.
pub fn lock(file: &File, mut goes_on: impl FnMut(u32) -> bool) -> io::Result<bool> {
    let mut tries = 1;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if !goes_on(tries) => return Ok(false),
            Err(TryLockError::WouldBlock) => std::thread::sleep(PACE),
        }
        tries += 1;
    }
}
