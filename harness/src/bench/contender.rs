//! A cell that has passed the gate, and how it has fared since.

use trainmark_reports::record::{Purpose, Run, RunOutcome};

use super::gate::{Estimate, Verdict};
use super::prepare::ReadyCell;
use super::price::{Price, Spent};
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
    /// Whether a run to the end has a result.
    pub(super) has_whole: bool,
    /// Per round the epochs of its sample, if one was made; 0 where that did not end well.
    pub(super) made: Vec<Option<u32>>,
    failures: usize,
    last: Option<RunOutcome>,
    spent: Spent,
}

impl<'c> Contender<'c> {
    /// One that has not run yet, in a benchmark of so many rounds.
    pub(super) fn new(
        ready: &'c ReadyCell,
        workload: &'c Workload,
        verdict: Verdict,
        index: usize,
        rounds: usize,
    ) -> Self {
        Self {
            ready,
            workload,
            verdict,
            index,
            well_ended: 0,
            has_whole: false,
            made: vec![None; rounds],
            failures: 0,
            last: None,
            spent: Spent::default(),
        }
    }

    /// Whether it has failed too often to be run again.
    pub(super) fn is_out(&self) -> bool {
        self.failures >= FAILURES_ALLOWED
    }

    /// Whether its last run ended badly: then one more would have nothing to be held against.
    pub(super) fn has_stumbled(&self) -> bool {
        self.last.is_some_and(|outcome| outcome != RunOutcome::Ok)
    }

    /// Whether no run of it was made, now or before.
    pub(super) fn is_untried(&self) -> bool {
        self.last.is_none() && self.made.iter().all(Option::is_none)
    }

    /// Whether a run of it has shown what one takes.
    pub(super) fn is_known(&self) -> bool {
        self.spent.price().is_some()
    }

    /// What its runs cost: as those so far, else `pace` times what the gate has estimated.
    pub(super) fn price(&self, pace: f64) -> Price {
        let Estimate { start_seconds, epoch_seconds } = self.verdict.estimate;
        self.spent.price().unwrap_or_else(|| Price::new(pace * start_seconds, pace * epoch_seconds))
    }

    /// Notes how a run of a round ended, after how many wall seconds. Returns what the user must
    /// know, if it has failed too often now.
    pub(super) fn ended(&mut self, round: usize, run: &Run, seconds: f64) -> Option<String> {
        let outcome = run.end.outcome;
        self.last = Some(outcome);
        if run.is_ok() {
            let epochs = run.epochs.iter().map(|epoch| epoch.train_seconds + epoch.predict_seconds);
            self.spent.add(run.epochs.len(), epochs.sum(), seconds);
        }
        if run.is_sample() {
            self.well_ended += usize::from(run.is_ok());
            self.made[round] = Some(if run.is_ok() { run.epochs.len() as u32 } else { 0 });
            self.has_whole |= run.purpose == Purpose::Sample && run.has_result();
        }
        let is_failure =
            matches!(outcome, RunOutcome::Failed | RunOutcome::TimedOut | RunOutcome::OutOfMemory);
        self.failures += usize::from(is_failure);
        let cell = &self.ready.cell;
        (is_failure && self.is_out())
            .then(|| format!("{cell}: left out from here on, after {} failures", self.failures))
    }
}
