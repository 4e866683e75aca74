//! From names to cells: finds the backends, builds what is stale, asks each what
//! it can do.

mod builds;
mod devices;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use trainmark_reports::record::{Cell, Device, Unavailable};

use super::progress::Progress;
use super::{BenchRequest, wishes};
use crate::executor::{Ending, Executor, LibraryPath, Threads};
use crate::interrupt::Interrupted;
use crate::plan::{self, Selection};
use crate::registry::build::file_hash;
use crate::registry::{Backend, BackendName, Library, Registry};
use crate::worker::protocol::{BackendInfo, Job, Message};
use crate::workload::Workload;

/// A library that loads and has described itself.
#[derive(Debug, Clone)]
pub struct ReadyLibrary {
    /// The file.
    pub path: PathBuf,
    /// SHA-256 of the file.
    pub hash: String,
    /// What the backend says of itself.
    pub info: BackendInfo,
    /// Variables that set its threads, besides the usual ones.
    pub thread_variables: Vec<String>,
}

/// A cell with the library that trains it.
#[derive(Debug, Clone)]
pub struct ReadyCell {
    /// The cell.
    pub cell: Cell,
    /// Its library.
    pub library: ReadyLibrary,
}

impl ReadyCell {
    /// The threads that its library computes with.
    pub fn threads(&self) -> Threads<'_> {
        Threads { count: self.cell.threads, variables: &self.library.thread_variables }
    }
}

/// What can be run, and what cannot.
#[derive(Debug, Clone, Default)]
pub struct Prepared {
    /// Cells, workload by workload.
    pub cells: Vec<ReadyCell>,
    /// Backends and devices that cannot be run here.
    pub unavailable: Vec<Unavailable>,
    /// Whether a library was built just now.
    pub is_built: bool,
    /// Devices that nobody asked for by name and that this machine does not have.
    left_out: Vec<Unavailable>,
}

impl Prepared {
    fn add_unavailable(&mut self, row: Unavailable, progress: &mut dyn Progress) {
        if !self.unavailable.contains(&row) {
            progress.unavailable(&row);
            self.unavailable.push(row);
        }
    }
}

/// Prepares every backend that the request selects.
///
/// # Errors
/// Where the request names something that does not exist. A backend that cannot
/// be built or loaded is a row of [`Prepared::unavailable`] instead.
pub fn prepare(
    request: &BenchRequest,
    workloads: &[Workload],
    registry: &mut Registry,
    executor: &Executor,
    progress: &mut dyn Progress,
) -> anyhow::Result<Prepared> {
    let mut prepared = Prepared::default();
    let mut per_selection = Vec::new();
    let selections = selections(request, registry, executor, progress, &mut prepared)?;
    devices::check(&selections, request, registry, progress, &mut prepared)?;
    let unbuilt = builds::build_stale(&selections, request, registry, executor, progress, &mut prepared)?;
    for selection in selections {
        let backend = registry.find(&selection.backend)?;
        let libraries =
            ready_libraries(backend, &selection, request, &unbuilt, executor, progress, &mut prepared)?;
        per_selection.push((selection, libraries));
    }
    // Workload by workload, so that what is compared stands together.
    for workload in workloads {
        for (selection, libraries) in &per_selection {
            for library in libraries {
                add_cells(workload, selection, library, request, progress, &mut prepared)?;
            }
        }
    }
    let libraries = || per_selection.iter().flat_map(|(_, libraries)| libraries);
    if prepared.unavailable.is_empty() && !libraries().any(has_device_here) {
        // Where nothing else could be run, they are what was asked for.
        for row in std::mem::take(&mut prepared.left_out) {
            prepared.add_unavailable(row, progress);
        }
    }
    if !executor.interrupt.is_set() {
        wishes::check(request, &per_selection, registry, &prepared)?;
    }
    Ok(prepared)
}

