//! The report's tables, as text and as numbers to sort by.

use serde::Serialize;

use crate::csv::runs::conformance_word;
use crate::number::{bytes, fraction, percent, ratio, seconds, significant};
use crate::record::{Cell, Metric, Record, Run, Target};
use crate::summary::{CellSummary, Group};
use crate::words::bracket;

/// A table whose first column names the row.
#[derive(Serialize)]
pub(super) struct Table {
    pub(super) id: String,
    pub(super) caption: String,
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Vec<Entry>>,
    pub(super) sortable: bool,
}

impl Table {
    /// A column that says the same in every row says it in the caption instead.
    fn move_constants_to_caption(&mut self, names: &[&str]) {
        for name in names {
            let Some(index) = self.columns.iter().position(|column| column.name == *name) else { continue };
            let Some(text) = self.rows.first().map(|row| row[index].text.clone()) else { continue };
            if self.rows.iter().all(|row| row[index].text == text) {
                self.columns.remove(index);
                for row in &mut self.rows {
                    row.remove(index);
                }
                self.caption += &format!("; {} {text}", name.to_lowercase());
            }
        }
    }

    fn set_extra(&mut self, names: &[&str]) {
        for column in &mut self.columns {
            column.extra = names.contains(&column.name.as_str());
        }
    }
}

#[derive(Serialize)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) numeric: bool,
    /// Hidden until the reader asks for all columns.
    pub(super) extra: bool,
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
    names.iter().map(|&(name, numeric)| Column { name: name.to_owned(), numeric, extra: false }).collect()
}

fn target_column(target: &Target) -> Column {
    let metric = match target.metric {
        Metric::TrainAccuracy => "Train",
        Metric::TestAccuracy => "Test",
    };
    Column { name: format!("{metric} ≥ {}", target.at_least), numeric: true, extra: false }
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
        ("Median against lowest", true),
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
    if has_gpu(record) {
        columns.extend(self::columns(&GPU_COLUMNS));
    }
    let rows =
        groups.iter().flat_map(|group| group.cells.iter().map(|cell| cell_row(record, group, cell, targets)));
    let mut table = Table {
        id: "cells-table".to_owned(),
        caption:
            "Medians over the runs of a cell, which the ratios beside them are of, and in brackets its own 95% \
             intervals; accuracy and loss after the last \
             epoch; targets as training seconds and how many runs reached them"
                .to_owned(),
        columns,
        rows: rows.collect(),
        sortable: true,
    };
    table.move_constants_to_caption(&["Workload", "Device", "Threads"]);
    table.set_extra(&["Least", "Predict", "Train loss", "Train accuracy"]);
    table
}

/// Whether some machine's peak was measured.
fn has_peak(record: &Record) -> bool {
    record.started.environments().any(|environment| environment.peak.is_some())
}

const GPU_COLUMNS: [(&str, bool); 2] = [("Peak device memory", true), ("Energy", true)];
const NO_DEVICE: &str = "on the CPU";

/// Whether some run tells of a graphics processor.
fn has_gpu(record: &Record) -> bool {
    record.samples().any(|run| run.end.gpu.is_some())
}

/// The entries of [`GPU_COLUMNS`].
fn gpu_entries(memory: Option<u64>, energy: Option<f64>, missing: &str) -> [Entry; 2] {
    [
        number(memory.map(|memory| memory as f64), |memory| bytes(memory as u64), missing),
        number(energy, |joules| format!("{} J", significant(joules)), missing),
    ]
}

