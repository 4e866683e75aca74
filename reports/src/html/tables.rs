//! The report's tables, as text and as numbers to sort by.

use serde::Serialize;

use crate::csv::runs::conformance_word;
use crate::number::{bytes, fraction, percent, ratio, seconds, significant};
use crate::record::{Cell, Metric, RunOutcome, RunRecord, Target};
use crate::store::Record;
use crate::summary::{CellSummary, Group, median, target_of_run};
use crate::words::agreement;

/// Channels that a table of batch norm's parameters shows.
const CHANNELS: usize = 16;

/// A table whose first column names the row.
#[derive(Serialize)]
pub(super) struct Table {
    pub(super) id: String,
    pub(super) caption: String,
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Vec<Entry>>,
    pub(super) sortable: bool,
}

#[derive(Serialize)]
pub(super) struct Column {
    name: String,
    numeric: bool,
}

/// A table's entry; a number sorts by `key`, a text by itself.
#[derive(Serialize)]
pub(super) struct Entry {
    text: String,
    key: Option<f64>,
}

pub(super) fn word(text: impl Into<String>) -> Entry {
    Entry { text: text.into(), key: None }
}

/// A number as shown, or why there is none.
fn number(value: Option<f64>, show: impl Fn(f64) -> String, missing: &str) -> Entry {
    match value {
        Some(value) if value.is_finite() => Entry { text: show(value), key: Some(value) },
        _ => word(missing),
    }
}

pub(super) fn columns(names: &[(&str, bool)]) -> Vec<Column> {
    names.iter().map(|&(name, numeric)| Column { name: name.to_owned(), numeric }).collect()
}

fn target_column(target: &Target) -> Column {
    let metric = match target.metric {
        Metric::TrainAccuracy => "Train",
        Metric::TestAccuracy => "Test",
    };
    Column { name: format!("{metric} ≥ {}", target.at_least), numeric: true }
}

/// Every cell with its medians.
pub(super) fn cells(record: &Record, groups: &[Group], targets: &[Target]) -> Table {
    let mut columns = columns(&[
        ("Cell", false),
        ("Workload", false),
        ("Device", false),
        ("Threads", true),
        ("Runs", false),
        ("Seconds per epoch", true),
        ("Against lowest", true),
        ("Least", true),
        ("Predict", true),
        ("Train loss", true),
        ("Train accuracy", true),
        ("Test accuracy", true),
    ]);
    columns.extend(targets.iter().map(target_column));
    columns.extend(self::columns(&[("Peak memory", true), ("Cold start", true)]));
    if has_peak(record) {
        columns.extend(self::columns(&[("Of the peak", true)]));
    }
    let rows =
        groups.iter().flat_map(|group| group.cells.iter().map(|cell| cell_row(record, group, cell, targets)));
    Table {
        id: "cells-table".to_owned(),
        caption:
            "Medians over the runs of a cell; accuracy and loss after the last epoch; targets as training \
                  seconds and how many runs reached them"
                .to_owned(),
        columns,
        rows: rows.collect(),
        sortable: true,
    }
}

/// Whether some machine's peak was measured.
fn has_peak(record: &Record) -> bool {
    let merged = record.started.merged.iter().map(|run| &run.environment);
    std::iter::once(&record.started.environment).chain(merged).any(|environment| environment.peak.is_some())
}

