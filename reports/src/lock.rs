//! One process at a time, by a lock on a file.

use std::fs::{File, TryLockError};
use std::io;
use std::time::Duration;

/// How often another's lock is looked at.
const PACE: Duration = Duration::from_millis(20);

/// How it went with a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locked {
    /// It is held until the file is closed.
    Held,
    /// Another process holds it.
    ByAnother,
    /// The file system has no locks, as some network file systems, or refuses this one. Whoever
    /// asked goes on without, and says so.
    Unknown,
}

/// Locks a file until it is closed, which the system does where the process ends, however it
/// ends. While another process holds the lock, `goes_on` is asked after each try, with their
/// number; [`Locked::ByAnother`] where it says no.
pub fn lock(file: &File, mut goes_on: impl FnMut(u32) -> bool) -> Locked {
    let mut tries = 1;
    loop {
        match file.try_lock() {
            Ok(()) => return Locked::Held,
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(TryLockError::Error(_)) => return Locked::Unknown,
            Err(TryLockError::WouldBlock) if !goes_on(tries) => return Locked::ByAnother,
            Err(TryLockError::WouldBlock) => std::thread::sleep(PACE),
        }
        tries += 1;
    }
}
