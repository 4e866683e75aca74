//! `operations`

use std::path::Path;

use trainmark_reports::operations::{OperationCell, OperationResult, Operations, read, write};
use trainmark_reports::record::RunOutcome;
use trainmark_reports::text::one_line;

use super::arguments::OperationsArguments;
use super::exit;
use crate::bench::prepare::{self, Preparer, Ready};
use crate::bench::runner::Runner;
use crate::bench::{self, Selected, progress};
use crate::data::DatasetChoice;
use crate::executor::{Executor, Waiting};
use crate::failure::Failure;
use crate::operations::{self, OperationBench};
use crate::registry::Registry;
use crate::workload::{self, Workload};

pub(super) fn run(arguments: &OperationsArguments) -> anyhow::Result<i32> {
    let own = own_workloads(arguments)?;
    let chosen = operations::matching(&arguments.filter, &own)?;
    let folder = arguments.out.clone().unwrap_or_else(super::runs_folder);
    let executor = super::executor(arguments.worker.limits())?;
    let selected = Selected {
        selections: arguments.selections.clone(),
        devices: arguments.device.clone(),
        workloads: operations::workloads(&chosen),
        dataset: DatasetChoice::Synthetic,
        threads: arguments.worker.threads(),
        offline: arguments.offline,
        ..Selected::default()
    };
    let registry = super::registry(&arguments.backends)?;
    selected.threads.check_one("`operations` times")?;
    selected.check()?;
    prepare::check_names(&selected, &registry)?;
    let left_out = operations::left_out(&selected.selections, &chosen)?;
    if arguments.list {
        let width = chosen.iter().map(|operation| operation.name.chars().count()).max().unwrap_or(0).max(12);
        chosen.iter().for_each(|operation| say!("{:<width$} {}", operation.name, operation.summary));
        return Ok(exit::OK);
    }
    left_out.iter().for_each(|text| tell!("note: {text}"));
    bench::check_writable(&folder)?;
    // Before time is spent on what would not go on top of it.
    read(&folder)?;
    let mut ready = prepared(&selected, registry, &executor)?;
    ready.wait(Waiting::at(executor.peak(selected.threads.most()).as_ref()));
    let run = OperationBench {
        operations: &chosen,
        workloads: &own,
        dataset: &ready.dataset,
        is_quick: arguments.quick,
        runner: &executor,
    };
    let measured = run.measure(&ready.cells, &mut tell)?;
    let is_interrupted = executor.interrupt.is_set();
    let code = if is_interrupted { exit::INTERRUPTED } else { exit_code(&measured) };
    if !measured.cells.is_empty() {
        for warning in bench::doubts_of_machine(selected.threads.most(), &ready, &measured.environment) {
            tell!("warning: {}", one_line(&warning.to_string()));
        }
        say!("{}", operations::render(&measured).trim_end());
        keep(measured, &folder)?;
    }
    if is_interrupted {
        tell!("interrupted: what was measured is kept");
    }
    Ok(code)
}

/// The workloads whose layers are to be timed; none: LeNet's.
fn own_workloads(arguments: &OperationsArguments) -> anyhow::Result<Vec<Workload>> {
    let own = workload::choose(&arguments.workload)?;
    for one in &own {
        one.check_is_trained()?;
        one.check_layers()?;
        // Of as many samples every time is.
        let timed = Workload { batch_size: operations::BATCH, ..one.clone() };
        timed.check_memory(arguments.worker.limits().memory.here())?;
    }
    Ok(own)
}

/// Builds and describes what is selected; all cells of a backend stand together.
fn prepared(selected: &Selected, registry: Registry, executor: &Executor) -> anyhow::Result<Ready> {
    let mut screen = progress::for_stderr();
    let mut ready = Preparer::new(selected, registry, executor, screen.as_mut())?.prepare()?;
    ready.cells.sort_by(|a, b| a.cell.backend.cmp(&b.cell.backend));
    Ok(ready)
}

fn tell(cell: &OperationCell, result: &OperationResult, failure: Option<&Failure>) {
    tell!("{}", operations::line(cell, result));
    for line in failure.into_iter().flat_map(Failure::log_lines) {
        tell!("     | {line}");
    }
}

/// The exit code of what was measured to the end: an operation that a backend declines is no
/// failure, as long as one was timed.
fn exit_code(measured: &Operations) -> i32 {
    let results: Vec<_> = measured.cells.iter().flat_map(|cell| &cell.results).collect();
    let any_ok = results.iter().any(|result| result.outcome == RunOutcome::Ok);
    let any_failed =
        results.iter().any(|result| !matches!(result.outcome, RunOutcome::Ok | RunOutcome::Unsupported));
    if any_ok && !any_failed { exit::OK } else { exit::FAILED }
}

/// Writes what was measured beside the runs, on top of what was there.
fn keep(measured: Operations, folder: &Path) -> anyhow::Result<()> {
    let merged = match read(folder)? {
        Some(older) => measured.on_top_of(older),
        None => measured,
    };
    say!("\noperations  {}", write(folder, &merged)?.display());
    Ok(())
}
