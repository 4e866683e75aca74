//! A benchmark: prepare the backends, pass every cell through the gate, then
//! train every cell once per round, and report.

pub mod gate;
pub mod prepare;
pub mod progress;
mod request;
mod run;
mod wishes;

use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use trainmark_reports::record::{
    Cell, DatasetInfo, Event, Outcome, Plan, RunOutcome, RunRecord, SCHEMA, Started, Unavailable,
};
use trainmark_reports::{Record, RunStore};

use crate::cli::exit;
use crate::data::{self, DataRequest};
use crate::executor::{Cause, Executor};
use crate::machine;
use crate::plan;
use crate::registry::Registry;
use crate::workload::{self, Workload};

use gate::Verdict;
use prepare::{Prepared, ReadyCell};
use progress::Progress;
pub use request::BenchRequest;
use run::Bench;

/// A cell is left out of later rounds after this many failures.
const FAILURES_ALLOWED: usize = 2;

/// Where a benchmark's run folder lies, new or resumed.
#[derive(Debug, Clone)]
pub enum Place {
    /// A new folder within this one.
    Within(PathBuf),
    /// This folder, continued.
    Resume(PathBuf),
}

/// What a benchmark has come to.
#[derive(Debug)]
pub struct Finished {
    /// The run folder.
    pub folder: PathBuf,
    /// Everything recorded.
    pub record: Record,
    /// How it ended.
    pub outcome: Outcome,
}

/// Runs a benchmark from request to report.
///
/// # Errors
/// Where the request cannot be met at all, or the records cannot be written. A
/// failing backend is a row instead.
pub fn run(
    request: &BenchRequest,
    place: &Place,
    registry: &mut Registry,
    executor: &Executor,
    progress: &mut dyn Progress,
) -> anyhow::Result<Finished> {
    let start = Instant::now();
    request.check()?;
    let workloads =
        request.workloads.iter().map(|name| workload::find(name)).collect::<Result<Vec<_>, _>>()?;
    prepare::check_names(request, registry)?;
    let dataset = data::obtain(&DataRequest {
        dataset: request.dataset,
        data_dir: request.data_dir.clone(),
        offline: request.offline,
    })?;
    if let Some(notice) = &dataset.notice {
        progress.note(notice);
    }
    let prepared = prepare::prepare(request, &workloads, registry, executor, progress)?;
    if executor.interrupt.is_set() {
        progress.finished();
        anyhow::bail!(exit::Interrupted);
    }
    let (mut store, earlier) = open_store(request, place, &workloads, &dataset, &prepared)?;
    let outcome = {
        let mut bench =
            Bench { dataset: &dataset, executor, epochs: request.epochs, store: &mut store, progress };
        run_cells(&mut bench, request, &workloads, &prepared.cells, earlier.as_ref())?
    };
    progress.finished();
    store.append(&Event::Finished { outcome, seconds: start.elapsed().as_secs_f64() })?;
    let folder = store.folder().to_owned();
    let record = Record::read(&folder)?;
    trainmark_reports::write_all(&folder, &record)?;
    Ok(Finished { folder, record, outcome })
}

fn open_store(
    request: &BenchRequest,
    place: &Place,
    workloads: &[Workload],
    dataset: &data::Prepared,
    prepared: &Prepared,
) -> anyhow::Result<(RunStore, Option<Record>)> {
    match place {
        Place::Within(parent) => {
            let id = run_id(parent, &request.selections);
            let started = started(&id, request, workloads, dataset, prepared)?;
            let store = RunStore::create(parent, &id, &started)?;
            request.write(store.folder())?;
            Ok((store, None))
        }
        Place::Resume(folder) => {
            let (mut store, record) = RunStore::reopen(folder)?;
            check_same_data(&record, dataset)?;
            store.append(&Event::Resumed { unix_time: unix_time() })?;
            Ok((store, Some(record)))
        }
    }
}

/// Numbers from two data sets must not stand in one table.
fn check_same_data(record: &Record, dataset: &data::Prepared) -> anyhow::Result<()> {
    let before = &record.started.plan.dataset;
    if before.fingerprint != dataset.fingerprint {
        anyhow::bail!(
            "cannot resume: the run was begun on {} ({:.12}…), now there is {} ({:.12}…); start a new run",
            before.name,
            before.fingerprint,
            dataset.name,
            dataset.fingerprint
        );
    }
    Ok(())
}

fn started(
    id: &str,
    request: &BenchRequest,
    workloads: &[Workload],
    dataset: &data::Prepared,
    prepared: &Prepared,
) -> anyhow::Result<Started> {
    Ok(Started {
        schema: SCHEMA,
        run_id: id.to_owned(),
        unix_time: unix_time(),
        command: request.command.clone(),
        plan: Plan {
            workloads: workloads.iter().map(Workload::info).collect::<Result<_, _>>()?,
            dataset: DatasetInfo {
                name: dataset.name.clone(),
                train_samples: dataset.train_samples,
                test_samples: dataset.test_samples,
                fingerprint: dataset.fingerprint.clone(),
            },
            cells: prepared.cells.iter().map(|ready| ready.cell.clone()).collect(),
            seeds: seeds(request),
            epochs: request.epochs,
            budget_seconds: request.budget.map(|budget| budget.as_secs_f64()),
            timeout_seconds: request.timeout.as_secs_f64(),
        },
        environment: machine::environment(),
        warnings: warnings(request, dataset),
        unavailable: prepared.unavailable.clone(),
    })
}

