//! `summary.csv`: one row per cell, of the medians over its runs.

use serde::Serialize;

use super::{Origin, finite, table, target_name};
use crate::record::{Record, Target};
use crate::store::StoreError;
use crate::summary::{CellSummary, TimeToTarget, summarize};

/// Its name in a run folder.
pub const FILE: &str = "summary.csv";

/// Its columns before those of the targets.
pub const COLUMNS: [&str; 22] = [
    "schema",
    "run_id",
    "workload",
    "dataset",
    "backend",
    "framework",
    "implementation",
    "device",
    "threads",
    "runs",
    "ok_runs",
    "timed_epochs",
    "timed",
    "median_train_seconds",
    "min_train_seconds",
    "median_predict_seconds",
    "train_loss",
    "train_accuracy",
    "test_accuracy",
    "peak_rss_bytes",
    "cold_start_seconds",
    "status",
];

/// The columns behind those of the targets.
pub const COLUMNS_AFTER_TARGETS: [&str; 4] =
    ["percent_of_peak", "peak_device_bytes", "energy_joules", "machine"];

#[derive(Serialize)]
struct Row<'a> {
    origin: Origin<'a>,
    workload: &'a str,
    dataset: &'a str,
    backend: &'a str,
    framework: Option<&'a str>,
    implementation: &'a str,
    device: &'a str,
    threads: usize,
    runs: usize,
    ok_runs: usize,
    timed_epochs: usize,
    timed: &'a str,
    median_train_seconds: Option<f64>,
    min_train_seconds: Option<f64>,
    median_predict_seconds: Option<f64>,
    train_loss: Option<f64>,
    train_accuracy: Option<f64>,
    test_accuracy: Option<f64>,
    peak_rss_bytes: Option<u64>,
    cold_start_seconds: Option<f64>,
    status: String,
    targets: Vec<TargetColumns>,
    percent_of_peak: Option<f64>,
    peak_device_bytes: Option<u64>,
    energy_joules: Option<f64>,
    machine: Option<&'a str>,
}

#[derive(Serialize)]
struct TargetColumns {
    reached: usize,
    tried: usize,
    median_epochs: Option<f64>,
    median_seconds: Option<f64>,
    status: String,
}

/// The file's content.
///
/// # Errors
/// When a row does not fit the header, which is a bug.
pub fn text(record: &Record) -> Result<String, StoreError> {
    let targets = record.started.plan.targets();
    let summaries = summarize(record);
    table(FILE, &header(&targets), summaries.iter().map(|summary| row(record, summary, &targets)))
}

fn header(targets: &[Target]) -> Vec<String> {
    let of_target = |target: &Target| {
        let columns = ["reached", "tried", "median_epochs_to", "median_seconds_to", "status_of"];
        columns.map(|what| format!("{what}_{}", target_name(target)))
    };
    let before = COLUMNS.iter().map(|&name| name.to_owned());
    let after = COLUMNS_AFTER_TARGETS.iter().map(|&name| name.to_owned());
    before.chain(targets.iter().flat_map(of_target)).chain(after).collect()
}

fn row<'a>(record: &'a Record, summary: &'a CellSummary<'a>, targets: &[Target]) -> Row<'a> {
    let cell = &summary.cell;
    Row {
        origin: Origin::of(record),
        workload: &cell.workload,
        dataset: &record.started.plan.dataset.name,
        backend: &cell.backend,
        framework: summary.framework,
        implementation: &cell.implementation,
        device: &cell.device,
        threads: cell.threads,
        runs: summary.runs.len(),
        ok_runs: summary.ranked.len(),
        timed_epochs: summary.train_seconds.map_or(0, |seconds| seconds.epochs),
        timed: summary.train_seconds.map_or("nothing", |seconds| seconds.basis.name()),
        median_train_seconds: finite(summary.train_seconds.map(|seconds| seconds.median)),
        min_train_seconds: finite(summary.train_seconds.map(|seconds| seconds.min)),
        median_predict_seconds: finite(summary.predict_seconds),
        train_loss: finite(summary.train_loss),
        train_accuracy: finite(summary.train_accuracy),
        test_accuracy: finite(summary.test_accuracy),
        peak_rss_bytes: summary.peak_rss_bytes,
        cold_start_seconds: finite(summary.cold_start_seconds),
        status: summary.status(),
        targets: targets.iter().map(|target| target_columns(record, summary, target)).collect(),
        percent_of_peak: finite(summary.percent_of_peak),
        peak_device_bytes: summary.peak_device_bytes,
        energy_joules: finite(summary.energy_joules),
        machine: cell.machine.as_deref(),
    }
}

fn target_columns(record: &Record, summary: &CellSummary, target: &Target) -> TargetColumns {
    let none = |status: &str| TargetColumns {
        reached: 0,
        tried: 0,
        median_epochs: None,
        median_seconds: None,
        status: status.to_owned(),
    };
    match summary.targets.iter().find(|of_cell| of_cell.target == *target) {
        None => none("not a target of this workload"),
        Some(_) if !summary.is_ranked => none("not ranked"),
        Some(TimeToTarget { tried: 0, .. }) => none("not run"),
        Some(of_cell) => TargetColumns {
            reached: of_cell.reached,
            tried: of_cell.tried,
            median_epochs: finite(of_cell.epochs),
            median_seconds: finite(of_cell.seconds),
            status: target_status(record, of_cell),
        },
    }
}

/// `reached by 2 of 3 runs`, or why it was not.
fn target_status(record: &Record, target: &TimeToTarget) -> String {
    let runs = |number| crate::number::count(number, "run");
    match target {
        TimeToTarget { finished: 0, .. } => "no run trained all its epochs".to_owned(),
        TimeToTarget { reached: 0, finished, .. } => {
            let epochs = crate::number::count(record.started.plan.epochs as usize, "epoch");
            format!("not reached in {epochs} by any of {}", runs(*finished))
        }
        TimeToTarget { reached, tried, .. } => format!("reached by {reached} of {}", runs(*tried)),
    }
}
