//! A cell that has passed the gate, and how it has fared since.

use trainmark_reports::record::RunOutcome;

use super::budget::Cost;
use super::gate::Verdict;
use super::prepare::ReadyCell;
use crate::workload::Workload;

/// A cell is left out of later rounds after this many failures.
const FAILURES_ALLOWED: usize = 2;

/// A cell that has passed the gate.
pub(super) struct Contender<'c> {
    /// The cell with its library.
    pub(super) ready: &'c ReadyCell,
    /// What it trains.
    pub(super) workload: &'c Workload,
    /// What the gate found.
    pub(super) verdict: Verdict,
    /// Place in the recorded plan.
    pub(super) index: usize,
    /// Samples of it that have ended well, those of earlier processes too.
    pub(super) well_ended: usize,
    failures: usize,
    last: Option<RunOutcome>,
    /// Wall seconds of each run that ended well.
    seconds: Vec<f64>,
}

impl<'c> Contender<'c> {
    /// One that has not run yet.
    pub(super) fn new(ready: &'c ReadyCell, workload: &'c Workload, verdict: Verdict, index: usize) -> Self {
        Self { ready, workload, verdict, index, well_ended: 0, failures: 0, last: None, seconds: Vec::new() }
    }

    /// Whether it has failed too often to be run again.
    pub(super) fn is_out(&self) -> bool {
        self.failures >= FAILURES_ALLOWED
    }

    /// Whether its last run ended badly: then one more would have nothing to be held against.
    pub(super) fn has_stumbled(&self) -> bool {
        self.last.is_some_and(|outcome| outcome != RunOutcome::Ok)
    }

    /// Wall seconds of a run of so many epochs: the mean of its runs so far, else the gate's
    /// estimate.
    pub(super) fn run_seconds(&self, epochs: u32) -> f64 {
        if self.seconds.is_empty() {
            return self.verdict.epoch_seconds * f64::from(epochs);
        }
        self.seconds.iter().sum::<f64>() / self.seconds.len() as f64
    }

    /// What so many runs of it cost.
    pub(super) fn cost(&self, runs: usize, epochs: u32) -> Cost<'_> {
        Cost {
            index: self.index,
            group: (self.workload.name, &*self.ready.cell.device),
            run_seconds: self.run_seconds(epochs),
            runs,
        }
    }

    /// Notes how a run ended, after how many wall seconds. Returns what the user must know, if
    /// it has failed too often now.
    pub(super) fn ended(&mut self, outcome: RunOutcome, seconds: f64) -> Option<String> {
        self.last = Some(outcome);
        if outcome == RunOutcome::Ok {
            self.seconds.push(seconds);
        }
        let is_failure =
            matches!(outcome, RunOutcome::Failed | RunOutcome::TimedOut | RunOutcome::OutOfMemory);
        self.failures += usize::from(is_failure);
        let cell = &self.ready.cell;
        (is_failure && self.is_out())
            .then(|| format!("{cell}: left out from here on, after {} failures", self.failures))
    }
}
