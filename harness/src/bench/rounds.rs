//! The gate for every cell, then round after round over those that passed.

use std::collections::HashSet;
use std::time::Instant;

use anyhow::{Context, bail};
use trainmark_reports::Record;
use trainmark_reports::record::{Cell, Event, Outcome, Purpose, Round, RunOutcome};

use super::budget::{self, Cost};
use super::contender::Contender;
use super::event::Happening;
use super::gate::Gate;
use super::history::History;
use super::prepare::ReadyCell;
use super::repeats::{self, Candidate};
use super::run::{self, Bench};
use crate::failure::Failure;
use crate::interrupt::Interrupted;
use crate::plan;
use crate::workload::Workload;

impl Bench<'_> {
    /// Runs every cell that `earlier` does not hold yet.
    ///
    /// # Errors
    /// Where the records cannot be written, or no job can be started.
    pub(super) fn run_cells(&mut self, earlier: Option<&Record>) -> anyhow::Result<Outcome> {
        let history = History::new(self.schedule, earlier);
        match self.run_and_audit(&history) {
            Err(error) if error.is::<Interrupted>() => Ok(Outcome::Interrupted),
            outcome => outcome,
        }
    }
}

impl<'b> Bench<'b> {
    fn run_and_audit(&mut self, history: &History<'_>) -> anyhow::Result<Outcome> {
        let contenders = self.pass_gate(history)?;
        let passed: Vec<&Cell> = contenders.iter().map(|one| &one.ready.cell).collect();
        // What the gate stops now says nothing of what was trained before.
        let is_stopped = |one: &&ReadyCell| !history.is_complete(&one.cell) && !passed.contains(&&one.cell);
        let auditable: Vec<&ReadyCell> = self.ready.cells.iter().filter(|one| !is_stopped(one)).collect();
        let outcome = match contenders.is_empty() {
            true => Outcome::Complete,
            false => Rounds::new(self, *history, contenders).run()?,
        };
        self.audit_cells(history, &auditable)?;
        Ok(outcome)
    }

    /// Passes every cell through the gate of which something is left to run. Returns those that
    /// may be timed.
    fn pass_gate(&mut self, history: &History<'_>) -> anyhow::Result<Vec<Contender<'b>>> {
        let ready = self.ready;
        let mut contenders = Vec::new();
        let mut gate = Gate::new(&ready.dataset, self.runner);
        for (cell, conformance) in history.verdicts() {
            gate.remember(cell, conformance);
        }
        for one in ready.cells.iter().filter(|one| !history.is_complete(&one.cell)) {
            let workload = workload_of(one, &ready.workloads)?;
            let log = self.folder.join(run::log_name(one, "check"));
            let verdict = gate.check(one, &log, self.sink)?;
            if verdict.failure.as_ref().is_some_and(Failure::is_interruption) {
                bail!(Interrupted);
            }
            if verdict.conformance.passed {
                let index = history.plan_index(&one.cell, &ready.cells);
                let mut contender = Contender::new(one, workload, verdict, index);
                contender.well_ended = history.well_ended(&one.cell);
                contenders.push(contender);
            } else if let Some(seed) = history.pending_seed(&one.cell) {
                // A run that has ended well before stays what it was.
                self.stopped(one, workload, seed, verdict)?;
            }
        }
        Ok(contenders)
    }
}

fn workload_of<'w>(ready: &ReadyCell, workloads: &'w [Workload]) -> anyhow::Result<&'w Workload> {
    let found = workloads.iter().find(|workload| workload.name == ready.cell.workload);
    found.with_context(|| format!("no workload {}", ready.cell.workload))
}

/// The rounds of a benchmark, as they go on.
struct Rounds<'r, 'b> {
    bench: &'r mut Bench<'b>,
    history: History<'r>,
    contenders: Vec<Contender<'b>>,
    /// Cells that were run twice in a round, by their places in the plan, the latest first.
    run_twice: Vec<usize>,
    /// Place and seed of the first run that ended well, if it can be made once more.
    first: Option<(usize, u64)>,
    /// Whether the first run was one that cannot be made once more now.
    is_over: bool,
    start: Instant,
}

