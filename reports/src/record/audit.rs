//! What became of the audit of a timed run.

use serde::{Deserialize, Serialize};

use super::{CheckRecord, Run, RunOutcome};

/// The audit of a timed run: one of its epochs was trained once more, step by step, and held
/// against what the run had said of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Audit {
    /// The audited epoch, 1-based.
    pub epoch: u32,
    /// Wall seconds that it took; they are in no other time.
    pub seconds: f64,
    /// How it ended: `ok`, `not conformant`, or why the epoch could not be made once more.
    pub outcome: RunOutcome,
    /// Why, where it is not `ok`.
    pub reason: Option<String>,
    /// Its checks.
    pub checks: Vec<CheckRecord>,
}

impl Audit {
    /// Whether the run is what it said.
    pub fn passed(&self) -> bool {
        self.outcome == RunOutcome::Ok
    }
}

impl Run {
    /// Takes an audit into account: its checks are among the run's, and a run whose audit did
    /// not end well has not either.
    pub fn take_audit(&mut self, audit: Audit) {
        if !audit.passed() {
            self.end.outcome = audit.outcome;
            self.end.reason.clone_from(&audit.reason);
        }
        if let Some(conformance) = &mut self.end.conformance {
            conformance.checks.extend(audit.checks.iter().cloned());
            conformance.passed &= audit.checks.iter().all(|check| check.passed);
        }
        self.audit = Some(audit);
    }
}