/// Whether a library computes on a device that this machine has.
fn has_device_here(library: &ReadyLibrary) -> bool {
    library.info.devices.iter().any(|device| devices::missing(&device.id).is_none())
}

/// Checks what can be checked of the request's names before anything is
/// downloaded, built or loaded.
///
/// # Errors
/// Where the request names a backend or library that does not exist.
pub fn check_names(request: &BenchRequest, registry: &Registry) -> anyhow::Result<()> {
    for text in &request.selections {
        let selection = Selection::parse(text)?;
        if plan::is_library_path(&selection.backend) {
            library_file(Path::new(&selection.backend))?;
        } else if selection.backend != "all" {
            registry.find(&selection.backend)?;
        }
    }
    Ok(())
}

/// The selections with `all` and libraries replaced by backends' names.
fn selections(
    request: &BenchRequest,
    registry: &mut Registry,
    executor: &Executor,
    progress: &mut dyn Progress,
    prepared: &mut Prepared,
) -> anyhow::Result<Vec<Selection>> {
    let mut selections = Vec::new();
    for text in &request.selections {
        let selection = Selection::parse(text)?;
        if plan::is_library_path(&selection.backend) {
            match given_library(Path::new(&selection.backend), executor)? {
                Ok(backend) => {
                    selections.push(Selection { backend: backend.name.clone(), ..selection });
                    registry.insert(backend)?;
                }
                Err(reason) => {
                    let row = Unavailable { backend: selection.backend, device: None, reason };
                    prepared.add_unavailable(row, progress);
                }
            }
        } else if selection.backend == "all" {
            for (backend, reason) in &registry.broken {
                let row = Unavailable { backend: backend.clone(), device: None, reason: reason.clone() };
                prepared.add_unavailable(row, progress);
            }
            let names = registry.backends.iter().map(|backend| backend.name.clone());
            selections.extend(names.map(|backend| Selection { backend, ..selection.clone() }));
        } else {
            selections.push(selection);
        }
    }
    Ok(selections)
}

/// A library named by its path becomes a backend by the name in its table.
fn given_library(path: &Path, executor: &Executor) -> anyhow::Result<Result<Backend, String>> {
    let library = library_file(path)?;
    Ok(describe(&library, executor)?.and_then(|info| {
        BackendName::parse(&info.name)?;
        Ok(Backend {
            name: info.name,
            summary: info.framework,
            origin: library.clone(),
            thread_variables: Vec::new(),
            libraries: vec![Library::Given(library)],
        })
    }))
}

fn library_file(path: &Path) -> anyhow::Result<PathBuf> {
    path.canonicalize().with_context(|| format!("no library {}", path.display()))
}

fn ready_libraries(
    backend: &Backend,
    selection: &Selection,
    request: &BenchRequest,
    unbuilt: &HashSet<PathBuf>,
    executor: &Executor,
    progress: &mut dyn Progress,
    prepared: &mut Prepared,
) -> anyhow::Result<Vec<ReadyLibrary>> {
    let mut libraries = Vec::new();
    for library in &backend.libraries {
        if !devices::is_asked_for(library, selection, request) || unbuilt.contains(&library.path()) {
            continue;
        }
        match ready_library(backend, library, executor)? {
            Ok(ready) => libraries.push(ready),
            Err(reason) => {
                let device = devices::kinds_of(backend, library);
                prepared
                    .add_unavailable(Unavailable { backend: backend.name.clone(), device, reason }, progress);
            }
        }
        if executor.interrupt.is_set() {
            break;
        }
    }
    Ok(libraries)
}

/// Loads a library once. The inner error is the reason why it is unavailable.
fn ready_library(
    backend: &Backend,
    library: &Library,
    executor: &Executor,
) -> anyhow::Result<Result<ReadyLibrary, String>> {
    let path = library.path();
    let info = match describe(&path, executor)? {
        Ok(info) => info,
        Err(reason) => return Ok(Err(with_remedy(reason, library))),
    };
    if info.name != backend.name {
        let reason = format!("its library names itself {}, its backend.toml {}", info.name, backend.name);
        return Ok(Err(reason));
    }
    let hash = file_hash(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Ok(ReadyLibrary { path, hash, info, thread_variables: backend.thread_variables.clone() }))
}

