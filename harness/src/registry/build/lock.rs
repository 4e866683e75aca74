//! One build of a backend at a time, in whichever process.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::interrupt::Interrupt;

/// Name of the file in a backend's target folder.
const FILE: &str = "build.lock";
/// How often another's lock is looked at.
const PACE: Duration = Duration::from_millis(50);

/// Held while a backend is built; gone with the process.
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of a target folder; `waiting` is called once where another
    /// build has it. `None` where the user interrupts.
    ///
    /// # Errors
    /// Where the file cannot be made.
    pub(super) fn take(
        folder: &Path,
        interrupt: &Interrupt,
        waiting: &mut dyn FnMut(),
    ) -> io::Result<Option<Self>> {
        let file = File::options().create(true).append(true).open(folder.join(FILE))?;
        let mut has_told = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Some(Self { _file: file })),
                // Some network file systems know no locks; cargo goes on there as well.
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                    return Ok(Some(Self { _file: file }));
                }
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) if interrupt.is_set() => return Ok(None),
                Err(TryLockError::WouldBlock) => {
                    if !has_told {
                        has_told = true;
                        waiting();
                    }
                    std::thread::sleep(PACE);
                }
            }
        }
    }
}
