//! From names to cells: finds the backends, builds what is stale, asks each what
//! it can do.

mod builds;
mod devices;
mod fitting;
mod library;
mod meanwhile;
mod sides;
mod wanted;
mod wishes;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use trainmark_reports::record::{Cell, Device, Unavailable};

use super::event::{Happening, Sink};
use super::gate::Early;
use super::request::Selected;
use super::runner::Runner;
use crate::data::{self, DataRequest};
use crate::executor::{Threads, Waiting};
use crate::plan::{self, Selection};
use crate::registry::{Library, Registry, tell_apart};
use crate::worker::protocol::{BackendInfo, DeviceInfo, Task};
use crate::workload::Workload;

use library::library_file;
pub use library::{Described, ReadyLibrary, describe};
pub use sides::{Side, Sides, Unchanged};
use wanted::Wanted;

/// A cell with the library that trains it.
#[derive(Debug, Clone)]
pub struct ReadyCell {
    /// The cell.
    pub cell: Cell,
    /// What it trains.
    pub workload: Arc<Workload>,
    /// Its library.
    pub library: ReadyLibrary,
    /// How threads of its jobs wait.
    pub waiting: Waiting,
}

impl ReadyCell {
    /// The threads that its library computes with.
    pub fn threads(&self) -> Threads<'_> {
        Threads { count: self.cell.threads, variables: &self.library.thread_variables, waiting: self.waiting }
    }

    /// The work order of a job on it.
    pub fn task(&self, dataset: &data::DecodedFiles, seed: u64, epochs: u32) -> Task {
        dataset.restore();
        Task {
            library: self.library.path.clone(),
            library_hash: self.library.hash.clone(),
            workload: Workload::clone(&self.workload),
            dataset: dataset.clone(),
            implementation: self.cell.implementation.clone(),
            device: self.cell.device.clone(),
            threads: self.cell.threads,
            seed,
            epochs,
        }
    }
}

/// What can be run, and what cannot.
#[derive(Debug, Clone)]
pub struct Ready {
    /// The data set.
    pub dataset: data::DecodedFiles,
    /// The workloads that were asked for.
    pub workloads: Vec<Arc<Workload>>,
    /// Cells, workload by workload.
    pub cells: Vec<ReadyCell>,
    /// Backends and devices that cannot be run here.
    pub unavailable: Vec<Unavailable>,
    /// Whether a library was built just now.
    pub is_built: bool,
    /// What the gate has found of some cells while other backends were being built.
    pub early: Vec<Early>,
}

impl Ready {
    /// Whether some cell does.
    pub(super) fn computes_on_processor(&self) -> bool {
        self.cells.iter().any(|one| one.cell.device.is_cpu())
    }

    /// Has the threads of all jobs from now on wait so.
    pub fn wait(&mut self, waiting: Waiting) {
        self.cells.iter_mut().for_each(|one| one.waiting = waiting);
    }
}

/// Brings what a request selects to where it can be run: data set, libraries, cells.
pub struct Preparer<'p> {
    selected: &'p Selected,
    registry: Registry,
    /// Who loads the libraries.
    pub(super) runner: &'p dyn Runner,
    /// Who is told how it goes.
    pub(super) sink: &'p mut dyn Sink,
    workloads: Vec<Arc<Workload>>,
    /// The cells found so far.
    pub(super) cells: Vec<ReadyCell>,
    unavailable: Vec<Unavailable>,
    is_built: bool,
    /// Libraries that have been loaded, or why they cannot be.
    loaded: HashMap<PathBuf, Result<ReadyLibrary, String>>,
    early: Vec<Early>,
    /// Devices that nobody asked for by name and that this machine does not have.
    left_out: Vec<Unavailable>,
    /// The backends of the run that is continued, if one is.
    begun_with: Option<HashSet<String>>,
    /// Whether a check is to be made of two builds.
    is_check: bool,
}

/// Checks what can be checked of names before anything is downloaded, built or loaded.
///
/// # Errors
/// Where one names a backend or library that does not exist.
pub fn check_names(selected: &Selected, registry: &Registry) -> anyhow::Result<()> {
    for text in &selected.selections {
        let selection = Selection::parse(text)?;
        if plan::is_library_path(&selection.backend) {
            library_file(Path::new(&selection.backend))?;
        } else if selection.backend != "all" {
            registry.find(&selection.backend)?.with_versions(&selection.versions)?;
        }
    }
    Ok(())
}

