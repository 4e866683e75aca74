//! The start of a record: its run folder, and everything that is known before
//! the first run.

use std::collections::BTreeMap;
use std::path::Path;
use std::slice;

use anyhow::Context;
use trainmark_reports::record::{
    Adapter, DatasetInfo, Environment, Event, Framework, Note, Plan, Role, SCHEMA, Settings, Started,
};
use trainmark_reports::warnings::Warning;
use trainmark_reports::{Record, RunStore, StoreError};

use super::history::History;
use super::prepare::Ready;
use super::runner::Runner;
use super::{BenchRequest, Place, unix_time};
use crate::data;
use crate::executor::Waiting;
use crate::machine::{self, power};
use crate::output;
use crate::plan::Selection;

/// Makes the folder that results go into, before time is spent on anything that could
/// not be written down.
///
/// # Errors
/// Where it cannot be made or written to.
pub(crate) fn check_writable(folder: &Path) -> anyhow::Result<()> {
    let probe = std::fs::create_dir_all(folder).and_then(|()| tempfile::tempfile_in(folder));
    probe
        .map(drop)
        .with_context(|| format!("cannot write into {}: name another place with --out DIR", folder.display()))
}

/// Makes the run folder, or opens the one that is continued, with what it holds.
///
/// # Errors
/// Where the folder cannot be used, or holds numbers from another data set.
pub(super) fn open_store(
    request: &BenchRequest,
    place: &Place,
    ready: &Ready,
    runner: &dyn Runner,
) -> anyhow::Result<(RunStore, Option<Record>)> {
    match place {
        Place::Within(parent) => {
            let started = started(request, ready, runner)?;
            let store = create_store(parent, request, started)?;
            note_lock(&store);
            Ok((store, None))
        }
        Place::Resume(folder) => {
            let (mut store, record) = RunStore::reopen(folder)?;
            // Again, now that nobody else can write to it.
            check_same_data(&record, request, &ready.dataset)?;
            request.check_record(&record)?;
            check_same_plan(&record, request, ready)?;
            note_lock(&store);
            store.append(&Event::Resumed { unix_time: unix_time() })?;
            Ok((store, Some(record)))
        }
    }
}

fn note_lock(store: &RunStore) {
    if !store.has_lock() {
        output::tell_without_locks(store.folder());
    }
}

/// Makes a run folder under the first name that is free. Another benchmark that begins in
/// the same second may take a name between the look and the making: then the next one is.
fn create_store(parent: &Path, request: &BenchRequest, mut started: Started) -> anyhow::Result<RunStore> {
    /// So many benchmarks do not begin in one second; something else is wrong then.
    const TRIES: usize = 20;
    let file = request.file()?;
    let mut tries = 1;
    loop {
        started.run_id = run_id(parent, &request.selected.names());
        match RunStore::create(parent, &started.run_id, &started, slice::from_ref(&file)) {
            Err(StoreError::Exists { .. }) if tries < TRIES => tries += 1,
            made => return Ok(made?),
        }
    }
}

