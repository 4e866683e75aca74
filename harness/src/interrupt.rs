//! Ctrl-C, Ctrl-Z and termination signals.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use signal_hook::consts::{SIGHUP, SIGINT, SIGSTOP, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;

use crate::{process, signals};

/// Exit code of a program that a signal of the user's has ended, as shells have it.
pub const EXIT_CODE: i32 = 130;

/// Whether the user asked to stop. The first signal asks for an orderly end, the
/// second one ends the process at once.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// Whether a signal has come.
    is_set: AtomicBool,
    /// Whether the first one already ends the process.
    ends_at_once: AtomicBool,
}

/// The user has asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

impl Interrupt {
    /// Listens for SIGINT, SIGTERM and SIGHUP from here on, but for those that are ignored.
    /// Before, they end the process: there is nothing to keep yet. Ctrl-Z stops what has been
    /// started, too.
    ///
    /// # Errors
    /// Where the handler cannot be installed.
    pub fn listen(&self) -> anyhow::Result<()> {
        let heeded = [SIGINT, SIGTERM, SIGHUP, SIGTSTP].into_iter().filter(|&one| !signals::is_ignored(one));
        let mut heard = Signals::new(heeded).context("cannot listen for Ctrl-C")?;
        let interrupt = self.clone();
        let listen = move || heard.forever().for_each(|signal| interrupt.hear(signal));
        std::thread::Builder::new().spawn(listen).context("cannot start a thread that listens for Ctrl-C")?;
        Ok(())
    }

    fn hear(&self, signal: i32) {
        if signal == SIGTSTP {
            process::stopped(|| drop(signal_hook::low_level::raise(SIGSTOP)));
        } else if self.0.is_set.swap(true, Ordering::SeqCst) || self.0.ends_at_once.load(Ordering::SeqCst) {
            std::process::exit(EXIT_CODE);
        }
    }

    /// Does something that loses nothing when the process ends in the midst of it, and that does
    /// not look whether the user asks to stop: a download goes on from where it was cut.
    pub fn at_once<R>(&self, work: impl FnOnce() -> R) -> R {
        self.0.ends_at_once.store(true, Ordering::SeqCst);
        let done = work();
        self.0.ends_at_once.store(false, Ordering::SeqCst);
        done
    }

    /// Asks for an end as a signal does.
    pub(crate) fn ask(&self) {
        self.0.is_set.store(true, Ordering::SeqCst);
    }

    /// Whether a signal has come.
    pub fn is_set(&self) -> bool {
        self.0.is_set.load(Ordering::SeqCst)
    }

    /// Goes on where no signal has come.
    ///
    /// # Errors
    /// Where one has.
    pub fn check(&self) -> Result<(), Interrupted> {
        if self.is_set() { Err(Interrupted) } else { Ok(()) }
    }
}
