//! The short table at the end of `bench` and `report`.

use std::fmt::Write;

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use trainmark_reports::csv::one_line;
use trainmark_reports::record::{Metric, Run};
use trainmark_reports::summary::{CellSummary, TimeToTarget};
use trainmark_reports::warnings::warnings;
use trainmark_reports::{Record, summarize};

use crate::bench::unavailable_name;
use crate::units;

/// A line below the header is all the ruling that a few rows need.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─'));

/// What makes the numbers doubtful, then the tables.
pub(super) fn render(record: &Record) -> String {
    let warnings = warnings(record);
    let warned = warnings
        .iter()
        .map(|warning| format!("\nwarning: {}", short(&warning.to_string())))
        .collect::<String>();
    let end = if warnings.is_empty() { "" } else { "\n" };
    warned + end + &results(record)
}

/// A warning on one line; the report has all of it.
fn short(warning: &str) -> String {
    /// With `warning: ` less than 130, which no other line is longer than.
    const MOST: usize = 120;
    let line = one_line(warning);
    if line.chars().count() <= MOST { line } else { line.chars().take(MOST - 1).collect::<String>() + "…" }
}

/// The cells, fastest first within a workload, then what did not run and why.
fn results(record: &Record) -> String {
    let mut text = String::new();
    let summaries = summarize(record);
    for workload in &record.started.plan.workloads {
        let mut cells: Vec<&CellSummary> = summaries
            .iter()
            .filter(|one| one.cell.workload == workload.name && !one.ranked.is_empty())
            .collect();
        if cells.is_empty() {
            continue;
        }
        let seconds =
            |one: &CellSummary| one.train_seconds.as_ref().map_or(f64::INFINITY, |seconds| seconds.median);
        cells.sort_by(|a, b| seconds(a).total_cmp(&seconds(b)));
        let dataset = &record.started.plan.dataset.name;
        // Writing to a string does not fail.
        let _ = writeln!(text, "\n{} on {dataset}", workload.name);
        let _ = writeln!(text, "{}", table(&cells, record.started.plan.epochs));
    }
    for line in failures(record) {
        let _ = writeln!(text, "{line}");
    }
    if text.is_empty() {
        text.push_str("no run has ended\n");
    }
    text
}

/// A table with a line below its header, numbers to the right: all columns but `words`.
pub(super) fn grid(header: &[String], rows: &[Vec<String>], words: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header);
    table.add_rows(rows);
    for (index, name) in header.iter().enumerate().skip(1) {
        if let Some(column) = table.column_mut(index).filter(|_| !words.contains(&name.as_str())) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn table(cells: &[&CellSummary], epochs: u32) -> Table {
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Dynamic);
    let targets = cells.first().map(|cell| cell.targets.as_slice()).unwrap_or_default();
    let mut header = vec!["cell".to_owned(), "s/epoch".into(), "train acc".into(), "test acc".into()];
    header.extend(targets.iter().map(target_title));
    header.push("peak memory".to_owned());
    let has_device_memory = cells.iter().any(|cell| cell.peak_device_bytes.is_some());
    header.extend(has_device_memory.then(|| "device memory".to_owned()));
    header.push("runs".to_owned());
    let columns = header.len();
    table.set_header(header);
    for cell in cells {
        let percent = |value: Option<f64>| {
            value.map_or_else(|| "–".to_owned(), |value| format!("{:.1} %", 100.0 * value))
        };
        let seconds = cell
            .train_seconds
            .as_ref()
            .map_or_else(|| "–".to_owned(), |seconds| format!("{:.3}", seconds.median));
        let device = format!("{}/{}@{}", cell.cell.backend, cell.cell.implementation, cell.cell.place());
        let mut row = vec![device, seconds, percent(cell.train_accuracy), percent(cell.test_accuracy)];
        row.extend(cell.targets.iter().map(|target| target_text(target, epochs)));
        row.push(cell.peak_rss_bytes.map_or_else(|| "–".to_owned(), units::bytes));
        if has_device_memory {
            row.push(cell.peak_device_bytes.map_or_else(|| "–".to_owned(), units::bytes));
        }
        row.push(format!("{} of {}", cell.ranked.len(), cell.runs.len()));
        table.add_row(row);
    }
    for index in 1..columns {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn target_title(target: &TimeToTarget) -> String {
    let metric = match target.target.metric {
        Metric::TrainAccuracy => "train",
        Metric::TestAccuracy => "test",
    };
    format!("{metric} ≥ {:.2}", target.target.at_least)
}

fn target_text(target: &TimeToTarget, epochs: u32) -> String {
    let Some((reached, seconds)) = target.epochs.zip(target.seconds) else {
        return format!("not in {epochs}");
    };
    let plural = if reached == 1.0 { "" } else { "s" };
    let text = format!("{reached} epoch{plural}, {}", units::seconds(seconds));
    if target.reached == target.tried {
        text
    } else {
        format!("{} of {}: {text}", target.reached, target.tried)
    }
}

/// One line per run or backend that gave no numbers; repeated reasons once.
fn failures(record: &Record) -> Vec<String> {
    let mut lines = Vec::new();
    for run in record.failures() {
        lines.push(failure_line(run));
    }
    for row in &record.started.unavailable {
        lines.push(format!("{}: unavailable: {}", unavailable_name(row), row.reason));
    }
    lines
}

fn failure_line(run: &Run) -> String {
    let reason = run.end.reason.as_deref().unwrap_or("no reason was given");
    let log = run.end.log.as_deref().map(|log| format!(" (log: {log})")).unwrap_or_default();
    format!("{} seed {}: {}: {reason}{log}", run.cell, run.seed, run.end.outcome.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_one_short_line() {
        assert_eq!(short("busy\nat the start"), "busy at the start");
        let cut = short(&"×".repeat(200));
        assert_eq!((cut.chars().count(), cut.chars().last()), (120, Some('…')));
        assert_eq!(short(&"×".repeat(120)), "×".repeat(120));
    }
}
