//! Signals as this process has got them from its parent, and those that must not end it.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context;
use signal_hook::consts::{SIGCHLD, SIGXFSZ};

/// Makes a file that may not grow any further an error of its writing, and tells of children's
/// ends though the parent has that ignored. What is started has the system's own settings.
///
/// # Errors
/// Where the system refuses.
pub(crate) fn prepare() -> anyhow::Result<()> {
    hear(SIGXFSZ)?;
    if is_ignored(SIGCHLD) { hear(SIGCHLD) } else { Ok(()) }
}

/// Takes signals that would end this process, but for those that are ignored, and does nothing.
/// What it starts has the system's own settings.
///
/// # Errors
/// Where the system refuses.
pub(crate) fn survive<const N: usize>(signals: [i32; N]) -> anyhow::Result<()> {
    signals.into_iter().filter(|&signal| !is_ignored(signal)).try_for_each(hear)
}

/// Takes a signal and does nothing.
fn hear(signal: i32) -> anyhow::Result<()> {
    let nobody = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal, nobody).context("cannot prepare for signals")?;
    Ok(())
}

/// Whether the parent has a signal ignored, as `nohup` has SIGHUP and a shell SIGINT of what it
/// starts in the background; it then stays so. Only Linux tells.
pub(crate) fn is_ignored(signal: i32) -> bool {
    fs::read_to_string("/proc/self/status").is_ok_and(|status| is_ignored_by(&status, signal))
}

fn is_ignored_by(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGPIPE};

    use super::*;

    #[test]
    fn what_is_ignored_is_read_from_the_system() {
        let status = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000002\n";
        let ignored = [SIGHUP, SIGINT, SIGPIPE].map(|signal| is_ignored_by(status, signal));
        assert_eq!(ignored, [true, false, true]);
        assert!(!is_ignored_by("", SIGHUP));
    }
}
