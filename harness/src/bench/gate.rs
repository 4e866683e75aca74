//! The conformance gate of every cell, before anything is timed.

mod early;

use std::path::Path;

use trainmark_reports::record::{Cell, CheckRecord, Conformance, RunOutcome};
use trainmark_reports::text::one_line;

use super::event::{Happening, Sink};
use super::prepare::ReadyCell;
use super::runner::Runner;
use crate::executor::Ending;
use crate::failure::{Failure, FailureKind};
use crate::worker::protocol::{Done, Job, Message};
use crate::{conformance, data, workload};

pub use early::Early;

/// What the gate found of one cell.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// Every check that ended.
    pub conformance: Conformance,
    /// Why the cell is not run, if it is not.
    pub failure: Option<Failure>,
    /// What a run will take.
    pub estimate: Estimate,
}

/// What a run of a cell will take; nothing where the gate failed, since what is not run costs no time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Estimate {
    /// Seconds of an epoch, training and prediction.
    pub epoch_seconds: f64,
    /// Seconds of a run beside its epochs: loading the library, opening a session.
    pub start_seconds: f64,
}

impl Estimate {
    fn new(done: &Done) -> Self {
        Self {
            epoch_seconds: done.epoch_estimate_seconds.unwrap_or_default(),
            start_seconds: done.start_estimate_seconds.unwrap_or_default(),
        }
    }
}

/// Checks one cell after another, and each cell's devices against each other.
pub struct Gate<'g> {
    dataset: &'g data::DecodedFiles,
    runner: &'g dyn Runner,
    /// The losses of the cells that have passed.
    passed: Vec<(Cell, Vec<f64>)>,
    /// What was found while backends were still being built.
    early: Vec<Early>,
}

impl<'g> Gate<'g> {
    /// One that no cell has passed yet.
    pub fn new(dataset: &'g data::DecodedFiles, runner: &'g dyn Runner) -> Self {
        Self { dataset, runner, passed: Vec::new(), early: Vec::new() }
    }

    /// Takes into account a cell that has passed before, with its losses.
    pub fn remember(&mut self, cell: &Cell, conformance: &Conformance) {
        let is_known = self.passed.iter().any(|(passed, _)| passed == cell);
        if conformance.passed && !conformance.losses.is_empty() && !is_known {
            self.passed.push((cell.clone(), conformance.losses.clone()));
        }
    }

    /// Runs the gate for one cell, as a job of its own. Of one that was checked while backends
    /// were being built only the estimate is made.
    ///
    /// # Errors
    /// Where no job can be started.
    pub fn check(&mut self, ready: &ReadyCell, log: &Path, sink: &mut dyn Sink) -> anyhow::Result<Verdict> {
        if let Some(early) = self.take_early(&ready.cell) {
            return self.estimated(early, ready, log, sink);
        }
        let verdict = self.examine(ready, log, sink)?;
        sink.hear(Happening::Judged(&verdict))?;
        Ok(verdict)
    }

    fn examine(&mut self, ready: &ReadyCell, log: &Path, sink: &mut dyn Sink) -> anyhow::Result<Verdict> {
        let cell = &ready.cell;
        sink.hear(Happening::Checking(cell))?;
        let mut checks: Vec<CheckRecord> = Vec::new();
        let job = Job::Check(ready.task(self.dataset, 1, 0));
        let report = self.runner.run(&job, ready.threads(), log, &mut |message| {
            if let Message::Checked(check) = message {
                sink.hear(Happening::Checked(cell, check))?;
                checks.push(check.clone());
            }
            Ok(())
        })?;
        let (failure, done) = match report.ending {
            Ending::Done(done) => (without_proof(&checks, &done), done),
            Ending::Failed(failure) => (Some(failure), Box::default()),
        };
        if failure.is_none() {
            for check in self.against_other_devices(cell, &done.losses)? {
                sink.hear(Happening::Checked(cell, &check))?;
                checks.push(check);
            }
        }
        let estimate = Estimate::new(&done);
        let passed = failure.is_none() && checks.iter().all(|check| check.passed);
        let conformance = Conformance { passed, checks, losses: done.losses };
        self.remember(cell, &conformance);
        sink.hear(Happening::Verdict(cell, &summary(&conformance, failure.as_ref())))?;
        Ok(Verdict { conformance, failure, estimate })
    }

    /// Holds the losses against those of the same implementation on the processor, or, on the
    /// processor, on other devices.
    fn against_other_devices(&self, cell: &Cell, losses: &[f64]) -> anyhow::Result<Vec<CheckRecord>> {
        let limit = workload::find(&cell.workload)?.tolerances.trajectory;
        let others = self.passed.iter().filter(|(other, _)| is_other_device(cell, other));
        let checks = others.filter_map(|(other, of_other)| {
            conformance::agree([&other.device, &cell.device], [of_other, losses], limit)
        });
        Ok(checks.collect())
    }
}

/// Why a gate that a worker says it has ended is none: no check, or no time to plan with.
fn without_proof(checks: &[CheckRecord], done: &Done) -> Option<Failure> {
    match done.epoch_estimate_seconds {
        _ if checks.is_empty() => Some(gate_without("any check")),
        None => Some(gate_without("an estimate of an epoch's time")),
        Some(_) => None,
    }
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
    fn a_gate_without_a_check_or_an_estimate_is_none() {
        let checks = [CheckRecord {
            name: "prediction: any order".to_owned(),
            kind: None,
            passed: true,
            measured: None,
            limit: None,
            detail: String::new(),
        }];
        let done = |epoch_estimate_seconds| Done { epoch_estimate_seconds, ..Done::default() };
        let lacks = |checks: &[CheckRecord], estimate| {
            without_proof(checks, &done(estimate)).map(|failure| failure.reason)
        };
        assert_eq!(lacks(&checks, Some(1.0)), None);
        let told = lacks(&[], Some(1.0)).expect("nothing was checked");
        assert!(told.ends_with("without any check"), "{told}");
        let told = lacks(&checks, None).expect("nothing was estimated");
        assert!(told.ends_with("without an estimate of an epoch's time"), "{told}");
    }
}
