//! A record as one JSON document: everything of `summary.csv`, with intervals,
//! comparisons, and what is needed to judge them.

use serde::Serialize;

use crate::comparison::{NoiseFloor, Relative};
use crate::csv::target_name;
use crate::record::{
    Cell, DatasetInfo, Environment, MergedRun, Note, Outcome, Record, Run, Unavailable, WorkloadInfo,
    distinct,
};
use crate::statistics::{Comparison, Interval};
use crate::store::StoreError;
use crate::summary::{CellSummary, EpochSeconds, group, summarize};
use crate::warnings::{Warning, warnings};

/// Version of the document's format.
pub const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Document<'r> {
    schema: u32,
    kind: &'static str,
    run_id: &'r str,
    unix_time: f64,
    command: &'r str,
    outcome: Option<Outcome>,
    warnings: Vec<Warning>,
    dataset: &'r DatasetInfo,
    workloads: &'r [WorkloadInfo],
    epochs: u32,
    seeds: &'r [u64],
    noise_floor: Option<NoiseFloor>,
    cells: Vec<CellDocument<'r>>,
    comparisons: Vec<Relation<'r>>,
    failures: Vec<Failure<'r>>,
    unavailable: &'r [Unavailable],
    notes: &'r [Note],
    environment: &'r Environment,
    merged: &'r [MergedRun],
}

#[derive(Serialize)]
struct CellDocument<'r> {
    cell: &'r Cell,
    framework: Option<&'r str>,
    library_hashes: Vec<&'r str>,
    status: String,
    runs: usize,
    ok_runs: usize,
    train_seconds: Option<Times>,
    median_predict_seconds: Option<f64>,
    train_loss: Option<f64>,
    train_accuracy: Option<f64>,
    test_accuracy: Option<f64>,
    peak_rss_bytes: Option<u64>,
    peak_device_bytes: Option<u64>,
    energy_joules: Option<f64>,
    cold_start_seconds: Option<f64>,
    percent_of_peak: Option<f64>,
    targets: Vec<Target>,
}

/// Training seconds per epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Times {
    median: f64,
    interval: Option<Interval>,
    min: f64,
    max: f64,
    epochs: usize,
    timed: &'static str,
}

impl From<EpochSeconds> for Times {
    fn from(seconds: EpochSeconds) -> Self {
        let EpochSeconds { median, interval, min, max, epochs, basis } = seconds;
        Self { median, interval, min, max, epochs, timed: basis.name() }
    }
}

#[derive(Serialize)]
struct Target {
    target: String,
    reached: usize,
    tried: usize,
    median_epochs: Option<f64>,
    median_seconds: Option<f64>,
    least_seconds: Option<f64>,
    greatest_seconds: Option<f64>,
    expected_seconds: Option<f64>,
}

/// Seconds per epoch of one cell over those of another.
#[derive(Serialize)]
struct Relation<'r> {
    subject: &'r Cell,
    baseline: &'r Cell,
    comparison: Comparison,
}

#[derive(Serialize)]
struct Failure<'r> {
    cell: &'r Cell,
    seed: u64,
    outcome: &'static str,
    reason: Option<&'r str>,
    epochs: u32,
    log: Option<&'r str>,
}

/// The document.
///
/// # Errors
/// When it cannot be encoded, which is a bug.
pub fn json(record: &Record) -> Result<String, StoreError> {
    let started = &record.started;
    let plan = &started.plan;
    to_text(&Document {
        schema: SCHEMA,
        kind: "report",
        run_id: &started.run_id,
        unix_time: started.unix_time,
        command: &started.command,
        outcome: record.outcome,
        warnings: warnings(record),
        dataset: &plan.dataset,
        workloads: &plan.workloads,
        epochs: plan.epochs,
        seeds: &plan.seeds,
        noise_floor: record.noise_floor(),
        cells: summarize(record).iter().map(cell).collect(),
        comparisons: comparisons(record),
        failures: record.failures().map(failure).collect(),
        unavailable: &started.unavailable,
        notes: &started.notes,
        environment: &started.environment,
        merged: &started.merged,
    })
}

/// Indented, with a line break at its end. A number that is not finite is `null`.
pub(crate) fn to_text(document: &impl Serialize) -> Result<String, StoreError> {
    let text = serde_json::to_string_pretty(document)
        .map_err(|cause| StoreError::Render { file: "JSON", cause: cause.to_string() })?;
    Ok(text + "\n")
}

fn cell<'r>(summary: &CellSummary<'r>) -> CellDocument<'r> {
    let targets = summary.targets.iter().map(|time| Target {
        target: target_name(&time.target),
        reached: time.reached,
        tried: time.tried,
        median_epochs: time.epochs,
        median_seconds: time.seconds,
        least_seconds: time.range.map(|(least, _)| least),
        greatest_seconds: time.range.map(|(_, greatest)| greatest),
        expected_seconds: time.expected_seconds,
    });
    let library_hashes = summary.runs.iter().filter_map(|run| run.end.library_hash.as_deref());
    CellDocument {
        targets: targets.collect(),
        library_hashes: distinct(library_hashes),
        status: summary.status(),
        runs: summary.runs.len(),
        ok_runs: summary.ranked.len(),
        train_seconds: summary.train_seconds.map(Times::from),
        median_predict_seconds: summary.predict_seconds,
        train_loss: summary.train_loss,
        train_accuracy: summary.train_accuracy,
        test_accuracy: summary.test_accuracy,
        peak_rss_bytes: summary.peak_rss_bytes,
        peak_device_bytes: summary.peak_device_bytes,
        energy_joules: summary.energy_joules,
        cold_start_seconds: summary.cold_start_seconds,
        percent_of_peak: summary.percent_of_peak,
        framework: summary.framework,
        cell: summary.cell,
    }
}

fn comparisons(record: &Record) -> Vec<Relation<'_>> {
    let mut relations = Vec::new();
    for group in group(summarize(record)) {
        let relative = Relative::of(record, &group);
        for (baseline, of_baseline) in group.cells.iter().enumerate() {
            for (subject, of_subject) in group.cells.iter().enumerate() {
                let Some(comparison) = relative.get(baseline, subject) else { continue };
                relations.push(Relation {
                    subject: of_subject.cell,
                    baseline: of_baseline.cell,
                    comparison: *comparison,
                });
            }
        }
    }
    relations
}

fn failure(run: &Run) -> Failure<'_> {
    Failure {
        cell: &run.cell,
        seed: run.seed,
        outcome: run.end.outcome.name(),
        reason: run.end.reason.as_deref(),
        epochs: run.epochs.len() as u32,
        log: run.end.log.as_deref(),
    }
}