/// Refuses to continue with another data set: numbers of two must not stand in one table.
///
/// # Errors
/// With both data sets, and the folder that the first was taken from, where it is not named now.
pub(super) fn check_same_data(
    record: &Record,
    request: &BenchRequest,
    dataset: &data::DecodedFiles,
) -> anyhow::Result<()> {
    let before = &record.started.plan.dataset;
    if before.fingerprint != dataset.fingerprint {
        let named = data::Sources::from_process().data_dir;
        let is_elsewhere = before.name != dataset.name && named.is_none();
        if let (Some(folder), true) = (&request.selected.data_variable, is_elsewhere) {
            anyhow::bail!(
                "cannot resume: the run was begun on {} with TRAINMARK_DATA={folder}, which is not set now; \
                 set it, and resume again",
                before.name,
                folder = crate::shell::quoted_path(folder)
            );
        }
        if before.name != dataset.name && before.name == data::FASHION_MNIST.name {
            anyhow::bail!(
                "cannot resume: the run was begun on {}, which is not found now; set TRAINMARK_DATA to the folder that \
                 it lies in, or fetch it with `data fetch`",
                before.name
            );
        }
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

/// What is continued must be what was begun: the same plan, with the same libraries.
fn check_same_plan(record: &Record, request: &BenchRequest, ready: &Ready) -> anyhow::Result<()> {
    let plan = &record.started.plan;
    let history = History::new(&request.schedule, Some(record));
    for cell in &plan.cells {
        if history.is_complete(cell) {
            continue;
        }
        let Some(one) = ready.cells.iter().find(|one| one.cell == *cell) else {
            anyhow::bail!(
                "cannot resume: {cell} cannot be run now (see `list`); mend it, or start a new run"
            );
        };
        let mut libraries =
            record.samples_of(cell).filter(|run| run.is_ok()).filter_map(|run| run.end.library_hash.as_ref());
        if libraries.any(|hash| *hash != one.library.hash) {
            anyhow::bail!(
                "cannot resume: the library of {cell} has changed since its first runs; start a new run"
            );
        }
    }
    Ok(())
}

/// The record's beginning, not yet with the run's name.
fn started(request: &BenchRequest, ready: &Ready, runner: &dyn Runner) -> anyhow::Result<Started> {
    let (schedule, dataset) = (&request.schedule, &ready.dataset);
    let threads = request.selected.threads.most();
    let is_here = request.slurm.is_none();
    // Of the machine that sends rounds to a cluster no number is told: each node tells of itself.
    let environment = if is_here { environment(threads, ready, runner) } else { machine::environment() };
    let mut warnings = of_dataset(&ready.dataset);
    warnings.extend(is_here.then(|| of_machine(threads, ready, &environment)).into_iter().flatten());
    Ok(Started {
        schema: SCHEMA,
        run_id: String::new(),
        unix_time: unix_time(),
        command: request.command.clone(),
        plan: Plan {
            workloads: ready.workloads.iter().map(|workload| workload.info()).collect::<Result<_, _>>()?,
            dataset: DatasetInfo {
                name: dataset.name.clone(),
                train_samples: dataset.train_samples,
                test_samples: dataset.test_samples,
                fingerprint: dataset.fingerprint.clone(),
            },
            cells: ready.cells.iter().map(|one| one.cell.clone()).collect(),
            seeds: schedule.seeds(),
            epochs: schedule.epochs,
            budget_seconds: schedule.budget.map(|budget| budget.as_secs_f64()),
            timeout_seconds: schedule.timeout.as_secs_f64(),
            audit: schedule.audit,
        },
        warnings: warnings.iter().map(ToString::to_string).collect(),
        environment,
        unavailable: ready.unavailable.clone(),
        notes: notes(ready),
        roles: roles(ready),
        frameworks: frameworks(ready),
        merged: Vec::new(),
    })
}

/// The machine, with the peak of the threads that the cells compute on, and with how these wait. A
/// run without cells on the processor needs no peak.
pub(super) fn environment(threads: usize, ready: &Ready, runner: &dyn Runner) -> Environment {
    // First, since the probe is a load, too.
    let mut environment = machine::environment();
    environment.peak = ready.computes_on_processor().then(|| runner.peak(threads)).flatten();
    environment.adapters = adapters(ready);
    let waiting = Waiting::at(environment.peak.as_ref()).variables().into_iter();
    let waiting = waiting.map(|(name, value)| (name.to_owned(), value.to_string_lossy().into_owned()));
    environment.settings.get_or_insert_default().variables.extend(waiting);
    environment
}

/// What the backends want a reader of their numbers to know, but not what they say of implementations
/// that are not run.
fn notes(ready: &Ready) -> Vec<Note> {
    let mut notes = Vec::new();
    for info in ready.cells.iter().map(|one| &one.library.info) {
        let is_run = |name: &str| {
            ready.cells.iter().any(|one| one.cell.backend == info.name && *one.cell.implementation == *name)
        };
        for text in info.notes.iter().filter(|text| info.subject_of(text).is_none_or(is_run)) {
            let note = Note { backend: info.name.clone(), text: text.clone() };
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
    }
    notes
}

/// What the devices of the cells are, where their backends tell.
fn adapters(ready: &Ready) -> Vec<Adapter> {
    let mut adapters = Vec::new();
    for one in &ready.cells {
        let info = &one.library.info;
        let device = info.devices.iter().find(|device| *device.id == *one.cell.device);
        let adapter = device.and_then(|device| device.adapter(&info.name));
        adapters.extend(adapter.filter(|adapter| !adapters.contains(adapter)));
    }
    adapters
}

/// What the backends are that are no frameworks to choose.
fn roles(ready: &Ready) -> BTreeMap<String, Role> {
    let said = ready.cells.iter().filter_map(|one| Some((one.cell.backend.clone(), one.library.role?)));
    said.collect()
}

/// What the backends say of what their frameworks are made of.
fn frameworks(ready: &Ready) -> BTreeMap<String, Framework> {
    let said = ready.cells.iter().filter(|one| !one.library.framework.is_empty());
    said.map(|one| (one.cell.backend.clone(), one.library.framework.clone())).collect()
}

/// What makes the numbers doubtful, whatever machine they are of.
fn of_dataset(dataset: &data::DecodedFiles) -> Vec<Warning> {
    let mut warnings: Vec<Warning> = dataset.notice.clone().map(Warning::Recorded).into_iter().collect();
    if warnings.is_empty() && dataset.is_synthetic() {
        let (name, published) = (dataset.name.clone(), data::FASHION_MNIST.name.to_owned());
        warnings.push(Warning::OtherDataSet { name, published });
    }
    warnings
}

/// What makes the numbers of this machine doubtful, of a benchmark with at most so many threads.
pub fn of_machine(threads: usize, ready: &Ready, environment: &Environment) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let processors = environment.logical_cpus;
    if threads > processors {
        warnings.push(Warning::TooManyThreads { threads, processors });
    }
    if environment.on_battery == Some(true) {
        warnings.push(Warning::OnBattery);
    }
    if power::is_slowed(machine::root()) {
        warnings.push(Warning::SlowGovernor);
    }
    warnings.extend(environment.settings.iter().flat_map(of_settings));
    // From before the peak was measured, which is a load, too. So is a build, but one that is
    // over; what is not shows in the load before the first run.
    let load = environment.load_average.filter(|load| *load > 0.5 && !ready.is_built);
    warnings.extend(load.map(|load| Warning::BusyAtStart { load }));
    warnings
}

/// What is doubtful of how the benchmark was started.
fn of_settings(settings: &Settings) -> Vec<Warning> {
    let set = |name: &&str| settings.variables.get(*name).filter(|value| !value.is_empty());
    let preloaded = ["LD_PRELOAD", "DYLD_INSERT_LIBRARIES"].iter().filter_map(|name| {
        Some(Warning::Preloaded { variable: (*name).to_owned(), value: set(name)?.clone() })
    });
    let chosen = settings.variables.iter().filter(|(name, _)| name.starts_with("TRAINMARK_"));
    let chosen: Vec<String> = chosen.map(|(name, value)| format!("{name}={value}")).collect();
    let nice = settings.nice.filter(|nice| *nice > 0).map(|nice| Warning::Nice { nice });
    let chosen = (!chosen.is_empty()).then_some(Warning::Chosen { variables: chosen });
    preloaded.chain(nice).chain(chosen).collect()
}

/// `<UTC time>-<name>`, with a number where that is taken.
fn run_id(parent: &Path, selections: &[String]) -> String {
    let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    let names: Vec<String> = selections
        .iter()
        .map(|text| Selection::parse(text).map_or_else(|_| text.clone(), |selection| selection.short()))
        .collect();
    let name: String = names.join("-").replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let id = format!("{time}-{}", name[..name.len().min(40)].trim_matches('-'));
    let numbered = (2..).map(|number| format!("{id}-{number}"));
    std::iter::once(id.clone()).chain(numbered).find(|id| !parent.join(id).exists()).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn a_run_is_named_by_what_was_selected() {
        let name = |selections: &[&str]| {
            let selections: Vec<String> = selections.iter().map(|&text| text.to_owned()).collect();
            super::run_id(Path::new("/nowhere"), &selections).split_once("Z-").unwrap().1.to_owned()
        };
        assert_eq!(name(&["handwritten", "tch/builtin"]), "handwritten-tch-builtin");
        assert_eq!(name(&["all@cuda:0"]), "all-cuda-0");
        assert_eq!(name(&["/a/libmine.so"]), "libmine");
        assert_eq!(name(&["/a/über.so", &"x".repeat(40)]).len(), 39);
    }
}
