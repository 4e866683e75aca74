//! Ctrl-C and termination signals.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;

/// Exit code of a program that a signal of the user's has ended, as shells have it.
pub const EXIT_CODE: i32 = 130;

/// Whether the user asked to stop. The first signal asks for an orderly end, the
/// second one ends the process at once.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

/// The user has asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

impl Interrupt {
    /// Listens for SIGINT, SIGTERM and SIGHUP from here on. Before, they end the
    /// process at once: there is nothing to keep yet, and a download goes on from
    /// where it was cut.
    ///
    /// # Errors
    /// Where the handler cannot be installed.
    pub fn listen(&self) -> anyhow::Result<()> {
        let flag = Arc::clone(&self.0);
        ctrlc::set_handler(move || {
            if flag.swap(true, Ordering::SeqCst) {
                std::process::exit(EXIT_CODE);
            }
        })
        .context("cannot listen for Ctrl-C")
    }

    /// Asks for an end as a signal does.
    #[cfg(test)]
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether a signal has come.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Goes on where no signal has come.
    ///
    /// # Errors
    /// Where one has.
    pub fn check(&self) -> Result<(), Interrupted> {
        if self.is_set() { Err(Interrupted) } else { Ok(()) }
    }
}
