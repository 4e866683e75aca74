//! The cells that are measured: every backend that the filter accepts, built on demand.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use trainmark::bench::prepare::{self, Prepared, ReadyCell};
use trainmark::bench::{BenchRequest, progress};
use trainmark::cli::exit;
use trainmark::data::{self, DataRequest, DatasetChoice};
use trainmark::executor::{Executor, Limits, MemoryLimit};
use trainmark::interrupt::Interrupt;
use trainmark::operations::{self, id};
use trainmark::registry::{self, Registry};
use trainmark::{machine, workload};
use trainmark_reports::operations::NO_BATCH_NORM;
use trainmark_reports::record::{Cell, Unavailable};

use super::choice::{Mode, accepted};

/// Implementations that every framework's backend is to have; known before it is built.
const USUAL_IMPLEMENTATIONS: [&str; 3] = [NO_BATCH_NORM, "primitive", "builtin"];

/// A cell with the operations that are asked for.
pub(crate) struct ChosenCell {
    pub(crate) ready: ReadyCell,
    /// Names of the operations.
    pub(crate) operations: Vec<String>,
}

/// What is measured, and what cannot be.
#[derive(Default)]
pub(crate) struct Chosen {
    pub(crate) cells: Vec<ChosenCell>,
    pub(crate) unavailable: Vec<Unavailable>,
    /// Set by Ctrl-C.
    pub(crate) interrupt: Interrupt,
    /// What would be measured, where nothing is to be built for it.
    listed: Vec<String>,
}

impl Chosen {
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.listed.iter().map(String::as_str)
    }
}

/// Builds and describes what the filter accepts; with [`Mode::List`] only names it.
pub(crate) fn chosen(mode: Mode) -> anyhow::Result<Chosen> {
    let paths = std::env::var_os("TRAINMARK_BACKEND_PATH").unwrap_or_default();
    let paths: Vec<PathBuf> = std::env::split_paths(&paths).filter(|path| path.is_dir()).collect();
    let mut registry = Registry::discover(&registry::repository_root(), &paths)?;
    let all: Vec<String> = registry.backends.iter().map(|backend| backend.name.clone()).collect();
    let broken = registry.broken.clone();
    let usual = usual_ids(all.iter().chain(broken.iter().map(|(name, _)| name)))?;
    let listed = accepted(&usual)?;
    if mode == Mode::List {
        let listed = usual.into_iter().filter(|id| listed.contains(id)).collect();
        return Ok(Chosen { listed, ..Chosen::default() });
    }
    let is_asked_for = |name: &String| listed.iter().any(|id| id.starts_with(&format!("{name}/")));
    let asked_for: Vec<String> = all.iter().filter(|name| is_asked_for(name)).cloned().collect();
    let broken = broken.into_iter().filter(|(name, _)| is_asked_for(name));
    let broken = broken.map(|(backend, reason)| Unavailable { backend, device: None, reason });
    let broken: Vec<Unavailable> = broken.collect();
    // Where nothing is, it may be an implementation that only its library names.
    let backends = if asked_for.is_empty() && broken.is_empty() { all } else { asked_for };
    let interrupt = Interrupt::default();
    interrupt.listen()?;
    let mut prepared = prepare(&backends, &mut registry, &interrupt)?;
    prepared.unavailable.extend(broken);
    let cells = with_operations(prepared.cells)?;
    if cells.is_empty() && prepared.unavailable.is_empty() {
        bail!("no operation of a backend has a name that the filter accepts; `-- --list` shows the names");
    }
    Ok(Chosen { cells, unavailable: prepared.unavailable, interrupt, listed: Vec::new() })
}

fn usual_ids<'n>(backends: impl Iterator<Item = &'n String>) -> anyhow::Result<Vec<String>> {
    let mut ids = Vec::new();
    for backend in backends {
        for implementation in USUAL_IMPLEMENTATIONS {
            ids.extend(names(implementation)?.iter().map(|name| id(backend, implementation, name)));
        }
    }
    Ok(ids)
}

fn names(implementation: &str) -> anyhow::Result<Vec<String>> {
    let operations = operations::of_implementation(implementation)?;
    Ok(operations.iter().map(|operation| operation.name.to_owned()).collect())
}

/// The cells that have an operation which the filter accepts.
fn with_operations(cells: Vec<ReadyCell>) -> anyhow::Result<Vec<ChosenCell>> {
    let mut chosen = Vec::new();
    for ready in cells {
        let operations = names(&ready.cell.implementation)?;
        chosen.push(ChosenCell { ready, operations });
    }
    let id_of = |cell: &Cell, name: &str| id(&cell.backend, &cell.implementation, name);
    let ids_of = |one: &ChosenCell| -> Vec<String> {
        one.operations.iter().map(|name| id_of(&one.ready.cell, name)).collect()
    };
    let accepted = accepted(&chosen.iter().flat_map(ids_of).collect::<Vec<_>>())?;
    for ChosenCell { ready, operations } in &mut chosen {
        operations.retain(|name| accepted.contains(&id_of(&ready.cell, name)));
    }
    chosen.retain(|cell| !cell.operations.is_empty());
    // All of a backend together, as the names in criterion's output are.
    chosen.sort_by(|a, b| a.ready.cell.backend.cmp(&b.ready.cell.backend));
    Ok(chosen)
}

/// Builds and describes backends, with a cell per implementation and one for the
/// layers without batch norm, which the workload `lenet` stands for.
fn prepare(backends: &[String], registry: &mut Registry, interrupt: &Interrupt) -> anyhow::Result<Prepared> {
    let limits = Limits { call: Duration::from_secs(600), memory: MemoryLimit::NONE };
    // This program is its own worker.
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let executor = Executor { program, limits, interrupt: interrupt.clone() };
    let workloads = [workload::lenet_bn(), workload::lenet()];
    let request = BenchRequest {
        selections: backends.to_vec(),
        implementations: Vec::new(),
        devices: vec!["cpu".to_owned()],
        workloads: workloads.iter().map(|workload| workload.name.to_owned()).collect(),
        dataset: DatasetChoice::Synthetic,
        data_dir: None,
        epochs: 1,
        seeds: 1,
        repeats: false,
        threads: threads()?,
        budget: None,
        timeout: limits.call,
        memory_limit: limits.memory,
        backend_paths: Vec::new(),
        // The network is cargo's to use or not, here too.
        offline: std::env::var("CARGO_NET_OFFLINE").is_ok_and(|value| value == "true"),
        command: String::new(),
    };
    let mut progress = progress::for_stderr();
    let prepared = prepare::prepare(&request, &workloads, registry, &executor, progress.as_mut())?;
    progress.finished();
    if interrupt.is_set() {
        bail!(exit::Interrupted);
    }
    Ok(prepared)
}

fn threads() -> anyhow::Result<usize> {
    match std::env::var("TRAINMARK_THREADS") {
        Err(_) => Ok(machine::logical_cpus()),
        Ok(text) => match text.parse() {
            Ok(threads @ 1..=1024) => Ok(threads),
            _ => bail!("TRAINMARK_THREADS={text} is no number of threads from 1 to 1024"),
        },
    }
}

/// The procedural data set: the same on every machine, with no network.
pub(crate) fn dataset() -> anyhow::Result<data::Prepared> {
    let request = DataRequest { dataset: DatasetChoice::Synthetic, ..DataRequest::default() };
    Ok(data::obtain(&request)?)
}
