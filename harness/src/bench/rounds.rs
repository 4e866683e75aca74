//! The gate for every cell, then round after round over those that passed.

use std::collections::HashSet;
use std::time::Instant;

use anyhow::Context;
use trainmark_reports::Record;
use trainmark_reports::record::{Cell, Event, Outcome, Purpose, Round, RunOutcome};

use super::BenchRequest;
use super::budget::{self, Cost};
use super::contender::Contender;
use super::gate::Gate;
use super::history::History;
use super::prepare::ReadyCell;
use super::repeats::{self, Candidate};
use super::run::{self, Bench};
use crate::failure::Failure;
use crate::interrupt::Interrupted;
use crate::plan;
use crate::workload::Workload;

/// Runs every cell that `earlier` does not hold yet.
///
/// # Errors
/// Where the records cannot be written, or no worker can be started.
pub(super) fn run_cells(
    bench: &mut Bench<'_>,
    request: &BenchRequest,
    workloads: &[Workload],
    cells: &[ReadyCell],
    earlier: Option<&Record>,
) -> anyhow::Result<Outcome> {
    let history = History::new(request, earlier);
    let seeds = request.seeds();
    let mut contenders = Vec::new();
    let mut gate = Gate::new(bench.dataset, bench.executor);
    for run in earlier.iter().flat_map(|record| record.samples()) {
        if let Some(conformance) = &run.end.conformance {
            gate.remember(&run.cell, conformance);
        }
    }
    for ready in cells.iter().filter(|ready| !history.is_complete(&ready.cell)) {
        let workload = workload_of(ready, workloads)?;
        let log = bench.store.folder().join(run::log_name(ready, "check"));
        let verdict = gate.check(ready, &log, bench.progress)?;
        if verdict.failure.as_ref().is_some_and(Failure::is_interruption) {
            return Ok(Outcome::Interrupted);
        }
        if verdict.conformance.passed {
            let index = history.plan_index(&ready.cell, cells);
            contenders.push(Contender::new(ready, workload, verdict, index));
        } else {
            // A run that has ended well before stays what it was.
            let is_pending = |seed: &&u64| !history.is_done(&ready.cell, **seed, Purpose::Sample);
            if let Some(seed) = seeds.iter().find(is_pending) {
                bench.stopped(ready, workload, *seed, &verdict)?;
            }
        }
    }
    if contenders.is_empty() {
        return Ok(Outcome::Complete);
    }
    let index_of = |cell: &Cell| contenders.iter().find(|one| one.ready.cell == *cell).map(|one| one.index);
    let run_twice = history.run_twice().into_iter().filter_map(index_of).collect();
    let first = history.first_run().and_then(|(cell, seed)| Some((index_of(cell)?, seed)));
    let is_over = history.first_run().is_some() && first.is_none();
    Rounds { bench, request, history, contenders, run_twice, first, is_over }.run(&seeds)
}

/// The rounds of a benchmark, as they go on.
struct Rounds<'r, 'b> {
    bench: &'r mut Bench<'b>,
    request: &'r BenchRequest,
    history: History<'r>,
    contenders: Vec<Contender<'r>>,
    /// Cells that were run twice in a round, by their places in the plan, the latest first.
    run_twice: Vec<usize>,
    /// Place and seed of the first run that ended well, if it can be made once more.
    first: Option<(usize, u64)>,
    /// Whether the first run was one that cannot be made once more now.
    is_over: bool,
}

