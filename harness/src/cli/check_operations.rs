//! `check --operations`

use std::time::Duration;

use anyhow::Context;
use trainmark_reports::record::Implementation;

use super::arguments::CheckArguments;
use super::exit;
use crate::bench::prepare::{self, Preparer, ReadyCell};
use crate::bench::runner::Runner;
use crate::bench::{Selected, progress};
use crate::conformance::operations::{Case, OperationCheck, Origin, Report, render};
use crate::data::DatasetChoice;
use crate::executor::Limits;
use crate::plan::Selection;
use crate::workload::{self, Workload};

const CASES: u32 = 300;
const SEED: u64 = 1;
/// Longest time for a call, unless a shorter one was asked for: models are so small that one that
/// takes longer hangs.
const LONGEST_CALL: Duration = Duration::from_secs(60);

pub(super) fn run(arguments: &CheckArguments) -> anyhow::Result<i32> {
    let seed = arguments.seed.unwrap_or(SEED);
    let numbers: Vec<u32> = match arguments.case {
        Some(number) => vec![number],
        None => (0..arguments.cases.unwrap_or(CASES)).collect(),
    };
    let report = Report { seed, cases: numbers.len(), ..Report::default() };
    let origin = |_: &ReadyCell| Origin::Seed(seed);
    check(arguments, workloads(&arguments.selections)?, report, &numbers, origin)
}

/// The cases that files describe.
pub(super) fn run_given(arguments: &CheckArguments, cases: Vec<Workload>) -> anyhow::Result<i32> {
    for (workload, case) in cases.iter().filter_map(|one| Some((one, Case::of(one)?))) {
        case.check().with_context(|| format!("workload {}", workload.name))?;
    }
    let report = Report { seed: SEED, cases: cases.len(), ..Report::default() };
    check(arguments, cases, report, &[0], |ready| Origin::of(&ready.workload, SEED))
}

/// Has every cell of these workloads try its cases, and tells of each.
fn check(
    arguments: &CheckArguments,
    workloads: Vec<Workload>,
    mut report: Report,
    numbers: &[u32],
    origin: impl Fn(&ReadyCell) -> Origin,
) -> anyhow::Result<i32> {
    let limits = arguments.worker.limits();
    let executor = super::executor(Limits { call: limits.call.min(LONGEST_CALL), ..limits })?;
    let registry = super::registry(&arguments.backends)?;
    let selected = Selected {
        selections: arguments.selections.clone(),
        devices: arguments.device.clone(),
        workloads,
        dataset: DatasetChoice::Synthetic,
        threads: arguments.worker.threads(),
        offline: arguments.data.offline,
        ..Selected::default()
    };
    selected.threads.check_one("cases are tried")?;
    selected.check()?;
    prepare::check_names(&selected, &registry)?;
    let mut screen = progress::for_stderr();
    let mut ready = Preparer::new(&selected, registry, &executor, screen.as_mut())?.prepare()?;
    ready.cells.sort_by(|a, b| a.cell.backend.cmp(&b.cell.backend));
    let log = tempfile::NamedTempFile::new().context("cannot create a temporary log")?;
    report.unavailable.clone_from(&ready.unavailable);
    for cell in &ready.cells {
        executor.interrupt().check()?;
        let (origin, seed) = (&origin(cell), report.seed);
        let of_cell = OperationCheck { dataset: &ready.dataset, runner: &executor, origin, seed, numbers };
        let checked = of_cell.check(cell, log.path())?;
        if !arguments.json && checked.cases > 0 {
            say!("{}", render(&checked));
        }
        report.cells.push(checked);
    }
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&report)?);
    }
    Ok(if report.is_good() { exit::OK } else { exit::FAILED })
}

/// Workloads whose cells are those that are asked for: one for each implementation of batch norm,
/// and one for what is computed without.
fn workloads(selections: &[String]) -> anyhow::Result<Vec<Workload>> {
    let selections = selections.iter().map(|text| Selection::parse(text));
    let selections: Vec<Selection> = selections.collect::<Result<_, _>>()?;
    let is_wanted = |has_batch_norm: bool| {
        let named = selections.iter().map(|one| one.implementation.as_deref());
        named.into_iter().any(|name| name.is_none_or(|name| (name != Implementation::NONE) == has_batch_norm))
    };
    let workloads = [workload::lenet_bn(), workload::lenet()].into_iter();
    Ok(workloads.filter(|one| is_wanted(one.model.has_batch_norm())).collect())
}
