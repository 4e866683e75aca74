//! The start of a record: its run folder, and everything that is known before
//! the first run.

use std::path::Path;

use anyhow::Context;
use trainmark_reports::record::{DatasetInfo, Environment, Event, Note, Plan, SCHEMA, Started};
use trainmark_reports::warnings::Warning;
use trainmark_reports::{Record, RunStore, StoreError};

use super::history::History;
use super::prepare::Ready;
use super::{BenchRequest, Place, unix_time};
use crate::data;
use crate::machine::{self, power};
use crate::peak;
use crate::plan::Selection;
use crate::workload::Workload;

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
) -> anyhow::Result<(RunStore, Option<Record>)> {
    match place {
        Place::Within(parent) => {
            let started = started(request, ready)?;
            let store = create_store(parent, request, started)?;
            request.write(store.folder())?;
            Ok((store, None))
        }
        Place::Resume(folder) => {
            let (mut store, record) = RunStore::reopen(folder)?;
            check_same_data(&record, &ready.dataset)?;
            check_same_plan(&record, request, ready)?;
            store.append(&Event::Resumed { unix_time: unix_time() })?;
            Ok((store, Some(record)))
        }
    }
}

/// Makes a run folder under the first name that is free. Another benchmark that begins in
/// the same second may take a name between the look and the making: then the next one is.
fn create_store(parent: &Path, request: &BenchRequest, mut started: Started) -> Result<RunStore, StoreError> {
    /// So many benchmarks do not begin in one second; something else is wrong then.
    const TRIES: usize = 20;
    let mut tries = 1;
    loop {
        started.run_id = run_id(parent, &request.selected.selections);
        match RunStore::create(parent, &started.run_id, &started) {
            Err(StoreError::Exists { .. } | StoreError::Locked { .. }) if tries < TRIES => tries += 1,
            made => return made,
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

/// What is continued must be what was begun: the same plan, with the same libraries.
fn check_same_plan(record: &Record, request: &BenchRequest, ready: &Ready) -> anyhow::Result<()> {
    let plan = &record.started.plan;
    if plan.epochs != request.schedule.epochs || plan.seeds != request.schedule.seeds() {
        anyhow::bail!(
            "cannot resume: request.json and events.jsonl tell of different epochs or seeds; start a new run"
        );
    }
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
fn started(request: &BenchRequest, ready: &Ready) -> anyhow::Result<Started> {
    let (schedule, dataset) = (&request.schedule, &ready.dataset);
    let environment = environment(request.selected.threads, ready);
    Ok(Started {
        schema: SCHEMA,
        run_id: String::new(),
        unix_time: unix_time(),
        command: request.command.clone(),
        plan: Plan {
            workloads: ready.workloads.iter().map(Workload::info).collect::<Result<_, _>>()?,
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
        warnings: warnings(request.selected.threads, ready, &environment)
            .iter()
            .map(ToString::to_string)
            .collect(),
        environment,
        unavailable: ready.unavailable.clone(),
        notes: notes(ready),
        merged: Vec::new(),
    })
}

/// The machine, with the peak of the threads that the cells compute on. A run without
/// cells on the processor needs none.
fn environment(threads: usize, ready: &Ready) -> Environment {
    // First, since the probe is a load, too.
    let environment = machine::environment();
    let is_needed = ready.cells.iter().any(|one| one.cell.device.is_cpu());
    let peak = is_needed.then(|| peak::measure(threads).ok()).flatten();
    Environment { peak, ..environment }
}

/// What the backends want a reader of their numbers to know.
fn notes(ready: &Ready) -> Vec<Note> {
    let mut notes = Vec::new();
    for info in ready.cells.iter().map(|one| &one.library.info) {
        for text in &info.notes {
            let note = Note { backend: info.name.clone(), text: text.clone() };
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
    }
    notes
}

/// What makes the numbers doubtful.
fn warnings(threads: usize, ready: &Ready, environment: &Environment) -> Vec<Warning> {
    let dataset = &ready.dataset;
    let mut warnings: Vec<Warning> = dataset.notice.clone().map(Warning::Recorded).into_iter().collect();
    if warnings.is_empty() && dataset.name != data::FASHION_MNIST.name {
        let (name, published) = (dataset.name.clone(), data::FASHION_MNIST.name.to_owned());
        warnings.push(Warning::OtherDataSet { name, published });
    }
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
    // From before the peak was measured, which is a load, too. So is a build, but one that is
    // over; what is not shows in the load before the first run.
    let load = environment.load_average.filter(|load| *load > 0.5 && !ready.is_built);
    warnings.extend(load.map(|load| Warning::BusyAtStart { load }));
    warnings
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
