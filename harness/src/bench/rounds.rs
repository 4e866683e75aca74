//! The gate for every cell, then round after round over those that passed.

use std::collections::HashSet;
use std::time::Instant;

use anyhow::Context;
use trainmark_reports::Record;
use trainmark_reports::record::{Cell, Event, Outcome, Purpose, Round, RunOutcome};

use super::BenchRequest;
use super::contender::Contender;
use super::gate;
use super::history::History;
use super::prepare::ReadyCell;
use super::progress::Progress;
use super::repeats::{self, Candidate};
use super::run::{self, Bench};
use crate::executor::Cause;
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
    for ready in cells.iter().filter(|ready| !history.is_complete(&ready.cell)) {
        let workload = workload_of(ready, workloads)?;
        let log = bench.store.folder().join(run::log_name(ready, "check"));
        let verdict = gate::check(ready, bench.dataset, bench.executor, &log, bench.progress)?;
        if verdict.failure.as_ref().is_some_and(|failure| failure.cause == Cause::Interrupted) {
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
    let twins = history.twins().into_iter().filter_map(index_of).collect();
    let first = history.first_run().and_then(|(cell, seed)| Some((index_of(cell)?, seed)));
    let is_over = history.first_run().is_some() && first.is_none();
    Rounds { bench, request, history, contenders, twins, first, is_over }.run(&seeds)
}

/// The rounds of a benchmark, as they go on.
struct Rounds<'r, 'b> {
    bench: &'r mut Bench<'b>,
    request: &'r BenchRequest,
    history: History<'r>,
    contenders: Vec<Contender<'r>>,
    /// Cells that were run twice in a round, by their places in the plan, the latest first.
    twins: Vec<usize>,
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
        let mut longest_round = 0.0_f64;
        let mut outcome = Outcome::Complete;
        for (index, &seed) in seeds.iter().enumerate() {
            let elapsed = start.elapsed().as_secs_f64();
            if index > 0 && budget.is_some_and(|budget| elapsed + longest_round > budget) {
                outcome = Outcome::Budget;
                break;
            }
            if self.run_round(seed)?.is_some() {
                return Ok(Outcome::Interrupted);
            }
            longest_round = longest_round.max(start.elapsed().as_secs_f64() - elapsed);
        }
        if self.run_drift()?.is_some() {
            return Ok(Outcome::Interrupted);
        }
        Ok(outcome)
    }

    /// Says how much there is to do, and how much of it the budget has room for.
    fn announce(&mut self, seeds: &[u64], budget: Option<f64>) {
        let epochs = self.request.epochs;
        let seconds = |index: &usize| {
            let one = self.contenders.iter().find(|one| one.index == *index);
            one.map_or(0.0, |one| one.verdict.epoch_seconds * f64::from(epochs))
        };
        let rounds: Vec<Vec<usize>> = seeds.iter().map(|seed| self.pending(*seed)).collect();
        let round_seconds =
            rounds.iter().map(|round| round.iter().map(seconds).sum()).fold(0.0_f64, f64::max);
        let fitting = plan::rounds_within(budget, round_seconds, seeds.len());
        let drift = usize::from(self.request.repeats);
        let runs = rounds[..fitting].iter().map(Vec::len).sum::<usize>() + drift;
        let mean = round_seconds / rounds.iter().map(Vec::len).max().unwrap_or(1).max(1) as f64;
        self.bench.progress.plan(runs, epochs, mean * runs as f64);
        announce_budget(self.bench.progress, budget, fitting, seeds.len(), round_seconds);
    }

    /// The runs that a round still lacks, by their cells' places in the plan.
    fn pending(&self, seed: u64) -> Vec<usize> {
        let able = || self.contenders.iter().filter(|one| !one.is_out());
        let lacks_sample =
            |one: &&Contender<'_>| !self.history.is_done(&one.ready.cell, seed, Purpose::Sample);
        let mut pending: Vec<usize> = able().filter(lacks_sample).map(|one| one.index).collect();
        let candidates = able().filter(|one| self.history.lacks_repeat(&one.ready.cell.device, seed));
        let candidates: Vec<Candidate<'_>> = candidates.map(Candidate::from).collect();
        pending.extend(repeats::choose(&candidates, &self.twins));
        pending
    }

    /// Runs what a round lacks. Returns `Some` where it was interrupted.
    fn run_round(&mut self, seed: u64) -> anyhow::Result<Option<Interrupted>> {
        let pending = self.pending(seed);
        if pending.is_empty() {
            return Ok(None);
        }
        let round = plan::round(pending, seed);
        self.bench.store.append(&Event::Round(round.clone()))?;
        let sampled = |one: &&Contender<'_>| self.history.is_done(&one.ready.cell, seed, Purpose::Sample);
        let mut sampled: HashSet<usize> =
            self.contenders.iter().filter(sampled).map(|one| one.index).collect();
        let Round { order, .. } = round;
        for index in order {
            let purpose = if sampled.insert(index) { Purpose::Sample } else { Purpose::Repeat };
            if purpose == Purpose::Repeat && !self.twins.contains(&index) {
                self.twins.push(index);
            }
            if let Some(interrupted) = self.run_one(index, seed, purpose)? {
                return Ok(Some(interrupted));
            }
        }
        Ok(None)
    }

    /// Makes the first run once more.
    fn run_drift(&mut self) -> anyhow::Result<Option<Interrupted>> {
        let Some((index, seed)) = self.first.filter(|_| self.request.repeats) else { return Ok(None) };
        let able = self.contenders.iter().find(|one| one.index == index && !one.is_out());
        match able {
            Some(one) if !self.history.is_done(&one.ready.cell, seed, Purpose::Drift) => {
                self.run_one(index, seed, Purpose::Drift)
            }
            _ => Ok(None),
        }
    }

    fn run_one(&mut self, index: usize, seed: u64, purpose: Purpose) -> anyhow::Result<Option<Interrupted>> {
        let Some(one) = self.contenders.iter_mut().find(|one| one.index == index) else { return Ok(None) };
        if purpose != Purpose::Sample && one.has_stumbled() {
            return Ok(None);
        }
        let record = self.bench.run(one.ready, one.workload, seed, purpose, &one.verdict.conformance)?;
        if let Some(note) = one.ended(record.outcome) {
            self.bench.progress.note(&note);
        }
        if record.outcome == RunOutcome::Ok && !self.is_over {
            self.first.get_or_insert((index, seed));
        }
        let is_interrupted =
            record.outcome == RunOutcome::Interrupted || self.bench.executor.interrupt.is_set();
        Ok(is_interrupted.then_some(Interrupted))
    }
}

/// The user has stopped the benchmark.
struct Interrupted;

fn announce_budget(
    progress: &mut dyn Progress,
    budget: Option<f64>,
    fitting: usize,
    seeds: usize,
    round_seconds: f64,
) {
    let Some(budget) = budget else { return };
    let (budget_text, round) = (crate::units::seconds(budget), crate::units::seconds(round_seconds));
    if round_seconds > budget {
        progress.note(&format!(
            "one round takes about {round}, more than the budget of {budget_text}: it runs once"
        ));
    } else if fitting < seeds {
        progress
            .note(&format!("about {fitting} of {seeds} rounds fit the budget of {budget_text} (--budget)"));
    } else {
        let rounds = if seeds == 1 { "the round fits".to_owned() } else { format!("all {seeds} rounds fit") };
        progress.note(&format!("{rounds} the budget of {budget_text}"));
    }
}

fn workload_of<'w>(ready: &ReadyCell, workloads: &'w [Workload]) -> anyhow::Result<&'w Workload> {
    let found = workloads.iter().find(|workload| workload.name == ready.cell.workload);
    found.with_context(|| format!("no workload {}", ready.cell.workload))
}
