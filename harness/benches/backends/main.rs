//! Times single operations of every backend: a training step, a prediction, and
//! layers (convolution, batch norm, max pooling, sigmoid, linear).
//!
//! ```console
//! $ cargo bench -p trainmark --bench backends                     # every backend on the CPU
//! $ cargo bench -p trainmark --bench backends -- candle/conv      # a filter of criterion's
//! $ cargo bench -p trainmark --bench backends -- --quick
//! ```
//!
//! `TRAINMARK_THREADS` sets the number of threads, `TRAINMARK_BACKEND_PATH` adds
//! folders of backends (separated as in `PATH`), `CARGO_NET_OFFLINE=true` keeps
//! their builds from the network. Times go to
//! `reports/runs/operations.json`, from where `bench` and `report` take them.
//!
//! This program has four parts, each a process: the one that the user starts
//! ([`cells`], [`supervise`]); one that asks criterion which names its filter
//! accepts ([`choice`]); the worker that describes a library; and one per cell that
//! measures ([`measure`]), since the thread pools of several frameworks must not
//! sit in one process, and a crash must end only one.

mod cells;
mod choice;
mod measure;
mod supervise;

use criterion::Criterion;
use trainmark::cli::exit;
use trainmark::{machine, operations, registry, worker};
use trainmark_reports::operations::{Operations, read, write};
use trainmark_reports::record::RunOutcome;

use choice::Mode;

fn main() {
    let code = run().unwrap_or_else(|error| {
        if error.is::<exit::Interrupted>() {
            return exit::INTERRUPTED;
        }
        eprintln!("error: {error:#}");
        exit::USAGE
    });
    std::process::exit(code);
}

fn run() -> anyhow::Result<i32> {
    if std::env::args_os().nth(1).is_some_and(|first| first == worker::COMMAND) {
        return worker::main().map(|()| 0);
    }
    if let Some(path) = std::env::var_os(choice::NAMES) {
        return choice::list(path.as_ref()).map(|()| 0);
    }
    if let Some(path) = std::env::var_os(measure::JOB) {
        return measure::run(path.as_ref()).map(|()| 0);
    }
    bench()
}

/// Returns the exit code: 1 where an operation failed or none was measured.
fn bench() -> anyhow::Result<i32> {
    // Answers `--help` and refuses what is no option, before anything is built.
    drop(Criterion::default().configure_from_args());
    let mode = Mode::of_arguments();
    let chosen = cells::chosen(mode)?;
    if mode == Mode::List {
        chosen.ids().for_each(|id| println!("{id}: benchmark"));
        return Ok(0);
    }
    let dataset = cells::dataset()?;
    let infos = operations::infos()?;
    let mut measured = Operations::new(machine::environment(), operations::BATCH, infos);
    for cell in &chosen.cells {
        measured.cells.push(supervise::measure(cell, &dataset, mode, &chosen.interrupt)?);
        if chosen.interrupt.is_set() {
            break;
        }
    }
    measured.cells.retain(|cell| !cell.results.is_empty());
    println!("{}", operations::render(&measured).trim_end());
    for row in &chosen.unavailable {
        println!("{}: unavailable: {}", trainmark::bench::unavailable_name(row), row.reason);
    }
    let outcomes = || measured.cells.iter().flat_map(|cell| &cell.results).map(|result| result.outcome);
    let none_ok = !outcomes().any(|outcome| outcome == RunOutcome::Ok);
    let failed =
        none_ok || outcomes().any(|outcome| !matches!(outcome, RunOutcome::Ok | RunOutcome::Unsupported));
    if mode == Mode::Record && !measured.cells.is_empty() {
        keep(measured)?;
    }
    Ok(match failed {
        _ if chosen.interrupt.is_set() => exit::INTERRUPTED,
        true => exit::FAILED,
        false => exit::OK,
    })
}

/// Writes what was measured beside the runs, on top of what was there.
fn keep(measured: Operations) -> anyhow::Result<()> {
    let folder = registry::repository_root().join("reports").join("runs");
    let merged = match read(&folder) {
        Ok(Some(older)) => measured.on_top_of(older),
        Ok(None) => measured,
        Err(error) => {
            eprintln!("the earlier times are replaced: {error}");
            measured
        }
    };
    let path = write(&folder, &merged)?;
    println!("\noperations  {}", path.display());
    Ok(())
}
