//! Exit codes, as the README documents them.

/// Everything asked for was done.
pub(super) const OK: i32 = 0;
/// A run failed, a check did not pass, or nothing could be run.
pub(super) const FAILED: i32 = 1;
/// The command line or an input cannot be used.
pub(super) const USAGE: i32 = 2;
/// Ctrl-C or a termination signal; what was recorded until then is kept.
pub(super) const INTERRUPTED: i32 = crate::interrupt::EXIT_CODE;
