//! Exit codes, as the README documents them.

/// Everything asked for was done.
pub const OK: i32 = 0;
/// A run failed, a check did not pass, or nothing could be run.
pub const FAILED: i32 = 1;
/// The command line or an input cannot be used.
pub const USAGE: i32 = 2;
/// Ctrl-C or a termination signal; what was recorded until then is kept.
pub const INTERRUPTED: i32 = 130;

/// The error of a command that was interrupted before it had anything to keep.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;