impl<'p> Preparer<'p> {
    /// Of what a request selects among these backends.
    ///
    /// # Errors
    /// Where the request names a backend or library that does not exist.
    pub fn new(
        selected: &'p Selected,
        registry: Registry,
        runner: &'p dyn Runner,
        sink: &'p mut dyn Sink,
    ) -> anyhow::Result<Self> {
        let workloads = selected.workloads.iter().cloned().map(Arc::new).collect();
        check_names(selected, &registry)?;
        let (cells, unavailable, left_out) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self {
            selected,
            registry,
            runner,
            sink,
            workloads,
            cells,
            unavailable,
            is_built: false,
            loaded: HashMap::new(),
            early: Vec::new(),
            left_out,
            begun_with: None,
            is_check: false,
        })
    }

    /// For a check of two builds, which refuses one library twice: it could not fail.
    #[must_use]
    pub fn for_a_check(self) -> Self {
        Self { is_check: true, ..self }
    }

    /// Prepares it all, and listens for the user's interruption from the first probe on. A
    /// backend that cannot be built or loaded is a row of [`Ready::unavailable`]; what building
    /// needs is looked at first, before the data set is fetched.
    ///
    /// # Errors
    /// Where the request names something that does not exist, the data set is not to be had, or
    /// the user interrupts.
    pub fn prepare(&mut self) -> anyhow::Result<Ready> {
        self.prepare_all(|_| Ok(()), false)
    }

    /// As [`Self::prepare`]. Cells of backends that are built pass the gate while others are
    /// still being built: [`Ready::early`].
    ///
    /// # Errors
    /// As [`Self::prepare`].
    pub fn prepare_and_check(&mut self) -> anyhow::Result<Ready> {
        self.prepare_all(|_| Ok(()), true)
    }

    /// As [`Self::prepare`], to go on with what was begun with these backends, on a data set that is
    /// checked before anything is built.
    ///
    /// # Errors
    /// As [`Self::prepare`], and those of `check`.
    pub fn prepare_again(
        &mut self,
        begun_with: HashSet<String>,
        check: impl FnOnce(&data::DecodedFiles) -> anyhow::Result<()>,
    ) -> anyhow::Result<Ready> {
        self.begun_with = Some(begun_with);
        self.prepare_all(check, false)
    }

    /// As [`Self::prepare`], on a data set that is checked before anything is built; whether what is
    /// built is checked meanwhile.
    fn prepare_all(
        &mut self,
        check: impl FnOnce(&data::DecodedFiles) -> anyhow::Result<()>,
        is_gated: bool,
    ) -> anyhow::Result<Ready> {
        let wanted = self.wanted()?;
        if is_gated {
            self.check_fit(&wanted)?;
        }
        self.check_devices(&wanted)?;
        let interrupt = self.runner.interrupt();
        interrupt.listen()?;
        let survey = self.survey(&wanted)?;
        let dataset = interrupt.at_once(|| self.obtain_dataset())?;
        check(&dataset)?;
        self.workloads.iter().try_for_each(|workload| workload.check_data(&dataset))?;
        let unbuilt = self.build_stale(survey, &wanted, is_gated.then_some(&dataset))?;
        self.find_cells(wanted, &unbuilt)?;
        self.ready(dataset)
    }

    fn ready(&mut self, dataset: data::DecodedFiles) -> anyhow::Result<Ready> {
        self.runner.interrupt().check()?;
        Ok(Ready {
            dataset,
            workloads: std::mem::take(&mut self.workloads),
            cells: std::mem::take(&mut self.cells),
            unavailable: std::mem::take(&mut self.unavailable),
            is_built: self.is_built,
            early: std::mem::take(&mut self.early),
        })
    }

    fn obtain_dataset(&mut self) -> anyhow::Result<data::DecodedFiles> {
        let request = DataRequest {
            dataset: self.selected.dataset.clone(),
            data_dir: self.selected.data_dir.clone(),
            shape: self.selected.workloads.iter().find_map(Workload::image_shape),
            resize: self.selected.workloads.iter().find_map(|workload| workload.resize),
            offline: self.selected.offline,
        };
        let mut told = Ok(());
        let dataset = data::obtain(&request, &mut |event| {
            if told.is_ok() {
                told = self.sink.hear(Happening::Download(event));
            }
        })?;
        told?;
        if let Some(notice) = &dataset.notice {
            self.sink.hear(Happening::Note(notice))?;
        }
        Ok(dataset)
    }

    /// Loads the libraries but those that could not be built, and asks them for their cells.
    pub(super) fn find_cells(
        &mut self,
        mut wanted: Vec<Wanted<'_>>,
        unbuilt: &HashSet<PathBuf>,
    ) -> anyhow::Result<()> {
        for one in &mut wanted {
            one.ready = self.load(one, unbuilt)?;
        }
        self.leave_out_unchanged(&mut wanted)?;
        // Workload by workload, so that what is compared stands together.
        for workload in self.workloads.clone() {
            for one in &wanted {
                self.add_cells(&workload, one)?;
            }
        }
        let is_here = wanted.iter().flat_map(|one| &one.ready).any(ReadyLibrary::has_device_here);
        if self.unavailable.is_empty() && !is_here {
            // Where nothing else could be run, they are what was asked for.
            for row in std::mem::take(&mut self.left_out) {
                self.add_unavailable(row)?;
            }
        }
        if !self.runner.interrupt().is_set() {
            self.check_wishes(&wanted)?;
        }
        Ok(())
    }

    /// The selections with `all` and libraries replaced by backends.
    pub(super) fn wanted(&mut self) -> anyhow::Result<Vec<Wanted<'p>>> {
        let (mut selections, named) = (Vec::new(), self.named());
        for text in &self.selected.selections {
            let selection = Selection::parse(text)?;
            if plan::is_library_path(&selection.backend) {
                match library::given_library(Path::new(&selection.backend), self.runner)? {
                    Ok((backend, _)) => {
                        selections.push(Selection { backend: backend.name.clone(), ..selection });
                        let is_named = named.contains("all") || named.contains(&backend.name);
                        self.registry.insert_given(backend, is_named)?;
                    }
                    Err(reason) => {
                        self.add_unavailable(Unavailable {
                            backend: selection.backend,
                            device: None,
                            reason,
                        })?;
                    }
                }
            } else if selection.backend == "all" {
                for (backend, reason) in self.registry.broken.clone() {
                    self.add_unavailable(Unavailable { backend, device: None, reason })?;
                }
                let names = self.names_of_all()?;
                selections
                    .extend(names.into_iter().map(|backend| Selection { backend, ..selection.clone() }));
            } else {
                selections.push(selection);
            }
        }
        let mut wanted = Vec::new();
        for selection in selections {
            for backend in self.registry.find(&selection.backend)?.with_versions(&selection.versions)? {
                wanted.push(Wanted::new(self.selected, selection.clone(), backend.clone()));
            }
        }
        tell_apart(&mut wanted.iter_mut().map(|one| &mut one.backend).collect::<Vec<_>>());
        self.with_sides(wanted)
    }

    /// What the selections name: backends, libraries, `all`.
    fn named(&self) -> HashSet<String> {
        let parsed = self.selected.selections.iter().filter_map(|text| Selection::parse(text).ok());
        parsed.map(|selection| selection.backend).collect()
    }

    /// The backends that `all` means. Those that it leaves out are told, unless they are named as well.
    fn names_of_all(&mut self) -> anyhow::Result<Vec<String>> {
        let named = self.named();
        let (taken, left): (Vec<_>, Vec<_>) = self.registry.backends.iter().partition(|backend| {
            match &self.begun_with {
                // What has been built since is none of it.
                Some(names) => {
                    let is_named = names.contains(&backend.name) || names.contains(&backend.qualified());
                    backend.by_default || is_named
                }
                None => backend.is_in_all(),
            }
        });
        for backend in left.into_iter().filter(|backend| !named.contains(&backend.name)) {
            let downloads = match backend.downloads()[..] {
                [] => String::new(),
                ref downloads => format!(" (downloads {})", downloads.join("; ")),
            };
            let name = &backend.name;
            self.sink.hear(Happening::Note(&format!(
                "{name} is no part of `all`{downloads}: name it to take it, as in `all {name}`"
            )))?;
        }
        Ok(taken.into_iter().map(|backend| backend.name.clone()).collect())
    }

    /// Loads the libraries of a backend.
    fn load(&mut self, wanted: &Wanted<'_>, unbuilt: &HashSet<PathBuf>) -> anyhow::Result<Vec<ReadyLibrary>> {
        let mut ready = Vec::new();
        for library in wanted.libraries().filter(|library| !unbuilt.contains(&library.path())) {
            match self.load_once(wanted, library)? {
                Ok(one) => ready.push(one),
                Err(reason) => self.add_unavailable(wanted.unavailable(library, reason))?,
            }
            if self.runner.interrupt().is_set() {
                break;
            }
        }
        Ok(ready)
    }

    /// Loads a library, unless it was loaded before. The inner error is why it cannot be.
    fn load_once(
        &mut self,
        wanted: &Wanted<'_>,
        library: &Library,
    ) -> anyhow::Result<Result<ReadyLibrary, String>> {
        let path = library.path();
        if let Some(known) = self.loaded.get(&path) {
            // One library may be two builds.
            return Ok(known.clone().map(|known| known.named(&wanted.backend)));
        }
        let loaded = ReadyLibrary::load(&wanted.backend, library, self.runner)?;
        self.loaded.insert(path, loaded.clone());
        Ok(loaded)
    }

    fn add_cells(&mut self, workload: &Arc<Workload>, wanted: &Wanted<'_>) -> anyhow::Result<()> {
        for library in &wanted.ready {
            let info = &library.info;
            let implementations = wanted.implementations(info, workload)?;
            if workload.model.has_batch_norm()
                && info.implementations.is_empty()
                && wanted.selection.implementation.is_none()
            {
                let reason =
                    format!("it lists no implementation of batch norm, which {} needs", workload.name);
                self.add_unavailable(Unavailable { backend: info.name.clone(), device: None, reason })?;
            }
            for device in self.usable_devices(wanted, info)? {
                for ready in self.ready_cells(workload, library, &implementations, &device) {
                    if !self.cells.iter().any(|known| known.cell == ready.cell) {
                        self.cells.push(ready);
                    }
                }
            }
        }
        Ok(())
    }

    /// The cells of a library's implementations on a device: one for each number of threads on the
    /// processor, and one elsewhere.
    fn ready_cells(
        &self,
        workload: &Arc<Workload>,
        library: &ReadyLibrary,
        implementations: &[String],
        device: &Device,
    ) -> Vec<ReadyCell> {
        let threads = self.selected.threads.all();
        let counts = if device.is_cpu() { threads } else { &threads[..threads.len().min(1)] };
        let of_implementation = |name: &String| {
            let cells = counts.iter().map(|&count| self.ready_cell(workload, library, name, (device, count)));
            cells.collect::<Vec<_>>()
        };
        implementations.iter().flat_map(of_implementation).collect()
    }

    fn ready_cell(
        &self,
        workload: &Arc<Workload>,
        library: &ReadyLibrary,
        implementation: &str,
        (device, threads): (&Device, usize),
    ) -> ReadyCell {
        let cell = Cell {
            workload: workload.name.clone(),
            backend: library.info.name.clone(),
            implementation: implementation.into(),
            // Threads are the processor's; a device computes with its own.
            threads: if device.is_cpu() { threads } else { 1 },
            tells_threads: device.is_cpu() && self.selected.threads.are_several(),
            device: device.clone(),
            machine: None,
        };
        let workload = Arc::clone(workload);
        ReadyCell { cell, workload, library: library.clone(), waiting: Waiting::default() }
    }

    /// The devices that are wanted of those that a library names. The others have their rows.
    fn usable_devices(&mut self, wanted: &Wanted<'_>, info: &BackendInfo) -> anyhow::Result<Vec<Device>> {
        let mut usable = Vec::new();
        for DeviceInfo { id, unavailable, .. } in &info.devices {
            let device = Device::from(&**id);
            if !wanted.wants(&device) {
                continue;
            }
            match unavailable {
                _ if devices::missing(id).is_some() => self.leave_out(wanted, Device::CUDA)?,
                Some(reason) => self.add_unavailable(Unavailable {
                    backend: info.name.clone(),
                    device: Some(id.clone()),
                    reason: reason.clone(),
                })?,
                None => usable.push(device),
            }
        }
        Ok(usable)
    }

    fn add_unavailable(&mut self, row: Unavailable) -> anyhow::Result<()> {
        if !self.unavailable.contains(&row) {
            self.sink.hear(Happening::Unavailable(&row))?;
            self.unavailable.push(row);
        }
        Ok(())
    }
}
