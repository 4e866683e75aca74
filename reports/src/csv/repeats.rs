//! `repeats.csv`: one row per epoch of the runs that were made once more.

use serde::Serialize;

use super::epochs::status;
use super::{Origin, finite, table};
use crate::record::{Epoch, Record, Run};
use crate::store::StoreError;

/// Its name in a run folder.
pub const FILE: &str = "repeats.csv";

/// Its columns.
pub const COLUMNS: [&str; 15] = [
    "schema",
    "run_id",
    "workload",
    "dataset",
    "backend",
    "implementation",
    "device",
    "threads",
    "seed",
    "purpose",
    "epoch",
    "train_seconds",
    "predict_seconds",
    "status",
    "machine",
];

#[derive(Serialize)]
struct Row<'a> {
    origin: Origin<'a>,
    workload: &'a str,
    dataset: &'a str,
    backend: &'a str,
    implementation: &'a str,
    device: &'a str,
    threads: usize,
    seed: u64,
    purpose: &'a str,
    epoch: u32,
    train_seconds: Option<f64>,
    predict_seconds: Option<f64>,
    status: String,
    machine: Option<&'a str>,
}

/// The file's content.
///
/// # Errors
/// When a row does not fit the header, which is a bug.
pub fn text(record: &Record) -> Result<String, StoreError> {
    let rows = record.repeats().flat_map(|run| run.epochs.iter().map(|epoch| row(record, run, epoch)));
    table(FILE, &COLUMNS.map(str::to_owned), rows)
}

fn row<'a>(record: &'a Record, run: &'a Run, epoch: &'a Epoch) -> Row<'a> {
    let cell = &run.cell;
    Row {
        origin: Origin::of(record),
        workload: &cell.workload,
        dataset: &record.started.plan.dataset.name,
        backend: &cell.backend,
        implementation: &cell.implementation,
        device: &cell.device,
        threads: cell.threads,
        seed: run.seed,
        purpose: run.purpose.name(),
        epoch: epoch.number,
        train_seconds: finite(Some(epoch.train_seconds)),
        predict_seconds: finite(Some(epoch.predict_seconds)),
        status: status(epoch),
        machine: cell.machine.as_deref(),
    }
}
