//! Ctrl-C and termination signals.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;

/// Whether the user asked to stop. The first signal asks for an orderly end, the
/// second one ends the process at once.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

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
                std::process::exit(crate::cli::exit::INTERRUPTED);
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
}
