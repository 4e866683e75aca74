//! Two runs against each other: is B slower or faster than A, cell by cell?
//!
//! Both train the same work from the same seeds, so their values pair by seed; but they
//! were made at different times, and the machine may have changed in between. What may be
//! said follows the rules of a report, with the greater of both runs' noise floors.

mod check;
mod differences;
mod grids;
mod json;
mod markdown;
mod matching;
mod refusal;
#[cfg(test)]
mod tests;

use serde::Serialize;

pub use check::{Check, FailOn};
pub use differences::Difference;
pub(crate) use differences::{environment_rows, settings, short_hash};
pub(crate) use grids::close;
pub use grids::{grids, notes};
pub use json::json;
pub use markdown::markdown;
pub use refusal::Refusal;

use crate::number::count;
use crate::paired::{NoiseFloor, pairs};
use crate::record::{Cell, Record, Target};
use crate::statistics::{self, Comparison, Verdict};
use crate::summary::{CellSummary, EpochSeconds, TimeToTarget};
use crate::warnings::Warning;

/// One of the two runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Side {
    /// Name of its run folder.
    pub run_id: String,
    /// When it was started, in seconds since the Unix epoch.
    pub unix_time: f64,
    /// What makes its numbers doubtful.
    pub warnings: Vec<Warning>,
    /// Its noise floor; `None` where it ran nothing twice.
    pub noise_floor: Option<NoiseFloor>,
}

/// Two runs, A first.
#[derive(Debug, Clone, PartialEq)]
pub struct RunComparison {
    /// The runs.
    pub sides: [Side; 2],
    /// Whether A and B are one and the same run.
    pub is_same_run: bool,
    /// What is different of their machines; only with [`compare`]'s `across_machines`.
    pub machines: Vec<String>,
    /// The cells that both have, in A's order.
    pub cells: Vec<CellPair>,
    /// The cells that only A, or only B, has.
    pub only: [Vec<Cell>; 2],
    /// What else is different.
    pub differences: Vec<Difference>,
}

/// A cell that both runs have.
#[derive(Debug, Clone, PartialEq)]
pub struct CellPair {
    /// The cell, as A has it.
    pub cell: Cell,
    /// Seconds per epoch in A and in B.
    pub seconds: [Option<EpochSeconds>; 2],
    /// Seconds per epoch, B over A, by seed; or why they are not compared.
    pub ratio: Result<Comparison, String>,
    /// Time to each target that both have, in A and in B.
    pub targets: Vec<(Target, [TimeToTarget; 2])>,
    /// Training accuracy after the last epoch in A and in B, medians, fractions of 1.
    pub train_accuracy: [Option<f64>; 2],
    /// Its mean difference B − A by seed; `None` where the runs have different epochs.
    pub accuracy_difference: Option<Comparison>,
}

/// What may be said of a cell of B against A's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// B takes longer.
    Slower,
    /// B takes less time.
    Faster,
    /// Noise explains what was measured.
    NoDifferenceShown,
    /// One seed tells nothing.
    NeedsMoreSeeds,
    /// One of the two has no times, or they are of different things.
    NotCompared,
}

impl Judgement {
    /// The words of tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Slower => "slower",
            Self::Faster => "faster",
            Self::NoDifferenceShown => "no difference shown",
            Self::NeedsMoreSeeds => "needs more seeds",
            Self::NotCompared => "not compared",
        }
    }
}

impl CellPair {
    fn of(one: &CellSummary<'_>, other: &CellSummary<'_>, same_epochs: bool) -> Self {
        let targets = one.targets.iter().filter_map(|of_one| {
            let of_other = other.targets.iter().find(|of_other| of_other.target == of_one.target)?;
            Some((of_one.target, [*of_one, *of_other]))
        });
        let accuracies = [other, one].map(CellSummary::final_accuracy_by_seed);
        Self {
            cell: one.cell.clone(),
            seconds: [one.train_seconds, other.train_seconds],
            ratio: ratio(one, other),
            targets: targets.collect(),
            train_accuracy: [one.train_accuracy, other.train_accuracy],
            accuracy_difference: same_epochs
                .then(|| statistics::difference(&pairs(&accuracies[0], &accuracies[1]))),
        }
    }

