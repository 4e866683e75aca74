//! A benchmark's record, as all readers use it.

use std::collections::{HashMap, HashSet};

use crate::ceiling::Peak;

use super::{Cell, Environment, Outcome, Purpose, Round, Run, RunOutcome, Started, Target};

/// A record as it was read: every cell, seed and purpose has at most one run.
///
/// Where a run was repeated, the later attempt that ended stands; where none
/// ended, the latest attempt stands as an interrupted run. So no epoch of a cell
/// and seed is there twice, and a failure is forgotten only for a later result.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Plan, data set, machine and command.
    pub started: Started,
    /// The rounds, in the order of their beginning.
    pub rounds: Vec<Round>,
    /// The runs that stand, for whatever purpose, in the order of their beginning.
    pub runs: Vec<Run>,
    /// Times at which a process continued the benchmark, in Unix seconds.
    pub resumed: Vec<f64>,
    /// How the last process ended; `None` when it was killed or still runs.
    pub outcome: Option<Outcome>,
    /// Wall seconds of all processes that ended by themselves.
    pub seconds: f64,
    /// What the processor reached after the last run, where it was measured.
    pub last_peak: Option<Peak>,
}

impl Record {
    /// Of a benchmark of which nothing has run yet.
    pub fn new(started: Started) -> Self {
        let (rounds, runs, resumed) = (Vec::new(), Vec::new(), Vec::new());
        Self { started, rounds, runs, resumed, outcome: None, seconds: 0.0, last_peak: None }
    }

    /// The machine of a benchmark on a cluster is the first node that ran a round, and not the one that
    /// has sent it there.
    pub(crate) fn take_environment_of_nodes(&mut self) {
        let first = self.rounds.iter().find_map(|round| round.node.as_deref());
        if let (Some(node), true) = (first, self.started.merged.is_empty()) {
            self.started.environment = node.environment.clone();
        }
    }

    /// The machine and the tools of a run: of a round on a cluster, its node's.
    pub fn environment_of_run(&self, run: &Run) -> &Environment {
        let nodes = self.rounds.iter().rev().filter(|round| round.seed == run.seed);
        let mut nodes = nodes.filter_map(|round| round.node.as_deref());
        let node = run.node.as_ref().and_then(|name| nodes.find(|node| node.name == *name));
        node.map_or_else(|| self.started.environment_of(&run.cell), |node| &node.environment)
    }

    /// The samples, which alone enter tables and medians: [`Run::is_sample`].
    pub fn samples(&self) -> impl DoubleEndedIterator<Item = &Run> {
        self.runs.iter().filter(|run| run.is_sample())
    }

    /// The samples that did not train all their epochs.
    pub fn failures(&self) -> impl Iterator<Item = &Run> {
        self.samples().filter(|run| !run.is_ok())
    }

    /// The same of a benchmark whose runs go on: one that was cut short, or has no end yet, may yet come to
    /// one.
    pub fn failures_so_far(&self) -> impl Iterator<Item = &Run> {
        self.failures().filter(|run| run.end.outcome != RunOutcome::Interrupted)
    }

    /// The runs that were made once more, which enter no median: [`Purpose::Repeat`] and
    /// [`Purpose::Drift`].
    pub fn repeats(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter().filter(|run| !run.is_sample())
    }

    /// The samples of a cell.
    pub fn samples_of(&self, cell: &Cell) -> impl Iterator<Item = &Run> {
        self.samples().filter(move |run| run.cell == *cell)
    }

    /// Whether the runs of a cell count: [`Run::are_ranked`].
    pub fn is_ranked(&self, cell: &Cell) -> bool {
        Run::are_ranked(self.samples_of(cell))
    }

    /// Whether some cell has a run of this seed of which it is counted whether it reached a
    /// target.
    pub fn has_tried(&self, seed: u64) -> bool {
        let mut tried = self.samples().filter(|run| run.seed == seed && run.is_tried());
        tried.any(|run| self.is_ranked(&run.cell))
    }

    /// How many samples were planned: one of each cell and seed.
    pub fn planned_runs(&self) -> usize {
        self.started.plan.cells.len() * self.started.plan.seeds.len()
    }

    /// Of how many of them something came.
    pub fn ended_runs(&self) -> usize {
        let made = self.samples().filter(|run| !run.end.outcome.is_not_made());
        // A cell may have two of a seed: for time only first, and to the end when it was resumed.
        made.map(|run| (&run.cell, run.seed)).collect::<HashSet<_>>().len()
    }

    /// The sample that a run made once more repeats: of its cell and seed, the one of as many epochs where there
    /// are two, one to the end and one for time only.
    pub fn repeated_by(&self, again: &Run) -> Option<&Run> {
        again.repeats_one_of(self.samples_of(&again.cell))
    }

    /// The run of a cell and seed for a purpose.
    pub fn find(&self, cell: &Cell, seed: u64, purpose: Purpose) -> Option<&Run> {
        // The seed first: it tells apart at once what cells do only after several names.
        self.runs.iter().find(|run| run.seed == seed && run.purpose == purpose && run.cell == *cell)
    }

    /// Whether a run needs no repetition on resume: [`Run::has_result`].
    pub fn has_result(&self, cell: &Cell, seed: u64, purpose: Purpose) -> bool {
        self.find(cell, seed, purpose).is_some_and(Run::has_result)
    }

    /// The plan's cells, then any other that has a sample, with the samples of each.
    pub fn by_cell(&self) -> Vec<(&Cell, Vec<&Run>)> {
        let mut places: HashMap<&Cell, usize> = HashMap::new();
        let mut cells: Vec<(&Cell, Vec<&Run>)> = Vec::new();
        let planned = self.started.plan.cells.iter().map(|cell| (cell, None));
        for (cell, run) in planned.chain(self.samples().map(|run| (&run.cell, Some(run)))) {
            let place = *places.entry(cell).or_insert_with(|| {
                cells.push((cell, Vec::new()));
                cells.len() - 1
            });
            cells[place].1.extend(run);
        }
        cells
    }

    /// The plan's cells, then any other that has a sample.
    pub fn cells(&self) -> Vec<&Cell> {
        self.by_cell().into_iter().map(|(cell, _)| cell).collect()
    }

    /// How the benchmark ended, in words.
    pub fn outcome_words(&self) -> &'static str {
        match self.outcome {
            Some(Outcome::Complete) => "complete",
            Some(Outcome::Decided) => "ended once a difference was shown",
            Some(Outcome::Budget) => "ended by its time budget",
            Some(Outcome::Interrupted) => "interrupted",
            None => "not finished",
        }
    }

    /// That the benchmark was continued, which its command does not say; `None` where it was not.
    pub fn continued_words(&self) -> Option<String> {
        let times = match self.resumed.len() {
            0 => return None,
            1 => "once".to_owned(),
            times => format!("{times} times"),
        };
        Some(format!("It was continued {times} by `bench --resume`, which the command does not say."))
    }

    /// The targets of a cell's workload.
    pub fn targets_of(&self, cell: &Cell) -> &[Target] {
        let workload = self.started.plan.workload(&cell.workload);
        workload.map_or(&[], |workload| &workload.targets)
    }
}
