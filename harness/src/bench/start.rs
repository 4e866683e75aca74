//! The start of a record: its run folder, and everything that is known before
//! the first run.

use std::path::Path;

use trainmark_reports::record::{DatasetInfo, Event, Plan, SCHEMA, Started};
use trainmark_reports::{Record, RunStore};

use super::prepare::Prepared;
use super::{BenchRequest, Place, unix_time};
use crate::data;
use crate::machine;
use crate::workload::Workload;

/// Makes the run folder, or opens the one that is continued, with what it holds.
///
/// # Errors
/// Where the folder cannot be used, or holds numbers from another data set.
pub(super) fn open_store(
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
            seeds: request.seeds(),
            epochs: request.epochs,
            budget_seconds: request.budget.map(|budget| budget.as_secs_f64()),
            timeout_seconds: request.timeout.as_secs_f64(),
        },
        environment: machine::environment(),
        warnings: warnings(request, dataset),
        unavailable: prepared.unavailable.clone(),
    })
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