fn cell_row(record: &Record, group: &Group, summary: &CellSummary, targets: &[Target]) -> Vec<Entry> {
    let cell = &summary.cell;
    let missing = if summary.ok_runs == 0 { "no ok run" } else { "not measured" };
    let median_of = |summary: &CellSummary| summary.train_seconds.map(|time| time.median);
    let lowest = group.cells.iter().filter_map(median_of).reduce(f64::min);
    let against = median_of(summary).zip(lowest).map(|(median, lowest)| median / lowest);
    let mut row = vec![
        word(group.label(cell)),
        word(&cell.workload),
        word(cell.place()),
        number(Some(cell.threads as f64), |threads| format!("{threads}"), missing),
        word(crate::csv::summary::status(record, summary)),
        number(median_of(summary), seconds, missing),
        number(against, ratio, missing),
        number(summary.train_seconds.map(|time| time.min), seconds, missing),
        number(summary.predict_seconds, seconds, missing),
        number(summary.train_loss, significant, missing),
        number(summary.train_accuracy, fraction, missing),
        number(summary.test_accuracy, fraction, missing),
    ];
    row.extend(targets.iter().map(|target| {
        let Some(of_cell) = summary.targets.iter().find(|of_cell| of_cell.target == *target) else {
            return word("no target");
        };
        let runs = format!("{} of {}", of_cell.reached, of_cell.tried);
        let not =
            if of_cell.finished == 0 { "no ok run".to_owned() } else { format!("not reached ({runs})") };
        number(of_cell.seconds, |after| format!("{} ({runs})", seconds(after)), &not)
    }));
    row.push(number(summary.peak_rss_bytes.map(|peak| peak as f64), |peak| bytes(peak as u64), missing));
    row.push(number(summary.cold_start_seconds, seconds, missing));
    if has_peak(record) {
        let missing = if cell.device == "cpu" { missing } else { "not the processor" };
        row.push(number(summary.percent_of_peak, percent, missing));
    }
    row
}

/// Every run.
pub(super) fn runs(record: &Record, groups: &[Group], targets: &[Target]) -> Table {
    let mut columns = columns(&[
        ("Cell", false),
        ("Workload", false),
        ("Device", false),
        ("Seed", true),
        ("Outcome", false),
        ("Epochs", true),
        ("Training", true),
        ("Train loss", true),
        ("Train accuracy", true),
        ("Test accuracy", true),
    ]);
    columns.extend(targets.iter().map(target_column));
    columns.extend(self::columns(&[
        ("Cold start", true),
        ("Peak memory", true),
        ("CPU", true),
        ("Load before", true),
        ("Conformance", false),
    ]));
    Table {
        id: "runs-table".to_owned(),
        caption: "Every run, in the order of running; targets as epochs".to_owned(),
        columns,
        rows: record.runs.iter().map(|run| run_row(record, groups, run, targets)).collect(),
        sortable: true,
    }
}

fn run_row(record: &Record, groups: &[Group], run: &RunRecord, targets: &[Target]) -> Vec<Entry> {
    let cell = &run.cell;
    let epochs = record.epochs_of(cell, run.seed);
    let total = epochs.iter().map(|epoch| epoch.train_seconds).reduce(|a, b| a + b);
    let (missing, none) = ("not measured", "no epoch");
    let last = epochs.last();
    let of_last = |value: Option<f64>, show: fn(f64) -> String| {
        number(value, show, if last.is_none() { none } else { "not finite" })
    };
    let mut row = vec![
        word(label(groups, cell)),
        word(&cell.workload),
        word(cell.place()),
        number(Some(run.seed as f64), |_| run.seed.to_string(), missing),
        word(run.outcome.name()),
        number(Some(f64::from(run.epochs)), |epochs| format!("{epochs}"), missing),
        number(total, seconds, none),
        of_last(last.and_then(|epoch| epoch.train_loss), significant),
        of_last(last.and_then(|epoch| epoch.train_accuracy), fraction),
        of_last(last.and_then(|epoch| epoch.test_accuracy), fraction),
    ];
    row.extend(targets.iter().map(|&target| {
        let epochs = target_of_run(record, run, target).epochs.map(f64::from);
        number(epochs, |epochs| format!("{epochs}"), "not reached")
    }));
    row.extend([
        number(run.cold_start_seconds, seconds, missing),
        number(run.peak_rss_bytes.map(|peak| peak as f64), |peak| bytes(peak as u64), missing),
        number(run.cpu_seconds, seconds, missing),
        number(run.load_average, |load| format!("{load:.2}"), missing),
        word(conformance_word(run.conformance.as_ref())),
    ]);
    row
}

