//! Printing that does not fail: whoever reads may be gone (`… | head`, a closed
//! terminal), and neither a benchmark nor a list must end in a panic for that. What cannot be
//! written for another reason, such as a full disk, is an error at the command's end.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};
use std::sync::OnceLock;

use trainmark_reports::text::printable;

static LOST: OnceLock<io::Error> = OnceLock::new();

/// Why something that was to go to standard output is not there.
pub(crate) fn lost() -> Option<&'static io::Error> {
    LOST.get()
}

/// Remembers why standard output cannot be written to, unless nobody reads any more.
pub(crate) fn keep_trouble(written: io::Result<()>) {
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
    {
        // The first says what happened.
        let _ = LOST.set(error);
    }
}

pub(crate) fn say(text: Arguments<'_>) {
    keep_trouble(writeln!(io::stdout(), "{}", printable(&text.to_string())));
}

/// Prints a line on standard output.
macro_rules! say {
    ($($text:tt)*) => { crate::output::say(format_args!($($text)*)) };
}

/// Prints a line on standard error.
#[cfg(not(test))]
macro_rules! tell {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let text = format!($($text)*);
        let _ = writeln!(std::io::stderr(), "{}", trainmark_reports::text::printable(&text));
    }};
}

/// The same, where a test's output is kept unless it fails.
#[cfg(test)]
macro_rules! tell {
    ($($text:tt)*) => {{
        #[allow(clippy::print_stderr, reason = "only this is kept from the output of tests that pass")]
        {
            eprintln!($($text)*);
        }
    }};
}

/// Says that nothing keeps a second process out of a folder, whose file system has no locks.
pub(crate) fn tell_without_locks(folder: &std::path::Path) {
    tell!("note: {} is on a file system without locks: start no second trainmark on it", folder.display());
}
