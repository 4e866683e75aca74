//! The conformance gate of every cell, before anything is timed.

use std::path::Path;

use trainmark_reports::csv::one_line;
use trainmark_reports::record::{CheckRecord, Conformance, RunOutcome};

use super::prepare::ReadyCell;
use super::progress::Progress;
use crate::data;
use crate::executor::{Ending, Executor, Failure};
use crate::worker::protocol::{Job, Message, Task};

/// What the gate found of one cell.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// Every check that ended.
    pub conformance: Conformance,
    /// Why the cell is not run, if it is not.
    pub failure: Option<Failure>,
    /// Estimated seconds of an epoch, training and prediction.
    pub epoch_seconds: f64,
}

/// Runs the gate for one cell in a worker of its own.
///
/// # Errors
/// Where no worker can be started.
pub fn check(
    ready: &ReadyCell,
    dataset: &data::Prepared,
    executor: &Executor,
    log: &Path,
    progress: &mut dyn Progress,
) -> anyhow::Result<Verdict> {
    progress.checking(&ready.cell);
    let mut checks: Vec<CheckRecord> = Vec::new();
    let job = Job::Check(task(ready, dataset, 1, 0));
    let ending = executor.run(&job, ready.cell.threads, log, &mut |message| {
        if let Message::Checked(check) = message {
            progress.checked(&ready.cell, check);
            checks.push(check.clone());
        }
        Ok(())
    })?;
    let passed = checks.iter().all(|check| check.passed);
    let (failure, epoch_seconds) = match ending {
        Ending::Done(done) => (None, done.epoch_estimate_seconds.unwrap_or_default()),
        Ending::Failed(failure) => (Some(failure), 0.0),
    };
    let conformance = Conformance { passed: passed && failure.is_none(), checks };
    progress.gate(&ready.cell, &summary(&conformance, failure.as_ref()));
    Ok(Verdict { conformance, failure, epoch_seconds })
}

/// The work order of a cell.
pub fn task(ready: &ReadyCell, dataset: &data::Prepared, seed: u64, epochs: u32) -> Task {
    Task {
        library: ready.library.path.clone(),
        workload: ready.cell.workload.clone(),
        dataset: dataset.clone(),
        implementation: ready.cell.implementation.clone(),
        device: ready.cell.device.clone(),
        threads: ready.cell.threads,
        seed,
        epochs,
    }
}

/// The number of passed checks, or why the cell is not ranked.
fn summary(conformance: &Conformance, failure: Option<&Failure>) -> Result<usize, String> {
    if let Some(failure) = failure {
        return Err(format!("{}: {}", failure.cause.outcome().name(), failure.reason));
    }
    match failed_checks(conformance) {
        Some(reason) => Err(format!("{}: {reason}", RunOutcome::NotConformant.name())),
        None => Ok(conformance.checks.len()),
    }
}

/// Names the checks that failed, the first with its numbers.
pub fn failed_checks(conformance: &Conformance) -> Option<String> {
    let failed: Vec<&CheckRecord> = conformance.checks.iter().filter(|check| !check.passed).collect();
    let first = failed.first()?;
    let numbers = match (first.measured, first.limit) {
        (Some(measured), Some(limit)) => format!(" {measured:.1e}, limit {limit:.1e}"),
        _ => String::new(),
    };
    let detail =
        if first.detail.is_empty() { String::new() } else { format!(" ({})", one_line(&first.detail)) };
    let more =
        if failed.len() > 1 { format!(", and {} more checks", failed.len() - 1) } else { String::new() };
    Some(format!("does not compute the same function: {}{numbers}{detail}{more}", first.name))
}
