//! Runs that did not train all their epochs.

use serde::Serialize;

use crate::number::count;
use crate::record::RunOutcome;
use crate::store::Record;

/// A run that did not train all its epochs.
#[derive(Serialize)]
pub(super) struct Failure {
    title: String,
    reason: String,
    log: Option<String>,
    log_tail: Option<String>,
}

pub(super) fn failures(record: &Record) -> Vec<Failure> {
    let failed = record.runs.iter().filter(|run| run.outcome != RunOutcome::Ok);
    failed
        .map(|run| Failure {
            title: format!(
                "{}, seed {}: {} after {}",
                run.cell,
                run.seed,
                run.outcome.name(),
                count(run.epochs as usize, "epoch")
            ),
            reason: run.reason.clone().unwrap_or_else(|| "no reason recorded".to_owned()),
            log: run.log.clone(),
            log_tail: run.log_tail.clone().filter(|tail| !tail.trim().is_empty()),
        })
        .collect()
}