    /// What may be said of it.
    pub fn judgement(&self) -> Judgement {
        match self.ratio.as_ref().map(|ratio| ratio.verdict) {
            Ok(Verdict::Higher) => Judgement::Slower,
            Ok(Verdict::Lower) => Judgement::Faster,
            Ok(Verdict::NoDifferenceShown) => Judgement::NoDifferenceShown,
            Ok(Verdict::NeedsMoreSeeds) => Judgement::NeedsMoreSeeds,
            Err(_) => Judgement::NotCompared,
        }
    }

    /// B's seconds per epoch over A's: by seed, or of the medians where there is one seed.
    pub fn times(&self) -> Option<f64> {
        let ratio = self.ratio.as_ref().ok()?;
        let interval = ratio.interval.map(|interval| interval.estimate);
        interval.or_else(|| Some(self.seconds[1]?.median / self.seconds[0]?.median))
    }
}

impl RunComparison {
    /// The noise floor that differences are held against: the greater one.
    pub fn noise_floor(&self) -> Option<f64> {
        self.sides.iter().filter_map(|side| Some(side.noise_floor?.ratio)).reduce(f64::max)
    }

    /// Whether the cells need the machine's label to tell them apart.
    pub fn is_merged(&self) -> bool {
        self.cells.iter().any(|pair| pair.cell.machine.is_some())
    }
}

/// Compares run B with run A.
///
/// # Errors
/// Where they trained on different data or with different workloads; where their machines
/// differ, unless `across_machines`.
pub fn compare(a: &Record, b: &Record, across_machines: bool) -> Result<RunComparison, Refusal> {
    matching::check_same_training(a, b)?;
    let matching = matching::of(a, b);
    if !matching.differences.is_empty() && !across_machines {
        return Err(Refusal::Machines { differences: matching.differences });
    }
    let same_epochs = a.started.plan.epochs == b.started.plan.epochs;
    let cells =
        matching.pairs.iter().map(|(one, other)| CellPair::of(&a.cell(one), &b.cell(other), same_epochs));
    let mut comparison = RunComparison {
        sides: [side(a), side(b)],
        is_same_run: is_same(a, b),
        cells: cells.collect(),
        differences: differences::list(a, b, &matching),
        only: matching.only.map(|cells| cells.into_iter().cloned().collect()),
        machines: matching.differences,
    };
    judge(&mut comparison);
    Ok(comparison)
}

/// One run, or a copy of it.
fn is_same(a: &Record, b: &Record) -> bool {
    let (a, b) = (&a.started, &b.started);
    // Names are the users' to give, and two machines may begin at the same time.
    a.run_id == b.run_id
        && a.unix_time == b.unix_time
        && a.environment.machine_difference(&b.environment).is_none()
}

fn side(record: &Record) -> Side {
    Side {
        run_id: record.started.run_id.clone(),
        unix_time: record.started.unix_time,
        warnings: crate::warnings::warnings(record),
        noise_floor: record.noise_floor(),
    }
}

/// All cells are one family: whoever looks for a slower one looks at all of them.
fn judge(comparison: &mut RunComparison) {
    let floor = comparison.noise_floor().unwrap_or(1.0);
    let cells = &mut comparison.cells;
    statistics::judge(cells.iter_mut().filter_map(|pair| pair.ratio.as_mut().ok()), floor);
    statistics::judge_differences(cells.iter_mut().filter_map(|pair| pair.accuracy_difference.as_mut()), 0.0);
}

/// Seconds per epoch, B over A, by seed; or why they are not compared.
fn ratio(one: &CellSummary<'_>, other: &CellSummary<'_>) -> Result<Comparison, String> {
    let [one_basis, other_basis] = [("A", one), ("B", other)].map(|(name, summary)| {
        let basis = summary.train_seconds.map(|seconds| seconds.basis);
        basis.ok_or_else(|| format!("{name} has no time ({})", summary.status()))
    });
    let (one_basis, other_basis) = (one_basis?, other_basis?);
    if one_basis != other_basis {
        return Err(format!("A is timed by {}, B by {}", one_basis.name(), other_basis.name()));
    }
    let values = [one, other].map(CellSummary::seconds_by_seed);
    let pairs = pairs(&values[1], &values[0]);
    if pairs.is_empty() {
        let seeds = values.map(|values| count(values.len(), "seed"));
        return Err(format!("no seed is timed in both ({} in A, {} in B)", seeds[0], seeds[1]));
    }
    Ok(statistics::compare(&pairs))
}