fn cell_row(record: &Record, group: &Group, summary: &CellSummary, targets: &[Target]) -> Vec<Entry> {
    let cell = &summary.cell;
    let missing = summary.without_numbers().unwrap_or("not measured");
    let median_of = |summary: &CellSummary| summary.train_seconds.map(|time| time.median);
    let lowest = group.cells.iter().filter_map(median_of).reduce(f64::min);
    let against = median_of(summary).zip(lowest).map(|(median, lowest)| median / lowest);
    let mut row = vec![
        word(group.label(cell)),
        word(&cell.workload),
        word(cell.place()),
        number(Some(cell.threads as f64), |threads| format!("{threads}"), missing),
        word(summary.status()),
        number(
            median_of(summary),
            |median| {
                let interval = summary.train_seconds.and_then(|time| time.interval);
                format!("{}{}", seconds(median), bracket(interval, significant))
            },
            missing,
        ),
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
        let not = summary.without_numbers().map_or_else(|| format!("not reached ({runs})"), str::to_owned);
        number(of_cell.seconds, |after| format!("{} ({runs})", seconds(after)), &not)
    }));
    row.push(number(summary.peak_rss_bytes.map(|peak| peak as f64), |peak| bytes(peak as u64), missing));
    row.push(number(summary.cold_start_seconds, seconds, missing));
    if has_peak(record) {
        let missing = if cell.device.is_cpu() { missing } else { "not the processor" };
        row.push(number(summary.percent_of_peak, percent, missing));
    }
    if has_gpu(record) {
        let missing = if cell.device.is_cpu() { NO_DEVICE } else { missing };
        row.extend(gpu_entries(summary.peak_device_bytes, summary.energy_joules, missing));
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
    if has_gpu(record) {
        columns.extend(self::columns(&GPU_COLUMNS));
        columns.extend(self::columns(&[("Temperature before", true), ("Throttled by", false)]));
    }
    let mut table = Table {
        id: "runs-table".to_owned(),
        caption: "Every run, in the order of running; targets as epochs".to_owned(),
        columns,
        rows: record.samples().map(|run| run_row(record, groups, run, targets)).collect(),
        sortable: true,
    };
    table.move_constants_to_caption(&["Workload", "Device"]);
    table.set_extra(&["Train accuracy", "CPU", "Load before"]);
    table
}

fn run_row(record: &Record, groups: &[Group], run: &Run, targets: &[Target]) -> Vec<Entry> {
    let (cell, end) = (&run.cell, &run.end);
    let (missing, none) = ("not measured", "no epoch");
    let last = run.epochs.last();
    let of_last = |value: Option<f64>, show: fn(f64) -> String| {
        number(value, show, if last.is_none() { none } else { "not finite" })
    };
    let mut row = vec![
        word(label(groups, cell)),
        word(&cell.workload),
        word(cell.place()),
        number(Some(run.seed as f64), |_| run.seed.to_string(), missing),
        word(end.outcome.name()),
        number(Some(run.epochs.len() as f64), |epochs| format!("{epochs}"), missing),
        number(run.train_seconds(), seconds, none),
        of_last(last.and_then(|epoch| epoch.train_loss), significant),
        of_last(last.and_then(|epoch| epoch.train_accuracy), fraction),
        of_last(last.and_then(|epoch| epoch.test_accuracy), fraction),
    ];
    row.extend(targets.iter().map(|&target| {
        let epochs = run.reached(target).map(|(epoch, _)| f64::from(epoch));
        number(epochs, |epochs| format!("{epochs}"), "not reached")
    }));
    row.extend([
        number(run.cold_start_seconds(), seconds, missing),
        number(end.peak_rss_bytes.map(|peak| peak as f64), |peak| bytes(peak as u64), missing),
        number(end.cpu_seconds, seconds, missing),
        number(run.load_average(), |load| format!("{load:.2}"), missing),
        word(conformance_word(end.conformance.as_ref())),
    ]);
    if has_gpu(record) {
        let missing = if cell.device.is_cpu() { NO_DEVICE } else { missing };
        let used = end.gpu.clone().unwrap_or_default();
        row.extend(gpu_entries(used.peak_memory_bytes, used.energy_joules, missing));
        let temperature = used.temperature_celsius.map(f64::from);
        row.push(number(temperature, |celsius| format!("{celsius} °C"), missing));
        row.push(word(used.throttle_words().unwrap_or_else(|| missing.to_owned())));
    }
    row
}

fn label(groups: &[Group], cell: &Cell) -> String {
    let group = groups.iter().find(|group| group.holds(cell));
    group.map_or_else(|| cell.to_string(), |group| group.label(cell))
}
