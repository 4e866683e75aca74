//! Which operations the user's filter accepts, by criterion's own word, before any
//! library is built or loaded.

use std::collections::HashSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context;
use criterion::Criterion;

/// Variable that makes this program list those names of a file that its arguments accept.
pub(crate) const NAMES: &str = "TRAINMARK_OPERATION_NAMES";

/// What criterion's arguments ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Measure and write down.
    Record,
    /// Run without writing down: a test, a profile, a stored baseline.
    Run,
    /// Name the operations.
    List,
}

impl Mode {
    pub(crate) fn of_arguments() -> Self {
        let arguments: Vec<String> = arguments().collect();
        let has = |name: &str| arguments.iter().any(|argument| is_option(argument, name));
        if has("--list") {
            Self::List
        } else if !has("--bench") || has("--test") || has("--profile-time") || has("--load-baseline") {
            Self::Run
        } else {
            Self::Record
        }
    }
}

fn arguments() -> impl Iterator<Item = String> {
    std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned())
}

/// Whether an argument is the option, its value behind `=` or not.
fn is_option(argument: &str, name: &str) -> bool {
    argument.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
}

/// Whether the user gave criterion this option.
pub(crate) fn is_given(name: &str) -> bool {
    arguments().any(|argument| is_option(&argument, name))
}

/// Those of the names that the arguments accept.
pub(crate) fn accepted(names: &[String]) -> anyhow::Result<HashSet<String>> {
    let mut file = tempfile::NamedTempFile::new().context("cannot create a temporary file")?;
    for name in names {
        writeln!(file, "{name}")?;
    }
    let output = Command::new(std::env::current_exe()?)
        .args(listing_arguments(arguments()))
        .env(NAMES, file.path())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start this program to read its filter")?;
    anyhow::ensure!(output.status.success(), "criterion does not accept the arguments");
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().filter_map(|line| line.strip_suffix(": benchmark")).map(str::to_owned).collect())
}

/// The arguments with `--list`, without those that contradict it.
fn listing_arguments(arguments: impl Iterator<Item = String>) -> Vec<String> {
    let mut kept = Vec::new();
    let mut arguments = arguments.peekable();
    while let Some(argument) = arguments.next() {
        if argument == "--profile-time" {
            // Its value.
            arguments.next();
        } else if !["--test", "--list", "--profile-time"].iter().any(|name| is_option(&argument, name)) {
            kept.push(argument);
        }
    }
    kept.push("--list".to_owned());
    kept
}

/// Body of the process that [`NAMES`] asks for.
pub(crate) fn list(path: &Path) -> anyhow::Result<()> {
    let names = std::fs::read_to_string(path).context("cannot read the names of the operations")?;
    let mut criterion = Criterion::default().configure_from_args();
    for name in names.lines() {
        criterion.bench_function(name, |_| {});
    }
    Ok(())
}