impl Rounds<'_, '_> {
    fn run(mut self, seeds: &[u64]) -> anyhow::Result<Outcome> {
        let start = Instant::now();
        let budget = self.request.budget.map(|budget| budget.as_secs_f64());
        self.announce(seeds, budget);
        let mut is_first = true;
        let mut outcome = Outcome::Complete;
        for (place, &seed) in seeds.iter().enumerate() {
            let left = |budget| budget - start.elapsed().as_secs_f64() - self.drift_seconds();
            let available = budget.filter(|_| !is_first).map_or(f64::INFINITY, left);
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
                let left = budget.map(|budget| budget - start.elapsed().as_secs_f64());
                self.announce_rest(&round, &seeds[place + 1..], left);
            }
            is_first = false;
            if self.run_round(round)?.is_some() {
                return Ok(Outcome::Interrupted);
            }
        }
        if self.run_drift()?.is_some() {
            return Ok(Outcome::Interrupted);
        }
        Ok(outcome)
    }

    /// Says how much there is to do, and how much of it the budget has room for.
    fn announce(&mut self, seeds: &[u64], budget: Option<f64>) {
        let epochs = self.request.epochs;
        let rounds: Vec<Vec<Cost<'_>>> = seeds.iter().map(|seed| self.costs(*seed)).collect();
        let rounds: Vec<_> =
            rounds.into_iter().filter(|round| round.iter().any(|cost| cost.runs > 0)).collect();
        let first = self.first.map(|(index, _)| index);
        let begins = |seed: &u64| self.round(*seed, f64::INFINITY, 1)?.order.first().copied();
        let first = first.or_else(|| seeds.iter().find_map(begins));
        let is_first = |one: &&Contender<'_>| self.request.repeats && Some(one.index) == first;
        let drift = self.contenders.iter().find(is_first).map(|one| one.run_seconds(epochs));
        let forecast = budget::forecast(&rounds, budget, drift);
        self.bench.progress.plan(forecast.runs, epochs, forecast.seconds);
        if let Some(budget) = budget {
            self.bench.progress.note(&forecast.words(budget));
        }
    }

    /// Says how much there is left to do with a round and those of later seeds.
    fn announce_rest(&mut self, round: &Round, later: &[u64], budget: Option<f64>) {
        let mut kept = self.costs(round.seed);
        kept.retain(|cost| !round.left_out.contains(&cost.index));
        let rounds: Vec<_> =
            std::iter::once(kept).chain(later.iter().map(|seed| self.costs(*seed))).collect();
        let drift = self.drifting().map(|(one, _)| one.run_seconds(self.request.epochs));
        let forecast = budget::forecast(&rounds, budget, drift);
        self.bench.progress.replan(forecast.runs, forecast.seconds);
    }

    /// What a round costs, cell by cell.
    fn costs(&self, seed: u64) -> Vec<Cost<'_>> {
        let able: Vec<&Contender<'_>> = self.contenders.iter().filter(|one| !one.is_out()).collect();
        let candidates = able.iter().filter(|one| self.history.lacks_repeat(&one.ready.cell.device, seed));
        let candidates: Vec<Candidate<'_>> = candidates.map(|one| Candidate::from(*one)).collect();
        let run_twice = repeats::choose(&candidates, &self.run_twice);
        let lacks_sample =
            |one: &Contender<'_>| !self.history.is_done(&one.ready.cell, seed, Purpose::Sample);
        let runs = |one: &Contender<'_>| {
            usize::from(lacks_sample(one)) + usize::from(run_twice.contains(&one.index))
        };
        able.into_iter().map(|one| one.cost(runs(one), self.request.epochs)).collect()
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

    /// Runs a round. Returns `Some` where it was interrupted.
    fn run_round(&mut self, round: Round) -> anyhow::Result<Option<Interrupted>> {
        let seed = round.seed;
        self.bench.store.append(&Event::Round(round.clone()))?;
        let is_sampled = |one: &&Contender<'_>| self.history.is_done(&one.ready.cell, seed, Purpose::Sample);
        let mut sampled: HashSet<usize> =
            self.contenders.iter().filter(is_sampled).map(|one| one.index).collect();
        for index in round.order {
            let purpose = if sampled.insert(index) { Purpose::Sample } else { Purpose::Repeat };
            if purpose == Purpose::Repeat && !self.run_twice.contains(&index) {
                self.run_twice.push(index);
            }
            if let Some(interrupted) = self.run_one(index, seed, purpose)? {
                return Ok(Some(interrupted));
            }
        }
        Ok(None)
    }

    /// Seconds that making the first run once more will take.
    fn drift_seconds(&self) -> f64 {
        self.drifting().map_or(0.0, |(one, _)| one.run_seconds(self.request.epochs))
    }

    /// The cell and seed of the first run, if it is to be made once more.
    fn drifting(&self) -> Option<(&Contender<'_>, u64)> {
        let (index, seed) = self.first.filter(|_| self.request.repeats)?;
        let one = self.contenders.iter().find(|one| one.index == index && !one.is_out())?;
        (!self.history.is_done(&one.ready.cell, seed, Purpose::Drift)).then_some((one, seed))
    }

    /// Makes the first run once more.
    fn run_drift(&mut self) -> anyhow::Result<Option<Interrupted>> {
        match self.drifting().map(|(one, seed)| (one.index, seed)) {
            Some((index, seed)) => self.run_one(index, seed, Purpose::Drift),
            None => Ok(None),
        }
    }

    fn run_one(&mut self, index: usize, seed: u64, purpose: Purpose) -> anyhow::Result<Option<Interrupted>> {
        let Some(one) = self.contenders.iter_mut().find(|one| one.index == index) else { return Ok(None) };
        if purpose != Purpose::Sample && one.has_stumbled() {
            return Ok(None);
        }
        let start = Instant::now();
        let run = self.bench.run(one.ready, one.workload, seed, purpose, &one.verdict.conformance)?;
        if let Some(note) = one.ended(run.end.outcome, start.elapsed().as_secs_f64()) {
            self.bench.progress.note(&note);
        }
        if run.is_ok() && !self.is_over {
            self.first.get_or_insert((index, seed));
        }
        let is_interrupted =
            run.end.outcome == RunOutcome::Interrupted || self.bench.executor.interrupt.is_set();
        Ok(is_interrupted.then_some(Interrupted))
    }
}

fn workload_of<'w>(ready: &ReadyCell, workloads: &'w [Workload]) -> anyhow::Result<&'w Workload> {
    let found = workloads.iter().find(|workload| workload.name == ready.cell.workload);
    found.with_context(|| format!("no workload {}", ready.cell.workload))
}