impl<'r, 'b> Rounds<'r, 'b> {
    fn new(bench: &'r mut Bench<'b>, history: History<'r>, contenders: Vec<Contender<'b>>) -> Self {
        let start = bench.runner.clock();
        let (run_twice, first, is_over) = (Vec::new(), None, false);
        let mut rounds = Self { bench, history, contenders, run_twice, first, is_over, start };
        rounds.run_twice = history.run_twice().into_iter().filter_map(|cell| rounds.index_of(cell)).collect();
        if let Some((cell, seed)) = history.first_run() {
            rounds.first = rounds.index_of(cell).map(|index| (index, seed));
            rounds.is_over = rounds.first.is_none();
        }
        rounds
    }

    fn index_of(&self, cell: &Cell) -> Option<usize> {
        self.contenders.iter().find(|one| one.ready.cell == *cell).map(|one| one.index)
    }

    fn run(mut self) -> anyhow::Result<Outcome> {
        let seeds = self.bench.schedule.seeds();
        self.announce(&seeds)?;
        let mut is_first = true;
        let mut outcome = Outcome::Complete;
        for (place, &seed) in seeds.iter().enumerate() {
            let available = match self.budget_left().filter(|_| !is_first) {
                Some(left) => left - self.drift_seconds().unwrap_or_default() - self.audit_seconds(),
                None => f64::INFINITY,
            };
            let Some(round) = self.round(seed, available, seeds.len() - place) else {
                outcome = Outcome::Budget;
                break;
            };
            if round.order.is_empty() {
                continue;
            }
            if !round.left_out.is_empty() {
                outcome = Outcome::Budget;
            }
            if !is_first {
                self.announce_rest(&round, &seeds[place + 1..])?;
            }
            is_first = false;
            self.run_round(round)?;
        }
        if let Some((index, seed)) = self.drifting().map(|(one, seed)| (one.index, seed)) {
            self.run_one(index, seed, Purpose::Drift)?;
        }
        Ok(outcome)
    }

    /// Seconds of the budget, if there is one.
    fn budget(&self) -> Option<f64> {
        self.bench.schedule.budget.map(|budget| budget.as_secs_f64())
    }

    /// What is left of it now.
    fn budget_left(&self) -> Option<f64> {
        let spent = self.bench.runner.clock() - self.start;
        self.budget().map(|budget| budget - spent.as_secs_f64())
    }

    /// Says how much there is to do, and how much of it the budget has room for.
    fn announce(&mut self, seeds: &[u64]) -> anyhow::Result<()> {
        let rounds: Vec<Vec<Cost<'_>>> = seeds.iter().map(|seed| self.costs(*seed)).collect();
        let rounds: Vec<_> =
            rounds.into_iter().filter(|round| round.iter().any(|cost| cost.runs > 0)).collect();
        let (audits, audit_seconds) = (self.audited().count(), self.audit_seconds());
        let for_rounds = self.budget().map(|budget| budget - audit_seconds);
        let forecast = budget::forecast(&rounds, for_rounds, self.drift_forecast(seeds));
        let epochs = self.bench.schedule.epochs;
        let (runs, seconds) = (forecast.runs, forecast.seconds + audit_seconds);
        self.bench.sink.hear(Happening::Planned { runs, epochs, audits, seconds })?;
        if let Some(budget) = self.budget() {
            self.bench.sink.hear(Happening::Note(&forecast.words(budget)))?;
        }
        Ok(())
    }

    /// Seconds that the first run takes once more, before it is known which that is.
    fn drift_forecast(&self, seeds: &[u64]) -> Option<f64> {
        if !self.bench.schedule.repeats {
            return None;
        }
        let first = match self.first {
            Some((index, _)) => Some(index),
            None => seeds.iter().find_map(|seed| self.round(*seed, f64::INFINITY, 1)?.order.first().copied()),
        };
        let one = self.contenders.iter().find(|one| Some(one.index) == first)?;
        Some(one.run_seconds(self.bench.schedule.epochs))
    }

    /// Says how much there is left to do with a round and those of later seeds.
    fn announce_rest(&mut self, round: &Round, later: &[u64]) -> anyhow::Result<()> {
        let mut kept = self.costs(round.seed);
        kept.retain(|cost| !round.left_out.contains(&cost.index));
        let rounds: Vec<_> =
            std::iter::once(kept).chain(later.iter().map(|seed| self.costs(*seed))).collect();
        let audit_seconds = self.audit_seconds();
        let for_rounds = self.budget_left().map(|left| left - audit_seconds);
        let forecast = budget::forecast(&rounds, for_rounds, self.drift_seconds());
        let (runs, seconds) = (forecast.runs, forecast.seconds + audit_seconds);
        self.bench.sink.hear(Happening::Replanned { runs, seconds })
    }

