//! A record as one JSON document: everything of `summary.csv`, with intervals,
//! comparisons, and what is needed to judge them.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::paired::{BuildDocument, NoiseFloor, Relative, build_pairs};
use crate::record::{
    Cell, DatasetInfo, Environment, Framework, MergedRun, Note, Outcome, Record, Role, Run, Unavailable,
    WorkloadInfo, distinct,
};
use crate::statistics::{Comparison, Interval};
use crate::store::StoreError;
use crate::summary::{EpochSeconds, Group, TimeToTarget, group, summarize};
use crate::sweep::{self, Picture};
use crate::table::{self, CellRow, Column, Value};
use crate::warnings::{Warning, warnings};
use crate::words::Headline;

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
    headline: Headline,
    warnings: Vec<Warning>,
    dataset: &'r DatasetInfo,
    workloads: &'r [WorkloadInfo],
    epochs: u32,
    seeds: &'r [u64],
    noise_floor: Option<NoiseFloor>,
    cells: Vec<CellDocument<'r>>,
    comparisons: Vec<Relation<'r>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    builds: Vec<BuildDocument<'r>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sweeps: Vec<Picture>,
    failures: Vec<Failure<'r>>,
    unavailable: &'r [Unavailable],
    notes: &'r [Note],
    roles: &'r BTreeMap<String, Role>,
    frameworks: &'r BTreeMap<String, Framework>,
    environment: &'r Environment,
    merged: &'r [MergedRun],
}

#[derive(Serialize)]
struct CellDocument<'r> {
    cell: &'r Cell,
    #[serde(flatten)]
    columns: Keyed<'r>,
    train_seconds: Option<Times>,
    targets: Vec<Target>,
    library_hashes: Vec<&'r str>,
}

/// The columns of a cell that have a key, in their order.
struct Keyed<'r>(Vec<(&'r str, Value<'r>)>);

impl Serialize for Keyed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
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
    let summaries = summarize(record);
    let cells = table::cells(record, &summaries);
    let groups = group(summaries.clone());
    to_text(&Document {
        schema: SCHEMA,
        kind: "report",
        run_id: &started.run_id,
        unix_time: started.unix_time,
        command: &started.command,
        outcome: record.outcome,
        headline: Headline::of(record, &groups),
        warnings: warnings(record),
        dataset: &plan.dataset,
        workloads: &plan.workloads,
        epochs: plan.epochs,
        seeds: &plan.seeds,
        noise_floor: record.noise_floor(),
        cells: cells.rows.iter().map(|row| cell(&cells.columns, row)).collect(),
        comparisons: comparisons(record, &groups),
        builds: build_pairs(record, &groups).iter().map(BuildDocument::from).collect(),
        sweeps: sweep::all_pictures(record, &groups),
        failures: record.failures().map(failure).collect(),
        unavailable: &started.unavailable,
        notes: &started.notes,
        roles: &started.roles,
        frameworks: &started.frameworks,
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

fn cell<'t, 'r: 't>(columns: &'t [Column<'r, CellRow<'r>>], row: &CellRow<'r>) -> CellDocument<'t> {
    let summary = row.summary;
    let keyed = columns.iter().filter(|column| column.is_in_json);
    CellDocument {
        cell: summary.cell,
        columns: Keyed(
            keyed.filter_map(|column| Some((column.key.as_deref()?, column.value(row)))).collect(),
        ),
        train_seconds: summary.train_seconds.map(Times::from),
        targets: summary.targets.iter().map(Target::from).collect(),
        library_hashes: distinct(summary.runs.iter().filter_map(|run| run.end.library_hash.as_deref())),
    }
}

impl From<&TimeToTarget> for Target {
    fn from(time: &TimeToTarget) -> Self {
        Self {
            target: time.target.key(),
            reached: time.reached,
            tried: time.tried,
            median_epochs: time.epochs,
            median_seconds: time.seconds,
            least_seconds: time.range.map(|(least, _)| least),
            greatest_seconds: time.range.map(|(_, greatest)| greatest),
            expected_seconds: time.expected_seconds,
        }
    }
}

fn comparisons<'r>(record: &'r Record, groups: &[Group<'r>]) -> Vec<Relation<'r>> {
    let mut relations = Vec::new();
    for group in groups {
        let relative = Relative::of(record, group);
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
