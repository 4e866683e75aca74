//! Cells held against each other, seed by seed: how many times as long one takes as the other,
//! and whether that is more than noise.
//!
//! A cell and seed give one value; values of the same seed are a pair, since both cells
//! trained from the same initial values on the same batches. How large the noise of a pair is,
//! all cells of a group tell together. What is done with the values stands in
//! [`crate::statistics`].

mod batch_norm;
mod build_check;
mod builds;
mod places;
mod wrapper;

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};

pub use batch_norm::{BatchNormPair, BuiltinPair, batch_norm_pairs, builtin_pairs};
pub use build_check::BuildCheck;
pub(crate) use builds::BuildDocument;
pub use builds::{BuildPair, build_pairs};
pub use wrapper::{WrapperPair, wrapper_pairs};

use crate::record::{Cell, Purpose, Record, Run};
use crate::statistics::{self, Comparison, Rounds};
use crate::summary::Group;

/// How far two runs of the same cell and seed differed.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct NoiseFloor {
    /// The ratio, at least 1, up to which a mean over rounds may differ by nothing but the machine:
    /// [`statistics::Noise::of_mean`].
    pub ratio: f64,
    /// The same of two single runs: the greatest ratio of the slower to the faster one of a pair.
    pub greatest: f64,
    /// Pairs that they were found of.
    pub pairs: usize,
}

impl NoiseFloor {
    fn of(pairs: &[(f64, f64)]) -> Option<Self> {
        let statistics::Noise { pairs, greatest, of_mean } = statistics::Noise::of(pairs)?;
        Some(Self { ratio: of_mean, greatest, pairs })
    }

    /// That of two machines, neither of which may be called quieter than it is.
    fn and(self, other: Self) -> Self {
        Self {
            ratio: self.ratio.max(other.ratio),
            greatest: self.greatest.max(other.greatest),
            pairs: self.pairs + other.pairs,
        }
    }

    /// By how many per cent a mean may differ by nothing but the machine.
    pub fn percent(&self) -> f64 {
        100.0 * (self.ratio - 1.0)
    }
}

/// A run that was made once more.
struct Again<'r> {
    run: &'r Run,
    /// Its seconds per epoch.
    seconds: f64,
    /// Those of the sample that it repeats.
    first: f64,
}

impl Record {
    /// The noise floor of its machine, of several the greatest: the seconds per epoch of each
    /// [`Purpose::Repeat`] against those of the run that it repeats. `None` where nothing was run twice.
    pub fn noise_floor(&self) -> Option<NoiseFloor> {
        self.repeat_pairs().values().filter_map(|pairs| NoiseFloor::of(pairs)).reduce(NoiseFloor::and)
    }

    /// The seconds per epoch of each [`Purpose::Repeat`] and of the run that it repeats, by the label of
    /// their machine.
    pub(crate) fn repeat_pairs(&self) -> BTreeMap<Option<&str>, Vec<(f64, f64)>> {
        let mut machines: BTreeMap<Option<&str>, Vec<(f64, f64)>> = BTreeMap::new();
        for again in self.repeated(Purpose::Repeat) {
            let pairs = machines.entry(again.run.cell.machine.as_deref()).or_default();
            pairs.push((again.seconds, again.first));
        }
        machines
    }

    /// How many times as long the benchmark's first run took at the end of it.
    pub fn drift(&self) -> Option<f64> {
        self.repeated(Purpose::Drift).map(|again| again.seconds / again.first).next()
    }

    /// The seconds per epoch of a group's cells, by their places. Of a cell that was run twice in
    /// a round both runs count: the first of two is early in the round more often than not, so
    /// that it alone would be favoured by a machine that becomes slower.
    pub(crate) fn rounds(&self, group: &Group<'_>) -> Rounds {
        let places = self.places();
        let mut seconds: Vec<BTreeMap<u64, f64>> = group
            .cells
            .iter()
            .map(|summary| {
                let of_cell = summary.seconds_by_seed().into_iter();
                of_cell.map(|(seed, value)| (places.round_of(summary.cell, seed), value)).collect()
            })
            .collect();
        for again in self.repeated(Purpose::Repeat) {
            let place = group.cells.iter().position(|summary| *summary.cell == again.run.cell);
            if let Some(place) = place {
                let round = places.round_of(&again.run.cell, again.run.seed);
                seconds[place].insert(round, again.seconds.sqrt() * again.first.sqrt());
            }
        }
        Rounds::new(&seconds)
    }

    /// The runs that were made once more for this purpose, and that count.
    fn repeated(&self, purpose: Purpose) -> impl Iterator<Item = Again<'_>> {
        let runs = self.runs.iter().filter(move |run| run.purpose == purpose && run.is_ok());
        // Found once for all of them: a benchmark may have as many rounds as cells have runs.
        let samples: OnceCell<HashMap<&Cell, Vec<&Run>>> = OnceCell::new();
        runs.filter_map(move |run| {
            let samples = samples.get_or_init(|| self.by_cell().into_iter().collect()).get(&run.cell)?;
            let first = run.repeats_one_of(samples.iter().copied())?;
            let counts = first.is_ok() && first.node == run.node && Run::are_ranked(samples.iter().copied());
            let (seconds, first) = (run.seconds_per_epoch()?, first.seconds_per_epoch()?);
            counts.then_some(Again { run, seconds, first })
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
        let rounds = record.rounds(group);
        let places = 0..group.cells.len();
        let mut comparisons: Vec<Vec<Option<Comparison>>> = places
            .clone()
            .map(|baseline| {
                places.clone().map(|subject| compared(group, &rounds, subject, baseline)).collect()
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

/// `None` of a cell against itself, and where one of the two has no run that counts.
fn compared(group: &Group<'_>, rounds: &Rounds, subject: usize, baseline: usize) -> Option<Comparison> {
    let is_timed = [subject, baseline].iter().all(|&place| group.cells[place].seconds().is_some());
    (is_timed && subject != baseline).then(|| rounds.compare(subject, baseline))
}

#[cfg(test)]
mod tests;
