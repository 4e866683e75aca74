//! Cells held against each other, seed by seed: how many times as long one takes as the other,
//! and whether that is more than noise.
//!
//! A cell and seed give one value; values of the same seed are a pair, since both cells
//! trained from the same initial values on the same batches. What is done with the pairs
//! stands in [`crate::statistics`].

mod batch_norm;
mod target;

use std::collections::BTreeMap;

pub use batch_norm::{BatchNormPair, BuiltinPair, batch_norm_pairs, builtin_pairs};
pub use target::{Decomposition, TimeToTarget, time_to_target};

use crate::record::{Cell, EpochRecord, Purpose, RunOutcome, RunRecord};
use crate::statistics::{self, Comparison};
use crate::store::{Record, Repeat};
use crate::summary::{Group, seconds_per_epoch};

/// How far two runs of the same cell and seed differed.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct NoiseFloor {
    /// The greatest ratio of the slower to the faster run of a pair, at least 1.
    pub ratio: f64,
    /// Pairs that it was found of.
    pub pairs: usize,
}

impl NoiseFloor {
    /// By how many per cent the runs of a pair differed at most.
    pub fn percent(&self) -> f64 {
        100.0 * (self.ratio - 1.0)
    }
}

/// The noise floor of a record's machine: the seconds per epoch of each [`Purpose::Repeat`]
/// against those of the run that it repeats. `None` where nothing was run twice.
pub fn noise_floor(record: &Record) -> Option<NoiseFloor> {
    let pairs: Vec<(f64, f64)> =
        repeated(record, Purpose::Repeat).map(|(first, second)| (second, first)).collect();
    let ratio = statistics::noise_floor(&pairs)?;
    Some(NoiseFloor { ratio, pairs: pairs.len() })
}

/// How many times as long the benchmark's first run took at the end of it.
pub fn drift(record: &Record) -> Option<f64> {
    repeated(record, Purpose::Drift).map(|(first, second)| second / first).next()
}

/// Seconds per epoch of runs that were made twice: the sample's and the other's.
fn repeated(record: &Record, purpose: Purpose) -> impl Iterator<Item = (f64, f64)> {
    let is_one =
        move |repeat: &&Repeat| repeat.run.purpose == purpose && repeat.run.outcome == RunOutcome::Ok;
    record.repeats.iter().filter(is_one).filter_map(|repeat| {
        let RunRecord { cell, seed, .. } = &repeat.run;
        record.ranked_runs(cell).find(|run| run.seed == *seed)?;
        let again: Vec<&EpochRecord> = repeat.epochs.iter().collect();
        Some((seconds_per_epoch(&record.epochs_of(cell, *seed))?, seconds_per_epoch(&again)?))
    })
}

/// Training seconds per epoch of a cell's runs, by seed.
pub fn seconds_by_seed(record: &Record, cell: &Cell) -> BTreeMap<u64, f64> {
    let of_run = |run: &RunRecord| seconds_per_epoch(&record.epochs_of(cell, run.seed));
    record.ranked_runs(cell).filter_map(|run| Some((run.seed, of_run(run)?))).collect()
}

/// Training accuracy of a cell's runs after their last epoch, by seed.
pub fn final_accuracy_by_seed(record: &Record, cell: &Cell) -> BTreeMap<u64, f64> {
    let of_run = |run: &RunRecord| record.epochs_of(cell, run.seed).last()?.train_accuracy;
    record.ranked_runs(cell).filter_map(|run| Some((run.seed, of_run(run)?))).collect()
}

/// Subject and baseline of every seed that both have.
pub fn pairs(subject: &BTreeMap<u64, f64>, baseline: &BTreeMap<u64, f64>) -> Vec<(f64, f64)> {
    subject.iter().filter_map(|(seed, value)| Some((*value, *baseline.get(seed)?))).collect()
}

/// The seconds per epoch of a group's cells against each of them as the baseline.
#[derive(Debug, Clone, PartialEq)]
pub struct Relative {
    /// By baseline, then by subject, each in the group's order; `None` of a cell against
    /// itself, and where one of the two has no run that counts.
    pub comparisons: Vec<Vec<Option<Comparison>>>,
    /// The floor that was held against.
    pub floor: Option<NoiseFloor>,
}

impl Relative {
    /// Compares every cell of a group with every other. A baseline's comparisons are a family
    /// of their own for Holm's correction: a reader looks at one baseline at a time.
    pub fn of(record: &Record, group: &Group) -> Self {
        let floor = noise_floor(record);
        let seconds: Vec<BTreeMap<u64, f64>> =
            group.cells.iter().map(|summary| seconds_by_seed(record, &summary.cell)).collect();
        let compared = |subject: usize, baseline: usize| {
            let (values, others) = (&seconds[subject], &seconds[baseline]);
            let is_comparable = subject != baseline && !values.is_empty() && !others.is_empty();
            is_comparable.then(|| statistics::compare(&pairs(values, others)))
        };
        // Each pair once: the other way round it is the same.
        let below: Vec<Vec<Option<Comparison>>> = (0..seconds.len())
            .map(|baseline| (0..baseline).map(|subject| compared(subject, baseline)).collect())
            .collect();
        let against = |baseline: usize| {
            let above = (baseline..seconds.len())
                .map(|subject| below[subject].get(baseline).copied().flatten())
                .map(|comparison| comparison.map(|comparison| comparison.reversed()));
            let mut subjects: Vec<Option<Comparison>> =
                below[baseline].iter().copied().chain(above).collect();
            statistics::judge(subjects.iter_mut().flatten(), floor.map_or(1.0, |floor| floor.ratio));
            subjects
        };
        Self { comparisons: (0..seconds.len()).map(against).collect(), floor }
    }

    /// How a cell did against a baseline, both by their places in the group.
    pub fn get(&self, baseline: usize, subject: usize) -> Option<&Comparison> {
        self.comparisons.get(baseline)?.get(subject)?.as_ref()
    }
}

#[cfg(test)]
mod tests;