fn label(groups: &[Group], cell: &Cell) -> String {
    let group = groups.iter().find(|group| group.holds(cell));
    group.map_or_else(|| cell.to_string(), |group| group.label(cell))
}

/// What the first batch norm of a group learned: γ, β, and how far cells agree.
#[derive(Serialize)]
pub(super) struct BatchNorm {
    title: String,
    agreements: Vec<String>,
    tables: Vec<Table>,
}

/// The groups that have a batch norm.
pub(super) fn batch_norms(record: &Record, groups: &[Group]) -> Vec<BatchNorm> {
    groups.iter().enumerate().filter_map(|(index, group)| batch_norm(record, group, index)).collect()
}

fn batch_norm(record: &Record, group: &Group, index: usize) -> Option<BatchNorm> {
    let mut agreements = Vec::new();
    let mut tables = Vec::new();
    for (name, symbol, gamma) in [("Scale", "γ", true), ("Shift", "β", false)] {
        let mut rows = Vec::new();
        let mut medians = Vec::new();
        for summary in &group.cells {
            let values = learned(record, &summary.cell, gamma);
            if !values.is_empty() {
                medians.push(values.iter().map(|seeds| median(seeds.iter().copied())).collect::<Vec<_>>());
                rows.push(
                    std::iter::once(word(group.label(&summary.cell)))
                        .chain(values.iter().map(|seeds| spread(seeds)))
                        .collect::<Vec<_>>(),
                );
            }
        }
        let channels = medians.iter().map(Vec::len).max()?;
        let shown = channels.min(CHANNELS);
        for row in &mut rows {
            row.resize_with(shown + 1, || word("no channel"));
        }
        agreements.extend(agreement(symbol, &medians));
        let of_all = if shown < channels {
            format!("; the first {shown} of {channels} channels")
        } else {
            String::new()
        };
        let names = (1..=shown).map(|channel| Column { name: format!("Channel {channel}"), numeric: true });
        tables.push(Table {
            id: format!("batch-norm-{index}-{}", if gamma { "gamma" } else { "beta" }),
            caption: format!("{name} {symbol} per channel: median over seeds [least, greatest]{of_all}"),
            columns: columns(&[("Cell", false)]).into_iter().chain(names).collect(),
            rows,
            sortable: false,
        });
    }
    Some(BatchNorm { title: format!("{} on {}", group.workload, group.device), agreements, tables })
}

/// Per channel the values of all seeds, of runs that trained all their epochs.
fn learned(record: &Record, cell: &Cell, gamma: bool) -> Vec<Vec<f64>> {
    let mut channels: Vec<Vec<f64>> = Vec::new();
    for run in record.runs_of(cell).filter(|run| run.outcome == RunOutcome::Ok) {
        let Some(batch_norm) = &run.first_batch_norm else { continue };
        let values = if gamma { &batch_norm.gamma } else { &batch_norm.beta };
        channels.resize_with(channels.len().max(values.len()), Vec::new);
        for (channel, value) in channels.iter_mut().zip(values) {
            channel.push(f64::from(*value));
        }
    }
    channels
}

fn spread(seeds: &[f64]) -> Entry {
    if seeds.iter().any(|value| !value.is_finite()) {
        return word("not finite");
    }
    let (low, high) = (seeds.iter().copied().reduce(f64::min), seeds.iter().copied().reduce(f64::max));
    let shown = |value: f64| format!("{value:.3}");
    match (median(seeds.iter().copied()), low, high) {
        (Some(middle), Some(low), Some(high)) if low < high => {
            word(format!("{} [{}, {}]", shown(middle), shown(low), shown(high)))
        }
        (Some(middle), ..) => word(shown(middle)),
        _ => word("not recorded"),
    }
}
