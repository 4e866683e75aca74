//! `check --operations`

use std::time::Duration;

use anyhow::Context;
use trainmark_reports::record::Implementation;

use super::arguments::CheckArguments;
use super::exit;
use crate::bench::prepare::{self, Preparer};
use crate::bench::runner::Runner;
use crate::bench::{Selected, progress};
use crate::conformance::operations::{OperationCheck, Report, render};
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
    let limits = arguments.worker.limits();
    let executor = super::executor(Limits { call: limits.call.min(LONGEST_CALL), ..limits })?;
    let registry = super::registry(&arguments.backends)?;
    let selected = Selected {
        selections: arguments.selections.clone(),
        devices: arguments.device.clone(),
        workloads: workloads(&arguments.selections)?,
        dataset: DatasetChoice::Synthetic,
        threads: arguments.worker.threads(),
        offline: arguments.data.offline,
        ..Selected::default()
    };
    selected.check()?;
    prepare::check_names(&selected, &registry)?;
    let mut screen = progress::for_stderr();
    let mut ready = Preparer::new(&selected, registry, &executor, screen.as_mut())?.prepare()?;
    ready.cells.sort_by(|a, b| a.cell.backend.cmp(&b.cell.backend));
    let seed = arguments.seed.unwrap_or(SEED);
    let numbers: Vec<u32> = match arguments.case {
        Some(number) => vec![number],
        None => (0..arguments.cases.unwrap_or(CASES)).collect(),
    };
    let check = OperationCheck { dataset: &ready.dataset, runner: &executor, seed, numbers: &numbers };
    let log = tempfile::NamedTempFile::new().context("cannot create a temporary log")?;
    let mut report =
        Report { seed, cases: numbers.len(), unavailable: ready.unavailable.clone(), ..Report::default() };
    for cell in &ready.cells {
        executor.interrupt().check()?;
        let checked = check.check(cell, log.path())?;
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
