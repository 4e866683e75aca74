//! What a time budget has room for.
//!
//! A round has a run of every cell. What must be trained to the end is one run of each; all others
//! may be for time only, of two epochs, and are to the end where there is room. Wishes are granted
//! in the order of [`Planner::plan`], of each kind those of the cheapest cells first, as far as the
//! budget goes.

mod planner;

use super::price::Price;
use crate::units;
use planner::Planner;

/// Epochs of a run for time only: one that warms up, and one that is timed.
const TIMING_EPOCHS: u32 = 2;
/// Runs that a cell must have at least to be compared.
const LEAST_RUNS: usize = 2;

/// How many epochs runs have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lengths {
    /// Those to the end.
    pub(super) whole: u32,
    /// Those for time only.
    pub(super) timing: u32,
}

impl Lengths {
    /// Where a training to the end has so many.
    pub(super) fn new(whole: u32) -> Self {
        Self { whole, timing: whole.min(TIMING_EPOCHS) }
    }
}

/// A cell as the budget sees it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Standing<'c> {
    /// Place in the plan.
    pub(super) index: usize,
    /// Device that it runs on.
    pub(super) device: &'c str,
    /// Whether it is one of a workload that another is held against.
    pub(super) is_control: bool,
    /// What its runs cost.
    pub(super) price: Price,
    /// Per round the epochs of its run, if one was made; 0 where that did not end well.
    pub(super) made: Vec<Option<u32>>,
    /// Whether none of its runs was to the end.
    pub(super) lacks_whole: bool,
    /// Whether a run of it is to be audited.
    pub(super) lacks_audit: bool,
}

/// The benchmark's first run, made once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Drift {
    /// It is not, or was.
    Unwanted,
    /// It is of this cell.
    Of(usize),
    /// It is of the cell that will be first.
    OfFirst,
}

/// All that a benchmark still wants.
#[derive(Debug, Clone)]
pub(super) struct Wanted<'c> {
    /// The cells that may run.
    pub(super) cells: Vec<Standing<'c>>,
    /// Epochs of runs.
    pub(super) lengths: Lengths,
    /// The seeds of the rounds.
    pub(super) seeds: &'c [u64],
    /// Per round the devices of which no cell was run twice, as one is to be.
    pub(super) lacks_repeat: Vec<Vec<&'c str>>,
    /// The cells that were, by their places in the plan, the latest first.
    pub(super) run_twice: &'c [usize],
    /// The first run once more.
    pub(super) drift: Drift,
    /// Whether something is to be run whatever it takes, since nothing was yet.
    pub(super) must_run: bool,
}

/// What of it the budget has room for.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Plan {
    /// The rounds, as far as there is anything to run.
    pub(super) rounds: Vec<PlannedRound>,
    /// The cells of which a run is audited, by their places in the benchmark's plan.
    pub(super) audits: Vec<usize>,
    /// Epochs of the first run, made once more.
    pub(super) drift: Option<u32>,
    /// Seconds in all.
    pub(super) seconds: f64,
    /// Whether some cell goes without a run, its audit, or a training to the end.
    pub(super) is_cut: bool,
}

/// What is run of a round.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct PlannedRound {
    /// The round, from 0.
    pub(super) number: usize,
    /// Cells by their places in the benchmark's plan, each with its epochs.
    pub(super) runs: Vec<(usize, u32)>,
    /// Those that are run twice, each with the epochs of its second run.
    pub(super) repeats: Vec<(usize, u32)>,
    /// Cells that have no run of it and get none.
    pub(super) left_out: Vec<usize>,
}

impl Wanted<'_> {
    /// What there is room for in so many seconds.
    pub(super) fn plan(&self, available: f64) -> Plan {
        Planner::new(self, available).plan()
    }
}

impl PlannedRound {
    /// The cells of its runs, one that is run twice twice.
    pub(super) fn order(&self) -> Vec<usize> {
        self.runs.iter().chain(&self.repeats).map(|(index, _)| *index).collect()
    }

