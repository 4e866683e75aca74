//! Time to a target, with the runs that did not reach it.

use serde::Serialize;

use super::CellSummary;
use crate::number::{count, seconds};
use crate::record::{Run, Target};
use crate::statistics::{self, median};

/// How a cell fared with a target, over all runs that were tried.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimeToTarget {
    /// The target.
    pub target: Target,
    /// Whether the cell's runs count: [`CellSummary::is_ranked`].
    pub is_ranked: bool,
    /// Runs that reached it.
    pub reached: usize,
    /// Runs that were tried: all but unsupported, not conformant and interrupted ones, and those
    /// for time only; none where the cell is not ranked.
    pub tried: usize,
    /// Of these, the runs that trained all their epochs.
    pub finished: usize,
    /// Ranked runs that were for time only, and are not asked.
    pub timing_runs: usize,
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

impl TimeToTarget {
    /// The share of the tried runs that did not reach it: one lucky run of three is no faster
    /// than three of three.
    pub fn missed(&self) -> f64 {
        1.0 - self.reached as f64 / self.tried.max(1) as f64
    }

    /// How the runs fared together.
    pub fn reach(&self) -> Reach {
        match self {
            Self { is_ranked: false, .. } => Reach::NotRanked,
            Self { tried: 0, timing_runs: 1.., .. } => Reach::TimedOnly,
            Self { tried: 0, .. } => Reach::NotRun,
            Self { finished: 0, .. } => Reach::NoneFinished,
            Self { reached: 0, .. } => Reach::NotReached,
            _ => Reach::Reached,
        }
    }

    /// `2 of 3`: how many of the tried runs reached it.
    pub fn share(&self) -> String {
        format!("{} of {}", self.reached, self.tried)
    }

    /// `9.75 s`, with the share of the runs where not all reached it; or why there is no time.
    pub fn told(&self) -> String {
        match (self.seconds, self.reach()) {
            (Some(after), _) if self.reached == self.tried => seconds(after),
            (Some(after), _) => format!("{} ({})", seconds(after), self.share()),
            (None, Reach::NoneFinished) => Reach::NotReached.name().to_owned(),
            (None, reach) => reach.name().to_owned(),
        }
    }
}

/// How the runs of a cell fared with a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The cell's runs do not count.
    NotRanked,
    /// All runs were for time only.
    TimedOnly,
    /// No run was tried.
    NotRun,
    /// No run trained all its epochs.
    NoneFinished,
    /// No run reached it.
    NotReached,
    /// Some run reached it.
    Reached,
}

impl Reach {
    /// The word of all outputs.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotRanked => "not ranked",
            Self::TimedOnly => "timed only",
            Self::NotRun => "not run",
            Self::NoneFinished => "no run trained all its epochs",
            Self::NotReached => "not reached",
            Self::Reached => "reached",
        }
    }
}

/// `not reached in 5 epochs`.
pub(crate) fn not_reached_in(epochs: usize) -> String {
    format!("{} in {}", Reach::NotReached.name(), count(epochs, "epoch"))
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

impl CellSummary<'_> {
    /// How it fared with a target, whether or not it is one of its workload's.
    pub fn time_to(&self, target: Target) -> TimeToTarget {
        let successes: Vec<(f64, f64)> = self.whole().filter_map(|run| success(run, target)).collect();
        let until_end: Vec<(f64, bool)> = self.tried().map(|run| until_end(run, target)).collect();
        let epochs = median(successes.iter().map(|(epochs, _)| *epochs));
        let seconds: Vec<f64> = successes.into_iter().map(|(_, seconds)| seconds).collect();
        TimeToTarget {
            target,
            is_ranked: self.is_ranked,
            reached: seconds.len(),
            tried: until_end.len(),
            finished: self.whole().count(),
            timing_runs: self.timing_runs(),
            epochs,
            seconds: median(seconds.iter().copied()),
            range: range(&seconds),
            expected_seconds: statistics::expected_running_time(&until_end),
            decomposition: self.decomposition(epochs),
        }
    }

    fn decomposition(&self, epochs: Option<f64>) -> Option<Decomposition> {
        Some(Decomposition {
            cold_start_seconds: self.cold_start_seconds?,
            epochs: epochs?,
            seconds_per_epoch: self.seconds()?,
        })
    }
}

/// Epochs and seconds of a run that reached the target and went on to its end.
fn success(run: &Run, target: Target) -> Option<(f64, f64)> {
    let (epochs, seconds) = run.reached(target).filter(|_| run.is_ok())?;
    Some((f64::from(epochs), seconds))
}

/// Training seconds until success or end, and whether it is one.
fn until_end(run: &Run, target: Target) -> (f64, bool) {
    match success(run, target) {
        Some((_, seconds)) => (seconds, true),
        None => (run.train_seconds().unwrap_or_default(), false),
    }
}

fn range(seconds: &[f64]) -> Option<(f64, f64)> {
    let ends = seconds.iter().copied();
    (seconds.len() > 1).then_some((ends.clone().reduce(f64::min)?, ends.reduce(f64::max)?))
}
