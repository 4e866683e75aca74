//! The conformance gate of every cell, before anything is timed.

mod early;
mod estimate;
mod foresight;
mod together;

use std::path::Path;
use std::sync::Arc;

use trainmark_reports::record::{Cell, CheckRecord, Conformance, RunOutcome};
use trainmark_reports::text::one_line;

use super::event::{Happening, Sink};
use super::prepare::ReadyCell;
use super::runner::Runner;
use crate::executor::{Ending, Threads, Waiting};
use crate::failure::{Failure, FailureKind};
use crate::worker::protocol::{Job, Message};
use crate::workload::Workload;
use crate::{conformance, data};

pub use early::{Early, Log};
pub use estimate::Estimate;
use foresight::Foresight;
pub(super) use together::{Said, Together};

/// What the gate found of one cell.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// Every check that ended.
    pub conformance: Conformance,
    /// Why the cell is not run, if it is not.
    pub failure: Option<Failure>,
    /// What a run will take, once that was measured.
    pub estimate: Estimate,
}

/// Checks cells, and each cell's devices against each other.
pub struct Gate<'g> {
    dataset: &'g data::DecodedFiles,
    runner: &'g dyn Runner,
    /// The losses of the cells that have passed.
    passed: Vec<(Cell, Vec<f64>)>,
    /// What was found while the machine did other things, too.
    early: Vec<Early>,
    foresight: Arc<Foresight>,
}

impl<'g> Gate<'g> {
    /// One that no cell has passed yet.
    pub fn new(dataset: &'g data::DecodedFiles, runner: &'g dyn Runner) -> Self {
        Self { dataset, runner, passed: Vec::new(), early: Vec::new(), foresight: Arc::default() }
    }

    /// Takes into account a cell that has passed before, with its losses.
    pub fn remember(&mut self, cell: &Cell, conformance: &Conformance) {
        let is_known = self.passed.iter().any(|(passed, _)| passed == cell);
        if conformance.passed && !conformance.losses.is_empty() && !is_known {
            self.passed.push((cell.clone(), conformance.losses.clone()));
        }
    }

    /// Runs the gate for one cell, as a job of its own.
    ///
    /// # Errors
    /// Where no job can be started.
    pub fn check(&mut self, ready: &ReadyCell, log: &Path, sink: &mut dyn Sink) -> anyhow::Result<Verdict> {
        let cell = &ready.cell;
        sink.hear(Happening::Checking(cell))?;
        let mut checks: Vec<CheckRecord> = Vec::new();
        let job = Job::Check { task: ready.task(self.dataset, 1, 0), foreseen: None };
        let report = self.runner.run(&job, untimed(ready), log, &mut |message| {
            if let Message::Checked(check) = message {
                sink.hear(Happening::Checked(cell, check))?;
                checks.push(check.clone());
            }
            Ok(())
        })?;
        self.conclude((cell, &ready.workload), checks, report.ending, sink)
    }

    /// What a gate that has ended so comes to.
    fn conclude(
        &mut self,
        (cell, workload): (&Cell, &Workload),
        mut checks: Vec<CheckRecord>,
        ending: Ending,
        sink: &mut dyn Sink,
    ) -> anyhow::Result<Verdict> {
        let (failure, done) = match ending {
            Ending::Done(done) => (without_proof(&checks), done),
            Ending::Failed(failure) => (Some(failure), Box::default()),
        };
        if failure.is_none() {
            for check in self.against_other_devices(cell, workload, &done.losses) {
                sink.hear(Happening::Checked(cell, &check))?;
                checks.push(check);
            }
        }
        let passed = failure.is_none() && checks.iter().all(|check| check.passed);
        let conformance = Conformance { passed, checks, losses: done.losses };
        self.remember(cell, &conformance);
        sink.hear(Happening::Verdict(cell, &summary(&conformance, failure.as_ref())))?;
        let verdict = Verdict { conformance, failure, estimate: Estimate::default() };
        sink.hear(Happening::Judged(&verdict))?;
        Ok(verdict)
    }

    /// Holds the losses against those of the same implementation on the processor, or, on the
    /// processor, on other devices.
    fn against_other_devices(&self, cell: &Cell, workload: &Workload, losses: &[f64]) -> Vec<CheckRecord> {
        let limit = workload.tolerances.trajectory;
        let others = self.passed.iter().filter(|(other, _)| is_other_device(cell, other));
        let checks = others.filter_map(|(other, of_other)| {
            conformance::agree([&other.device, &cell.device], [of_other, losses], limit)
        });
        checks.collect()
    }
}

/// The threads of a job that nothing is timed of: they leave their processors to whoever else
/// needs them.
fn untimed(ready: &ReadyCell) -> Threads<'_> {
    Threads { waiting: Waiting::Asleep, ..ready.threads() }
}

/// Why a gate that a worker says it has ended is none.
fn without_proof(checks: &[CheckRecord]) -> Option<Failure> {
    checks.is_empty().then(|| gate_without("any check"))
}

fn gate_without(what: &str) -> Failure {
    Failure::new(FailureKind::Failed, format!("the worker ended the conformance gate without {what}"))
}

/// Whether two cells differ by their device, one of which is the processor.
fn is_other_device(one: &Cell, other: &Cell) -> bool {
    one.is_alike(other) && one.device.is_cpu() != other.device.is_cpu()
}

/// The number of passed checks, or why the cell is not ranked.
fn summary(conformance: &Conformance, failure: Option<&Failure>) -> Result<usize, String> {
    if let Some(failure) = failure {
        return Err(failure.to_string());
    }
    match failed_checks(&conformance.checks) {
        Some(reason) => Err(format!("{}: {reason}", RunOutcome::NotConformant.name())),
        None => Ok(conformance.checks.len()),
    }
}

/// Names the checks that failed, the first with its numbers.
pub fn failed_checks(checks: &[CheckRecord]) -> Option<String> {
    let failed: Vec<&CheckRecord> = checks.iter().filter(|check| !check.passed).collect();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_without_a_check_is_none() {
        let check = CheckRecord {
            name: "prediction: any order".to_owned(),
            kind: None,
            passed: true,
            measured: None,
            limit: None,
            detail: String::new(),
        };
        assert_eq!(without_proof(&[check]), None);
        let told = without_proof(&[]).expect("nothing was checked").reason;
        assert!(told.ends_with("without any check"), "{told}");
    }
}
