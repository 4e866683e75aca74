//! The gate for every cell, then round after round over those that passed.

use std::time::Instant;

use anyhow::Context;
use trainmark_reports::Record;
use trainmark_reports::record::{Cell, Event, Outcome, RunOutcome};

use super::BenchRequest;
use super::gate::{self, Verdict};
use super::prepare::ReadyCell;
use super::progress::Progress;
use super::run::{self, Bench};
use crate::executor::Cause;
use crate::plan;
use crate::workload::Workload;

/// A cell is left out of later rounds after this many failures.
const FAILURES_ALLOWED: usize = 2;

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
    let is_done = |cell: &Cell, seed: u64| earlier.is_some_and(|record| record.is_done(cell, seed));
    let seeds = request.seeds();
    let pending: Vec<&ReadyCell> =
        cells.iter().filter(|ready| seeds.iter().any(|seed| !is_done(&ready.cell, *seed))).collect();
    let mut contenders = Vec::new();
    for ready in pending {
        let workload = workload_of(ready, workloads)?;
        let log = bench.store.folder().join(run::log_name(ready, "check"));
        let verdict = gate::check(ready, bench.dataset, bench.executor, &log, bench.progress)?;
        if verdict.failure.as_ref().is_some_and(|failure| failure.cause == Cause::Interrupted) {
            return Ok(Outcome::Interrupted);
        }
        if verdict.conformance.passed {
            let index = plan_index(ready, cells, earlier);
            contenders.push(Contender { ready, workload, verdict, index, failures: 0 });
        } else {
            // A run that has ended well before stays what it was.
            if let Some(seed) = seeds.iter().find(|seed| !is_done(&ready.cell, **seed)) {
                bench.stopped(ready, workload, *seed, &verdict)?;
            }
        }
    }
    run_rounds(bench, request, contenders, &seeds, &is_done)
}

/// A cell that has passed the gate.
struct Contender<'c> {
    ready: &'c ReadyCell,
    workload: &'c Workload,
    verdict: Verdict,
    /// Place in the recorded plan.
    index: usize,
    failures: usize,
}

fn run_rounds(
    bench: &mut Bench<'_>,
    request: &BenchRequest,
    mut contenders: Vec<Contender<'_>>,
    seeds: &[u64],
    is_done: &dyn Fn(&Cell, u64) -> bool,
) -> anyhow::Result<Outcome> {
    if contenders.is_empty() {
        return Ok(Outcome::Complete);
    }
    let start = Instant::now();
    let budget = request.budget.map(|budget| budget.as_secs_f64());
    let round_seconds =
        contenders.iter().map(|one| one.verdict.epoch_seconds).sum::<f64>() * f64::from(request.epochs);
    let fitting = plan::rounds_within(budget, round_seconds, seeds.len());
    let pending = seeds[..fitting].iter().flat_map(|seed| contenders.iter().map(move |one| (one, seed)));
    let runs = pending.filter(|(one, seed)| !is_done(&one.ready.cell, **seed)).count();
    bench.progress.plan(runs, request.epochs, round_seconds / contenders.len() as f64 * runs as f64);
    announce_budget(bench.progress, budget, fitting, seeds.len(), round_seconds);

    let mut longest_round = 0.0_f64;
    for (index, &seed) in seeds.iter().enumerate() {
        let elapsed = start.elapsed().as_secs_f64();
        if index > 0 && budget.is_some_and(|budget| elapsed + longest_round > budget) {
            return Ok(Outcome::Budget);
        }
        if let Some(outcome) = run_round(bench, &mut contenders, seed, is_done)? {
            return Ok(outcome);
        }
        longest_round = longest_round.max(start.elapsed().as_secs_f64() - elapsed);
    }
    Ok(Outcome::Complete)
}

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

fn run_round(
    bench: &mut Bench<'_>,
    contenders: &mut [Contender<'_>],
    seed: u64,
    is_done: &dyn Fn(&Cell, u64) -> bool,
) -> anyhow::Result<Option<Outcome>> {
    let is_pending = |one: &Contender<'_>| !is_done(&one.ready.cell, seed) && one.failures < FAILURES_ALLOWED;
    let pending = contenders.iter().filter(|one| is_pending(one)).map(|one| one.index).collect();
    let round = plan::round(pending, seed);
    if round.order.is_empty() {
        return Ok(None);
    }
    bench.store.append(&Event::Round(round.clone()))?;
    for index in round.order {
        let Some(one) = contenders.iter_mut().find(|one| one.index == index) else { continue };
        let record = bench.run(one.ready, one.workload, seed, &one.verdict.conformance)?;
        match record.outcome {
            RunOutcome::Interrupted => return Ok(Some(Outcome::Interrupted)),
            RunOutcome::Failed | RunOutcome::TimedOut | RunOutcome::OutOfMemory => {
                one.failures += 1;
                if one.failures == FAILURES_ALLOWED {
                    let cell = &one.ready.cell;
                    bench
                        .progress
                        .note(&format!("{cell}: left out from here on, after {} failures", one.failures));
                }
            }
            RunOutcome::Ok | RunOutcome::Unsupported | RunOutcome::NotConformant => {}
        }
        if bench.executor.interrupt.is_set() {
            return Ok(Some(Outcome::Interrupted));
        }
    }
    Ok(None)
}

/// Place of a cell in the plan that the record begins with.
fn plan_index(ready: &ReadyCell, cells: &[ReadyCell], earlier: Option<&Record>) -> usize {
    let planned: Vec<&Cell> = match earlier {
        Some(record) => record.started.plan.cells.iter().collect(),
        None => cells.iter().map(|one| &one.cell).collect(),
    };
    planned.iter().position(|cell| **cell == ready.cell).unwrap_or(planned.len())
}

fn workload_of<'w>(ready: &ReadyCell, workloads: &'w [Workload]) -> anyhow::Result<&'w Workload> {
    let found = workloads.iter().find(|workload| workload.name == ready.cell.workload);
    found.with_context(|| format!("no workload {}", ready.cell.workload))
}