fn seeds(request: &BenchRequest) -> Vec<u64> {
    (1..=u64::from(request.seeds)).collect()
}

/// What makes the numbers doubtful.
fn warnings(request: &BenchRequest, dataset: &data::Prepared) -> Vec<String> {
    let mut warnings: Vec<String> = dataset.notice.clone().into_iter().collect();
    if warnings.is_empty() && dataset.name != data::FASHION_MNIST.name {
        warnings.push(format!(
            "data set {}: not comparable with numbers on {}",
            dataset.name,
            data::FASHION_MNIST.name
        ));
    }
    let cpus = machine::logical_cpus();
    if request.threads > cpus {
        warnings.push(format!("{} threads on {cpus} processors: they wait for each other", request.threads));
    }
    if let Some(load) = machine::load_average().filter(|load| *load > 0.5) {
        warnings.push(format!("other work kept the machine busy at the start (load average {load:.1})"));
    }
    warnings
}

fn run_cells(
    bench: &mut Bench<'_>,
    request: &BenchRequest,
    workloads: &[Workload],
    cells: &[ReadyCell],
    earlier: Option<&Record>,
) -> anyhow::Result<Outcome> {
    let is_done = |cell: &Cell, seed: u64| earlier.is_some_and(|record| record.is_done(cell, seed));
    let seeds = seeds(request);
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
            contenders.push(Contender { ready, workload, verdict, failures: 0 });
        } else {
            bench.stopped(ready, workload, seeds[0], &verdict)?;
        }
    }
    run_rounds(bench, request, contenders, &seeds, &is_done)
}

/// A cell that has passed the gate.
struct Contender<'c> {
    ready: &'c ReadyCell,
    workload: &'c Workload,
    verdict: Verdict,
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
    } else if seeds > 1 {
        progress.note(&format!("all {seeds} rounds fit the budget of {budget_text}"));
    }
}

fn run_round(
    bench: &mut Bench<'_>,
    contenders: &mut [Contender<'_>],
    seed: u64,
    is_done: &dyn Fn(&Cell, u64) -> bool,
) -> anyhow::Result<Option<Outcome>> {
    let cells: Vec<Cell> = contenders.iter().map(|one| one.ready.cell.clone()).collect();
    let round = plan::round(&cells, seed);
    if cells.iter().all(|cell| is_done(cell, seed)) {
        return Ok(None);
    }
    bench.store.append(&Event::Round(round.clone()))?;
    for index in round.order {
        let one = &mut contenders[index];
        if is_done(&one.ready.cell, seed) || one.failures >= FAILURES_ALLOWED {
            continue;
        }
        let record = bench.run(one.ready, one.workload, seed, &one.verdict.conformance)?;
        match record.outcome {
            RunOutcome::Interrupted => return Ok(Some(Outcome::Interrupted)),
            RunOutcome::Failed | RunOutcome::TimedOut | RunOutcome::OutOfMemory => one.failures += 1,
            RunOutcome::Ok | RunOutcome::Unsupported | RunOutcome::NotConformant => {}
        }
        if bench.executor.interrupt.is_set() {
            return Ok(Some(Outcome::Interrupted));
        }
    }
    Ok(None)
}

fn workload_of<'w>(ready: &ReadyCell, workloads: &'w [Workload]) -> anyhow::Result<&'w Workload> {
    let found = workloads.iter().find(|workload| workload.name == ready.cell.workload);
    found.with_context(|| format!("no workload {}", ready.cell.workload))
}

/// The exit code that a finished benchmark deserves.
pub fn exit_code(finished: &Finished) -> i32 {
    let failed = |run: &RunRecord| {
        matches!(
            run.outcome,
            RunOutcome::Failed | RunOutcome::TimedOut | RunOutcome::OutOfMemory | RunOutcome::NotConformant
        )
    };
    let any_ok = finished.record.runs.iter().any(|run| run.outcome == RunOutcome::Ok);
    match finished.outcome {
        Outcome::Interrupted => exit::INTERRUPTED,
        _ if !any_ok || finished.record.runs.iter().any(failed) => exit::FAILED,
        _ => exit::OK,
    }
}

/// `<UTC time>-<name>`, with a number where that is taken.
fn run_id(parent: &Path, selections: &[String]) -> String {
    let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    let legal = |character: char| if character.is_ascii_alphanumeric() { character } else { '-' };
    let stem = |text: &String| Path::new(text).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let name: String =
        selections.iter().map(stem).collect::<Vec<_>>().join("-").chars().map(legal).take(40).collect();
    let id = format!("{time}-{}", name.trim_matches('-'));
    let numbered = (2..).map(|number| format!("{id}-{number}"));
    std::iter::once(id.clone()).chain(numbered).find(|id| !parent.join(id).exists()).unwrap_or(id)
}

/// Seconds since the Unix epoch.
pub(crate) fn unix_time() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

/// Text of an unavailable row's subject: `candle` or `candle@cuda:0`.
pub fn unavailable_name(row: &Unavailable) -> String {
    match &row.device {
        Some(device) => format!("{}@{device}", row.backend),
        None => row.backend.clone(),
    }
}
