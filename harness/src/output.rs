//! Printing that does not fail: whoever reads may be gone (`… | head`, a closed
//! terminal), and neither a benchmark nor a list must end in a panic for that.

/// Prints a line on standard output.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($text)*);
    }};
}

/// Prints a line on standard error.
#[cfg(not(test))]
macro_rules! tell {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($text)*);
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