    /// The cells that are run for time only.
    pub(super) fn timing(&self, lengths: Lengths) -> Vec<usize> {
        self.runs.iter().filter(|(_, epochs)| *epochs < lengths.whole).map(|(index, _)| *index).collect()
    }
}

impl Plan {
    fn granted<'p>(&'p self, cell: &'p Standing<'_>) -> impl Iterator<Item = (usize, u32)> + 'p {
        self.rounds.iter().flat_map(|round| {
            round.runs.iter().filter(|run| run.0 == cell.index).map(|run| (round.number, run.1))
        })
    }

    /// The rounds in which a cell has a run, made or planned.
    fn runs_of(&self, cell: &Standing<'_>) -> usize {
        let is_planned = |round: usize| self.granted(cell).any(|(number, _)| number == round);
        (0..cell.made.len()).filter(|&round| cell.made[round].is_some() || is_planned(round)).count()
    }

    /// Whether it has a run that has ended well, or gets one.
    fn has_run(&self, cell: &Standing<'_>) -> bool {
        cell.made.iter().flatten().any(|epochs| *epochs > 0) || self.granted(cell).next().is_some()
    }

    fn lacks_whole(&self, cell: &Standing<'_>, lengths: Lengths) -> bool {
        cell.lacks_whole
            && self.has_run(cell)
            && !self.granted(cell).any(|(_, epochs)| epochs == lengths.whole)
    }

    fn lacks_audit(&self, cell: &Standing<'_>) -> bool {
        cell.lacks_audit && self.has_run(cell) && !self.audits.contains(&cell.index)
    }

    /// Epochs of every run.
    fn epochs(&self) -> impl Iterator<Item = u32> {
        let rounds = self.rounds.iter().flat_map(|round| round.runs.iter().chain(&round.repeats));
        rounds.map(|(_, epochs)| *epochs).chain(self.drift)
    }

    /// Runs in all.
    pub(super) fn runs(&self) -> usize {
        self.epochs().count()
    }

    /// Runs for time only.
    pub(super) fn timing_runs(&self, lengths: Lengths) -> usize {
        self.epochs().filter(|epochs| *epochs < lengths.whole).count()
    }
}

