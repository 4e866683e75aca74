//! Time to a target, with the runs that did not reach it.

use serde::Serialize;

use crate::record::{RunOutcome, RunRecord, Target};
use crate::statistics;
use crate::store::Record;
use crate::summary::{CellSummary, median, target_of_run};

/// How a cell fared with a target, over all runs that were tried.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimeToTarget {
    /// The target.
    pub target: Target,
    /// Whether the cell's runs count: [`Record::is_ranked`].
    pub is_ranked: bool,
    /// Runs that reached it.
    pub reached: usize,
    /// Runs that were tried: all but unsupported, not conformant and interrupted ones; none
    /// where the cell is not ranked.
    pub tried: usize,
    /// Median first epoch that reached it, over the runs that did.
    pub epochs: Option<f64>,
    /// Median training seconds up to its end, over the same runs.
    pub seconds: Option<f64>,
    /// The least and the greatest of these seconds, where there are two or more. A few runs that
    /// take whole numbers of epochs allow no interval: Student's t would begin below one epoch.
    pub range: Option<(f64, f64)>,
    /// Training seconds of all tried runs until success or end, over the successes: what one
    /// success costs, with restarts. `None` without a success.
    pub expected_seconds: Option<f64>,
    /// What the seconds are made of.
    pub decomposition: Option<Decomposition>,
}

/// Time from nothing to the target: cold start + epochs × seconds per epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Decomposition {
    /// Seconds to load, open and warm up.
    pub cold_start_seconds: f64,
    /// Epochs to the target.
    pub epochs: f64,
    /// Training seconds per epoch.
    pub seconds_per_epoch: f64,
}

impl Decomposition {
    /// The sum.
    pub fn total_seconds(&self) -> f64 {
        self.cold_start_seconds + self.epochs * self.seconds_per_epoch
    }
}

/// How a cell fared with a target, whether or not it is one of its workload's.
pub fn time_to_target(record: &Record, summary: &CellSummary, target: Target) -> TimeToTarget {
    let cell = &summary.cell;
    let tried: Vec<&RunRecord> = record.tried_runs(cell).collect();
    // (epochs, seconds) of a run that reached the target and went on to its end.
    let success = |run: &RunRecord| {
        let reached = target_of_run(record, run, target);
        let reached = (run.outcome == RunOutcome::Ok).then_some(reached)?;
        Some((f64::from(reached.epochs?), reached.seconds?))
    };
    let spent =
        |run: &RunRecord| record.epochs_of(cell, run.seed).iter().map(|epoch| epoch.train_seconds).sum();
    let successes: Vec<(f64, f64)> = tried.iter().filter_map(|run| success(run)).collect();
    let until_end: Vec<(f64, bool)> = tried
        .iter()
        .map(|run| success(run).map_or_else(|| (spent(run), false), |(_, seconds)| (seconds, true)))
        .collect();
    let seconds: Vec<f64> = successes.iter().map(|(_, seconds)| *seconds).collect();
    let epochs = median(successes.iter().map(|(epochs, _)| *epochs));
    TimeToTarget {
        target,
        is_ranked: summary.is_ranked,
        reached: successes.len(),
        tried: tried.len(),
        epochs,
        seconds: median(seconds.iter().copied()),
        range: range(&seconds),
        expected_seconds: statistics::expected_running_time(&until_end),
        decomposition: decomposition(summary, epochs),
    }
}

fn range(seconds: &[f64]) -> Option<(f64, f64)> {
    let ends = || seconds.iter().copied();
    (seconds.len() > 1).then_some((ends().reduce(f64::min)?, ends().reduce(f64::max)?))
}

fn decomposition(summary: &CellSummary, epochs: Option<f64>) -> Option<Decomposition> {
    Some(Decomposition {
        cold_start_seconds: summary.cold_start_seconds?,
        epochs: epochs?,
        seconds_per_epoch: summary.train_seconds?.median,
    })
}