/// A library that was built here and does not load any more has lost something that
/// it was built with, such as a framework's library in a cache.
fn with_remedy(reason: String, library: &Library) -> String {
    match library {
        Library::Built(_) if reason.starts_with("cannot load ") && !LibraryPath::has_explained(&reason) => {
            format!(
                "{reason}; if what it was built with has moved or gone, delete the library: it is built again"
            )
        }
        _ => reason,
    }
}

/// Asks a library what it is, in a worker of its own.
///
/// # Errors
/// Where no worker can be started. The inner error is the reason why the
/// library cannot be used.
pub fn describe(library: &Path, executor: &Executor) -> anyhow::Result<Result<BackendInfo, String>> {
    let mut info = None;
    let log = tempfile::NamedTempFile::new().context("cannot create a temporary log")?;
    let job = Job::Describe { library: library.to_owned() };
    let ending = executor.run(&job, Threads::ONE, log.path(), &mut |message| {
        if let Message::Loaded { backend, .. } = message {
            info = Some(backend.clone());
        }
        Ok(())
    })?;
    for reason in
        info.iter_mut().flat_map(|info| &mut info.devices).filter_map(|device| device.unavailable.as_mut())
    {
        // A plugin that loads its framework when it is asked says here what is missing.
        *reason = LibraryPath::here().explain(std::mem::take(reason));
    }
    Ok(match (ending, info) {
        (Ending::Failed(failure), _) if failure.is_interruption() => bail!(Interrupted),
        (Ending::Failed(failure), _) => Err(failure.reason),
        (Ending::Done(_), Some(info)) => Ok(info),
        (Ending::Done(_), None) => Err("the worker said nothing of the library".to_owned()),
    })
}

fn add_cells(
    workload: &Workload,
    selection: &Selection,
    library: &ReadyLibrary,
    request: &BenchRequest,
    progress: &mut dyn Progress,
    prepared: &mut Prepared,
) -> anyhow::Result<()> {
    let info = &library.info;
    let selected = selection.implementation.as_deref();
    let implementations = plan::implementations(info, workload, selected, &request.implementations)?;
    if workload.model.has_batch_norm() && info.implementations.is_empty() && selected.is_none() {
        let reason = format!("it lists no implementation of batch norm, which {} needs", workload.name);
        prepared.add_unavailable(Unavailable { backend: info.name.clone(), device: None, reason }, progress);
    }
    let wanted = |id: &str| plan::device_is_wanted(id, selection.device.as_deref(), &request.devices);
    for device in info.devices.iter().filter(|device| wanted(&device.id)) {
        if devices::missing(&device.id).is_some() {
            devices::leave_out(&info.name, Device::CUDA, selection, request, progress, prepared);
            continue;
        }
        if let Some(reason) = &device.unavailable {
            let (backend, device) = (info.name.clone(), Some(device.id.clone()));
            prepared.add_unavailable(Unavailable { backend, device, reason: reason.clone() }, progress);
            continue;
        }
        let id = Device::from(&*device.id);
        for implementation in &implementations {
            let cell = Cell {
                workload: workload.name.to_owned(),
                backend: info.name.clone(),
                implementation: implementation.as_str().into(),
                device: id.clone(),
                // Threads are the processor's; a device computes with its own.
                threads: if id.is_cpu() { request.threads } else { 1 },
                machine: None,
            };
            if !prepared.cells.iter().any(|ready| ready.cell == cell) {
                prepared.cells.push(ReadyCell { cell, library: library.clone() });
            }
        }
    }
    Ok(())
}
