//! Cells held against each other, seed by seed: how many times as long one takes as the other,
//! and whether that is more than noise.
//!
//! A cell and seed give one value; values of the same seed are a pair, since both cells
//! trained from the same initial values on the same batches. What is done with the pairs
//! stands in [`crate::statistics`].

mod batch_norm;

use std::collections::BTreeMap;

pub use batch_norm::{BatchNormPair, BuiltinPair, batch_norm_pairs, builtin_pairs};

use crate::record::{Purpose, Record};
use crate::statistics::{self, Comparison};
use crate::summary::{CellSummary, Group};

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

impl Record {
    /// The noise floor of its machine: the seconds per epoch of each [`Purpose::Repeat`]
    /// against those of the run that it repeats. `None` where nothing was run twice.
    pub fn noise_floor(&self) -> Option<NoiseFloor> {
        let pairs: Vec<(f64, f64)> = self.repeated(Purpose::Repeat).collect();
        let ratio = statistics::noise_floor(&pairs)?;
        Some(NoiseFloor { ratio, pairs: pairs.len() })
    }

    /// How many times as long the benchmark's first run took at the end of it.
    pub fn drift(&self) -> Option<f64> {
        self.repeated(Purpose::Drift).map(|(again, first)| again / first).next()
    }

    /// Seconds per epoch of runs that were made once more for this purpose: the other's and
    /// the sample's.
    fn repeated(&self, purpose: Purpose) -> impl Iterator<Item = (f64, f64)> {
        self.runs.iter().filter(move |run| run.purpose == purpose && run.is_ok()).filter_map(|again| {
            let first = self.repeated_by(again)?;
            let counts = first.is_ok() && self.is_ranked(&again.cell);
            counts.then_some((again.seconds_per_epoch()?, first.seconds_per_epoch()?))
        })
    }
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
    pub fn of(record: &Record, group: &Group<'_>) -> Self {
        let floor = record.noise_floor();
        let seconds: Vec<BTreeMap<u64, f64>> = group.cells.iter().map(CellSummary::seconds_by_seed).collect();
        // Each pair once: the other way round it is the same.
        let below: Vec<Vec<Option<Comparison>>> = (0..seconds.len())
            .map(|baseline| {
                seconds[..baseline].iter().map(|subject| compared(subject, &seconds[baseline])).collect()
            })
            .collect();
        let mut comparisons: Vec<Vec<Option<Comparison>>> = (0..seconds.len())
            .map(|baseline| {
                let above = below[baseline + 1..].iter().map(|of_subject| of_subject[baseline]);
                let above = above.map(|comparison| comparison.map(|comparison| comparison.reversed()));
                below[baseline].iter().copied().chain([None]).chain(above).collect()
            })
            .collect();
        for of_baseline in &mut comparisons {
            statistics::judge(of_baseline.iter_mut().flatten(), floor.map_or(1.0, |floor| floor.ratio));
        }
        Self { comparisons, floor }
    }

    /// How a cell did against a baseline, both by their places in the group.
    pub fn get(&self, baseline: usize, subject: usize) -> Option<&Comparison> {
        self.comparisons.get(baseline)?.get(subject)?.as_ref()
    }
}

/// `None` where one of the two has no run that counts.
fn compared(subject: &BTreeMap<u64, f64>, baseline: &BTreeMap<u64, f64>) -> Option<Comparison> {
    let is_comparable = !subject.is_empty() && !baseline.is_empty();
    is_comparable.then(|| statistics::compare(&pairs(subject, baseline)))
}

#[cfg(test)]
mod tests;