    /// What a round costs, cell by cell.
    fn costs(&self, seed: u64) -> Vec<Cost<'_>> {
        let able = self.contenders.iter().filter(|one| !one.is_out());
        let candidates: Vec<Candidate<'_>> = able
            .clone()
            .filter(|one| self.history.lacks_repeat(&one.ready.cell.device, seed))
            .map(Candidate::from)
            .collect();
        let run_twice = repeats::choose(&candidates, &self.run_twice);
        able.map(|one| {
            let lacks_sample = !self.history.is_done(&one.ready.cell, seed, Purpose::Sample);
            let runs = usize::from(lacks_sample) + usize::from(run_twice.contains(&one.index));
            one.cost(runs, self.bench.schedule.epochs)
        })
        .collect()
    }

    /// What is run of a round, the first of `rounds` that have so many seconds together; `None`
    /// where that is too little.
    fn round(&self, seed: u64, available: f64, rounds: usize) -> Option<Round> {
        let costs = self.costs(seed);
        let left_out = budget::leave_out_of_share(&costs, available, rounds)?;
        let kept = costs.iter().filter(|cost| !left_out.contains(&cost.index));
        let runs = kept.flat_map(|cost| std::iter::repeat_n(cost.index, cost.runs));
        let round = plan::round(runs.collect(), seed);
        Some(Round { left_out, ..round })
    }

    fn run_round(&mut self, round: Round) -> anyhow::Result<()> {
        let seed = round.seed;
        self.bench.record(&Event::Round(round.clone()))?;
        let mut sampled: HashSet<usize> = self
            .contenders
            .iter()
            .filter(|one| self.history.is_done(&one.ready.cell, seed, Purpose::Sample))
            .map(|one| one.index)
            .collect();
        for index in round.order {
            let purpose = if sampled.insert(index) { Purpose::Sample } else { Purpose::Repeat };
            if purpose == Purpose::Repeat && !self.run_twice.contains(&index) {
                self.run_twice.push(index);
            }
            self.run_one(index, seed, purpose)?;
        }
        Ok(())
    }

    /// The cell and seed of the first run, if it is to be made once more.
    fn drifting(&self) -> Option<(&Contender<'b>, u64)> {
        let (index, seed) = self.first.filter(|_| self.bench.schedule.repeats)?;
        let one = self.contenders.iter().find(|one| one.index == index && !one.is_out())?;
        (!self.history.is_done(&one.ready.cell, seed, Purpose::Drift)).then_some((one, seed))
    }

    /// Seconds that making it once more will take.
    fn drift_seconds(&self) -> Option<f64> {
        self.drifting().map(|(one, _)| one.run_seconds(self.bench.schedule.epochs))
    }

    /// The cells of which a run will be audited.
    fn audited(&self) -> impl Iterator<Item = &Contender<'b>> {
        let is_audited = self.bench.schedule.audit == Some(true);
        let able = self.contenders.iter().filter(move |one| is_audited && !one.is_out());
        able.filter(|one| !self.history.is_audited(&one.ready.cell))
    }

    /// Seconds that this will take: one epoch each, made once more.
    fn audit_seconds(&self) -> f64 {
        let epochs = self.bench.schedule.epochs;
        self.audited().map(|one| one.run_seconds(epochs) / f64::from(epochs)).sum()
    }

    fn run_one(&mut self, index: usize, seed: u64, purpose: Purpose) -> anyhow::Result<()> {
        let Some(one) = self.contenders.iter_mut().find(|one| one.index == index) else { return Ok(()) };
        if purpose != Purpose::Sample && one.has_stumbled() {
            return Ok(());
        }
        let start = self.bench.runner.clock();
        let run = self.bench.run(one, seed, purpose)?;
        let seconds = (self.bench.runner.clock() - start).as_secs_f64();
        self.bench.sink.hear(Happening::Pause)?;
        one.well_ended += usize::from(run.is_sample() && run.is_ok());
        if let Some(note) = one.ended(run.end.outcome, seconds) {
            self.bench.sink.hear(Happening::Note(&note))?;
        }
        if run.is_ok() && !self.is_over {
            self.first.get_or_insert((index, seed));
        }
        if run.end.outcome == RunOutcome::Interrupted {
            bail!(Interrupted);
        }
        Ok(self.bench.runner.interrupt().check()?)
    }
}
