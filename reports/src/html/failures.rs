//! Runs that did not train all their epochs.

use serde::Serialize;

use crate::number::count;
use crate::record::{Record, Run};

/// A run that did not train all its epochs.
#[derive(Serialize)]
pub(super) struct Failure {
    title: String,
    reason: String,
    log: Option<String>,
    log_tail: Option<String>,
}

pub(super) fn failures(record: &Record) -> Vec<Failure> {
    record.failures().map(Failure::from).collect()
}

impl From<&Run> for Failure {
    fn from(run: &Run) -> Self {
        let Run { cell, seed, epochs, end, .. } = run;
        let after = count(epochs.len(), "epoch");
        Self {
            title: format!("{cell}, seed {seed}: {} after {after}", end.outcome.name()),
            reason: end.reason.clone().unwrap_or_else(|| "no reason recorded".to_owned()),
            log: end.log.clone(),
            log_tail: end.log_tail.clone().filter(|tail| !tail.trim().is_empty()),
        }
    }
}
