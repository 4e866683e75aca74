//! Runs that did not train all their epochs.

use serde::Serialize;

use crate::record::{Record, Run};

/// A run that did not train all its epochs.
#[derive(Serialize)]
pub(super) struct Failure {
    title: String,
    reason: Option<String>,
    log: Option<String>,
    log_tail: Option<String>,
}

pub(super) fn failures(record: &Record) -> Vec<Failure> {
    record.failures().map(Failure::from).collect()
}

impl From<&Run> for Failure {
    fn from(run: &Run) -> Self {
        let Run { cell, seed, end, .. } = run;
        Self {
            title: format!("{cell}, seed {seed}: {}", run.ended_after()),
            reason: end.outcome.reason(end.reason.as_deref()).map(str::to_owned),
            log: end.log.clone(),
            log_tail: end.log_tail.clone().filter(|tail| !tail.trim().is_empty()),
        }
    }
}
