//! `epochs.csv`: tidy, one row per cell, seed and epoch.

use serde::Serialize;

use super::{Origin, finite, one_line, table};
use crate::record::{Epoch, Record, Run};
use crate::store::StoreError;

/// Its name in a run folder.
pub const FILE: &str = "epochs.csv";

/// Its columns.
pub const COLUMNS: [&str; 20] = [
    "schema",
    "run_id",
    "workload",
    "dataset",
    "backend",
    "implementation",
    "device",
    "threads",
    "seed",
    "epoch",
    "train_seconds",
    "predict_seconds",
    "train_loss",
    "train_accuracy",
    "test_accuracy",
    "rss_bytes",
    "status",
    "unfinished_seconds",
    "train_cpu_seconds",
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
    epoch: u32,
    train_seconds: Option<f64>,
    predict_seconds: Option<f64>,
    train_loss: Option<f64>,
    train_accuracy: Option<f64>,
    test_accuracy: Option<f64>,
    rss_bytes: Option<u64>,
    status: String,
    unfinished_seconds: Option<f64>,
    train_cpu_seconds: Option<f64>,
    machine: Option<&'a str>,
}

/// The file's content.
///
/// # Errors
/// When a row does not fit the header, which is a bug.
pub fn text(record: &Record) -> Result<String, StoreError> {
    let header = COLUMNS.map(str::to_owned);
    let rows = record.samples().flat_map(|run| run.epochs.iter().map(|epoch| row(record, run, epoch)));
    table(FILE, &header, rows)
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
        epoch: epoch.number,
        train_seconds: finite(Some(epoch.train_seconds)),
        predict_seconds: finite(Some(epoch.predict_seconds)),
        train_loss: finite(epoch.train_loss),
        train_accuracy: finite(epoch.train_accuracy),
        test_accuracy: finite(epoch.test_accuracy),
        rss_bytes: epoch.rss_bytes,
        status: status(epoch),
        unfinished_seconds: finite(epoch.unfinished_seconds),
        train_cpu_seconds: finite(epoch.train_cpu_seconds),
        machine: cell.machine.as_deref(),
    }
}

/// The writer's word, and the columns left empty where it says `ok` of them.
pub(super) fn status(epoch: &Epoch) -> String {
    let values = [
        ("train_seconds", Some(epoch.train_seconds)),
        ("predict_seconds", Some(epoch.predict_seconds)),
        ("train_loss", epoch.train_loss),
        ("train_accuracy", epoch.train_accuracy),
        ("test_accuracy", epoch.test_accuracy),
    ];
    let bad: Vec<&str> =
        values.iter().filter(|(_, value)| finite(*value).is_none()).map(|(name, _)| *name).collect();
    if epoch.status == "ok" && !bad.is_empty() {
        format!("missing or not finite: {}", bad.join(" "))
    } else {
        one_line(&epoch.status)
    }
}