impl Wanted<'_> {
    /// What a user must know of the budget, in one line.
    pub(super) fn words(&self, plan: &Plan, budget: f64) -> String {
        let budget = units::seconds(budget);
        let rounds = self.seeds.len();
        if !plan.is_cut {
            let fits = match rounds {
                1 => "the round fits".to_owned(),
                _ => format!("all {rounds} rounds fit"),
            };
            let timing = plan.timing_runs(self.lengths);
            let some = if timing > 0 {
                format!(", {} of them for time only", units::count(timing, "run"))
            } else {
                String::new()
            };
            return format!("{fits} the budget of {budget}{some}");
        }
        let cells =
            |is_so: &dyn Fn(&Standing<'_>) -> bool| self.cells.iter().filter(|cell| is_so(cell)).count();
        let told = [
            (cells(&|cell| plan.runs_of(cell) == 0), "left out"),
            (cells(&|cell| (1..rounds).contains(&plan.runs_of(cell))), "not in all rounds"),
            (cells(&|cell| plan.lacks_whole(cell, self.lengths)), "not trained to the end"),
            (cells(&|cell| plan.lacks_audit(cell)), "not audited"),
        ];
        let told = told.into_iter().filter(|(number, _)| *number > 0);
        let told: Vec<String> = told.map(|(number, how)| format!("{number} {how}")).collect();
        format!(
            "the budget of {budget} (--budget) is too short for all: of {}, {}",
            units::count(self.cells.len(), "cell"),
            told.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SEEDS: [u64; 3] = [1, 2, 3];

    fn wanted(of: &[(f64, bool)]) -> Wanted<'static> {
        let cells = of.iter().enumerate().map(|(index, &(seconds, is_control))| Standing {
            index,
            device: "cpu",
            is_control,
            price: Price::new(0.0, seconds),
            made: vec![None; SEEDS.len()],
            lacks_whole: true,
            lacks_audit: true,
        });
        Wanted {
            cells: cells.collect(),
            lengths: Lengths::new(5),
            seeds: &SEEDS,
            lacks_repeat: vec![vec!["cpu"]; SEEDS.len()],
            run_twice: &[],
            drift: Drift::OfFirst,
            must_run: true,
        }
    }

    /// Per cell the epochs of its runs.
    fn epochs(wanted: &Wanted<'_>, plan: &Plan) -> Vec<Vec<u32>> {
        let of = |cell: &Standing<'_>| plan.granted(cell).map(|(_, epochs)| epochs).collect();
        wanted.cells.iter().map(of).collect()
    }

    #[test]
    fn what_is_most_wanted_is_granted_first() {
        let wanted = wanted(&[(1.0, false), (10.0, false), (3.0, true)]);
        let plan = |available: f64| {
            let plan = wanted.plan(available);
            let repeats = plan.rounds.iter().map(|round| round.repeats.len()).sum::<usize>();
            (epochs(&wanted, &plan), repeats, plan.audits.len())
        };
        // Two runs of the cheapest, two of the dearest, one of the control, and the cheapest repeated.
        assert_eq!(plan(4.0), (vec![vec![2, 2], vec![], vec![]], 0, 0));
        assert_eq!(plan(44.0), (vec![vec![2, 2], vec![2, 2], vec![]], 0, 0));
        assert_eq!(plan(50.0), (vec![vec![2, 2], vec![2, 2], vec![2]], 0, 0));
        assert_eq!(plan(54.0).1, 2);
        // Of each its audit and one run to the end, of the repeated one two.
        assert_eq!(plan(54.0 + 1.25 + 6.0), (vec![vec![5, 2], vec![2, 2], vec![2]], 2, 1));
        assert_eq!(plan(61.25 + 12.5 + 30.0), (vec![vec![5, 2], vec![5, 2], vec![2]], 2, 2));
        assert_eq!(plan(103.75 + 3.75 + 9.0), (vec![vec![5, 2], vec![5, 2], vec![5]], 2, 3));
        let (of_cells, repeats, audits) = plan(f64::INFINITY);
        assert_eq!((of_cells, repeats, audits), (vec![vec![5; 3]; 3], 3, 3));
    }

    #[test]
    fn the_budget_in_words() {
        let words = |of: &[(f64, bool)], budget: f64| {
            let wanted = wanted(of);
            let plan = wanted.plan(budget);
            format!("{}: {} runs in {} s", wanted.words(&plan, budget), plan.runs(), plan.seconds)
        };
        let two = [(1.0, false), (10.0, false)];
        let all =
            [words(&two, 400.0), words(&two, 150.0), words(&two, 60.0), words(&two, 20.0), words(&two, 1.0)];
        insta::assert_snapshot!(all.join("\n"));
    }

    proptest! {
        #[test]
        fn what_is_planned_fits_and_nobody_is_served_before_a_cheaper_one(
            of in prop::collection::vec((1.0..100.0_f64, any::<bool>()), 1..8),
            available in 0.0..5000.0_f64,
        ) {
            let wanted = wanted(&of);
            let plan = wanted.plan(available);
            let is_least = plan.runs() == 1;
            prop_assert!(plan.seconds <= available + 1e-9 || is_least, "{} of {available}", plan.seconds);
            let runs = epochs(&wanted, &plan);
            for (one, runs_of_one) in wanted.cells.iter().zip(&runs) {
                for (other, runs_of_other) in wanted.cells.iter().zip(&runs) {
                    let is_cheaper = one.price.epoch_seconds < other.price.epoch_seconds;
                    if is_cheaper && one.is_control == other.is_control {
                        prop_assert!(runs_of_one.len() >= runs_of_other.len());
                    }
                }
            }
            let all = wanted.plan(f64::INFINITY);
            prop_assert!(!all.is_cut && all.timing_runs(wanted.lengths) == 0);
        }
    }
}
