//! What an earlier process of the same benchmark has recorded, and what it has left to do.

use trainmark_reports::Record;
use trainmark_reports::record::{Cell, Conformance, Purpose, Run};

use super::prepare::ReadyCell;
use super::request::Schedule;

/// The schedule and what of it has been done.
#[derive(Clone, Copy)]
pub(super) struct History<'h> {
    schedule: &'h Schedule,
    /// `None` where nothing was begun before.
    earlier: Option<&'h Record>,
}

impl<'h> History<'h> {
    /// Of a schedule and what `earlier` holds of it.
    pub(super) fn new(schedule: &'h Schedule, earlier: Option<&'h Record>) -> Self {
        Self { schedule, earlier }
    }

    /// Whether a run of this purpose has a result.
    pub(super) fn is_done(&self, cell: &Cell, seed: u64, purpose: Purpose) -> bool {
        self.earlier.is_some_and(|record| record.has_result(cell, seed, purpose))
    }

    /// Per round the epochs of a cell's sample, if one has a result; 0 where that is none to
    /// compare.
    pub(super) fn made(&self, cell: &Cell) -> Vec<Option<u32>> {
        let made = |seed: u64| {
            let samples = self.earlier?.samples_of(cell).filter(|run| run.seed == seed && run.has_result());
            samples.map(|run| if run.is_ok() { run.epochs.len() as u32 } else { 0 }).max()
        };
        self.schedule.seeds().into_iter().map(made).collect()
    }

    /// Whether a run of a cell to the end has a result.
    pub(super) fn has_whole(&self, cell: &Cell) -> bool {
        self.earlier
            .is_some_and(|record| record.samples_of(cell).any(|run| run.is_whole() && run.has_result()))
    }

    /// Whether a round lacks its run that is made once more on a device.
    pub(super) fn lacks_repeat(&self, device: &str, seed: u64) -> bool {
        self.schedule.repeats && !self.earlier.is_some_and(|record| has_repeat(record, device, seed))
    }

    /// The cells that were run twice in a round, the latest first.
    pub(super) fn run_twice(&self) -> Vec<&'h Cell> {
        let Some(record) = self.earlier else { return Vec::new() };
        let mut run_twice = Vec::new();
        for round in record.rounds.iter().rev() {
            for (place, index) in round.order.iter().enumerate() {
                if round.order[..place].contains(index) {
                    run_twice.extend(record.started.plan.cells.get(*index));
                }
            }
        }
        run_twice
    }

    /// Cell and seed of the benchmark's first run that ended well.
    pub(super) fn first_run(&self) -> Option<(&'h Cell, u64)> {
        let run = self.earlier?.samples().find(|run| run.is_ok())?;
        Some((&run.cell, run.seed))
    }

    /// How many samples of a cell have ended well.
    pub(super) fn well_ended(&self, cell: &Cell) -> usize {
        self.earlier.map_or(0, |record| record.samples_of(cell).filter(|run| run.is_ok()).count())
    }

    /// Whether an audit of a cell has come to a result.
    pub(super) fn is_audited(&self, cell: &Cell) -> bool {
        let has_result = |run: &Run| run.audit.is_some() && run.has_result();
        self.earlier.is_some_and(|record| record.samples_of(cell).any(has_result))
    }

    /// What the gate found of cells, run by run.
    pub(super) fn verdicts(&self) -> impl Iterator<Item = (&'h Cell, &'h Conformance)> {
        let runs = self.earlier.into_iter().flat_map(Record::samples);
        runs.filter_map(|run| Some((&run.cell, run.end.conformance.as_ref()?)))
    }

    /// The first seed whose run of a cell has no result, or the first of all where none of its runs
    /// was to the end.
    pub(super) fn pending_seed(&self, cell: &Cell) -> Option<u64> {
        let seeds = self.schedule.seeds();
        let lacking =
            seeds.iter().zip(self.made(cell)).find(|(_, made)| made.is_none()).map(|(seed, _)| *seed);
        lacking.or_else(|| seeds.first().copied().filter(|_| !self.has_whole(cell)))
    }

    /// Whether nothing of a cell is left to run.
    pub(super) fn is_complete(&self, cell: &Cell) -> bool {
        let seeds = self.schedule.seeds();
        let lacks_repeat = self.run_twice().contains(&cell)
            && seeds.iter().any(|seed| self.lacks_repeat(&cell.device, *seed));
        let lacks_drift = self.schedule.drifts()
            && self
                .first_run()
                .is_some_and(|(first, seed)| first == cell && !self.is_done(cell, seed, Purpose::Drift));
        self.pending_seed(cell).is_none() && !lacks_repeat && !lacks_drift
    }

    /// Place of a cell in the plan that the record begins with.
    pub(super) fn plan_index(&self, cell: &Cell, cells: &[ReadyCell]) -> usize {
        let planned: Vec<&Cell> = match self.earlier {
            Some(record) => record.started.plan.cells.iter().collect(),
            None => cells.iter().map(|one| &one.cell).collect(),
        };
        planned.iter().position(|planned| *planned == cell).unwrap_or(planned.len())
    }
}

fn has_repeat(record: &Record, device: &str, seed: u64) -> bool {
    let mut of_round = record.runs.iter().filter(|run| run.purpose == Purpose::Repeat && run.seed == seed);
    of_round.any(|run| *run.cell.device == *device && run.has_result())
}
