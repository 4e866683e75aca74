//! Why a job was not done: one word for worker, executor, benchmark and record.

use serde::{Deserialize, Serialize};
use trainmark_plugin::host::LoadError;
use trainmark_plugin::{Error, ErrorKind};
use trainmark_reports::record::RunOutcome;

use crate::interrupt::Interrupted;

/// What went wrong with a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// The kind, which decides the outcome's name.
    pub kind: FailureKind,
    /// Why, in one or two lines.
    pub reason: String,
    /// Last lines that the worker printed.
    #[serde(skip)]
    pub log_tail: Option<String>,
}

/// Kinds of failure. What only a watcher can tell, no worker may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The backend declined.
    Unsupported,
    /// The library cannot be loaded.
    NotLoaded,
    /// Error, panic, crash or exit, or a device that is absent, lost or too old.
    Failed,
    /// Memory of host or device is exhausted.
    OutOfMemory,
    /// A call took too long.
    #[serde(skip)]
    TimedOut,
    /// The user has stopped it.
    #[serde(skip)]
    Interrupted,
}

impl Failure {
    /// One of which nothing was printed, or not yet.
    pub fn new(kind: FailureKind, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into(), log_tail: None }
    }

    /// The outcome that a run with this failure has.
    pub fn outcome(&self) -> RunOutcome {
        match self.kind {
            FailureKind::Unsupported => RunOutcome::Unsupported,
            FailureKind::Failed | FailureKind::NotLoaded => RunOutcome::Failed,
            FailureKind::TimedOut => RunOutcome::TimedOut,
            FailureKind::OutOfMemory => RunOutcome::OutOfMemory,
            FailureKind::Interrupted => RunOutcome::Interrupted,
        }
    }

    /// The last lines that the worker printed, one by one.
    pub fn log_lines(&self) -> impl Iterator<Item = &str> {
        self.log_tail.iter().flat_map(|tail| tail.lines())
    }

    /// Whether the user has stopped it.
    pub fn is_interruption(&self) -> bool {
        self.kind == FailureKind::Interrupted
    }
}

impl From<Interrupted> for Failure {
    fn from(interrupted: Interrupted) -> Self {
        Self::new(FailureKind::Interrupted, interrupted.to_string())
    }
}

/// What made a worker's job fail: a plugin's own error, or anything else.
impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        let of_plugin = error.downcast_ref::<Error>();
        let kind = match of_plugin.map(|error| error.kind) {
            Some(ErrorKind::Unsupported) => FailureKind::Unsupported,
            Some(ErrorKind::OutOfMemory) => FailureKind::OutOfMemory,
            None if error.is::<LoadError>() => FailureKind::NotLoaded,
            _ => FailureKind::Failed,
        };
        match of_plugin {
            // The outcome's name says what it is.
            Some(plugin) if plugin.kind == ErrorKind::Failed || kind != FailureKind::Failed => {
                Self::new(kind, &plugin.message)
            }
            _ => Self::new(kind, format!("{error:#}")),
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.outcome().with_reason(Some(&self.reason)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_with_its_outcome_but_nothing_twice() {
        let failed = Failure::new(FailureKind::NotLoaded, "it is a folder");
        assert_eq!(failed.to_string(), "failed: it is a folder");
        assert_eq!(Failure::from(Interrupted).to_string(), "interrupted");
    }

    #[test]
    fn a_plugins_error_keeps_its_kind() {
        let told = |kind| {
            let failure = Failure::from(anyhow::Error::from(Error::new(kind, "open: odd")));
            (failure.kind, failure.reason)
        };
        assert_eq!(told(ErrorKind::Unsupported), (FailureKind::Unsupported, "open: odd".to_owned()));
        assert_eq!(told(ErrorKind::Failed), (FailureKind::Failed, "open: odd".to_owned()));
        assert_eq!(told(ErrorKind::Panic), (FailureKind::Failed, "panic: open: odd".to_owned()));
        assert_eq!(told(ErrorKind::Device), (FailureKind::Failed, "device error: open: odd".to_owned()));
    }

    #[test]
    fn a_worker_cannot_claim_what_only_its_watcher_tells() {
        for kind in ["interrupted", "timed_out"] {
            assert!(serde_json::from_str::<FailureKind>(&format!("{kind:?}")).is_err());
        }
    }
}
