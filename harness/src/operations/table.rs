//! The operations as a table in the terminal; rates and intervals are in the report.

use std::fmt::Write as _;

use trainmark_reports::formats::Grid;
use trainmark_reports::operations::{OperationCell, OperationResult, OperationTime, Operations, ranks};
use trainmark_reports::record::RunOutcome;

use crate::grid;

/// Rows operations, columns cells; then why some have no time.
pub fn render(operations: &Operations) -> String {
    let mut text = String::new();
    for cells in operations.by_norm().iter().filter(|cells| !cells.is_empty()) {
        // Writing to a string does not fail.
        let _ = writeln!(text, "\n{}", table(operations, cells));
    }
    for cell in &operations.cells {
        for result in cell.results.iter().filter(|result| result.outcome != RunOutcome::Ok) {
            let _ = writeln!(text, "{}", line(cell, result));
        }
    }
    text
}

/// `candle builtin, train_step: 20.123 ms`, or why there is no time.
pub fn line(cell: &OperationCell, result: &OperationResult) -> String {
    let what = match &result.reason {
        Some(reason) => result.outcome.with_reason(Some(reason)),
        None if result.time.is_some() => format!("{} ms", entry(result)),
        None => result.status().to_owned(),
    };
    format!("{}, {}: {what}", cell.label(), result.operation)
}

fn table(operations: &Operations, cells: &[&OperationCell]) -> String {
    let mut header = vec![format!("ms per batch of {}", operations.batch_size)];
    // On two lines: there may be many cells.
    header.extend(cells.iter().map(|cell| cell.label().replacen(' ', "\n", 1)));
    header.push("fastest".to_owned());
    let rows = operations.operations.iter().filter_map(|info| row(cells, &info.name));
    grid::drawn(&Grid { title: String::new(), header, rows: rows.collect() }, &["fastest"])
}

/// `None` where no cell has the operation.
fn row(cells: &[&OperationCell], name: &str) -> Option<Vec<String>> {
    let results: Vec<Option<&OperationResult>> = cells.iter().map(|cell| cell.result(name)).collect();
    results.iter().any(Option::is_some).then(|| {
        let entries = results.iter().map(|result| result.map_or_else(|| "–".to_owned(), entry));
        let entries = entries.map(|entry| entry.replacen(", ", ",\n", 1));
        std::iter::once(name.to_owned()).chain(entries).chain([fastest(cells, &results)]).collect()
    })
}

fn entry(result: &OperationResult) -> String {
    match result.time.filter(|_| result.outcome == RunOutcome::Ok) {
        Some(time) if time.is_above_noise() => milliseconds(time.seconds),
        Some(time) if time.high > 0.0 => format!("{}, under {}", result.status(), milliseconds(time.high)),
        _ => result.status().to_owned(),
    }
}

fn milliseconds(seconds: f64) -> String {
    format!("{:.3}", 1e3 * seconds)
}

/// The cells that no other is shown to beat; nothing where there is one alone.
fn fastest(cells: &[&OperationCell], results: &[Option<&OperationResult>]) -> String {
    let times: Vec<Option<OperationTime>> =
        results.iter().map(|result| result.and_then(|result| result.time)).collect();
    let first = cells.iter().zip(ranks(&times)).filter(|(_, rank)| rank.words().is_some());
    let labels: Vec<String> = first.map(|(cell, _)| cell.label()).collect();
    match labels.len() {
        0..=2 => labels.join(" or "),
        more => format!("none clear of {more}"),
    }
}

#[cfg(test)]
mod tests {
    use trainmark_reports::record::Environment;

    use super::*;

    fn cell(backend: &str, implementation: &str, results: Vec<OperationResult>) -> OperationCell {
        OperationCell {
            backend: backend.to_owned(),
            implementation: implementation.into(),
            device: trainmark_reports::record::Device::cpu(),
            threads: 2,
            framework: "framework".to_owned(),
            library_hash: "hash".to_owned(),
            results,
        }
    }

    fn result(operation: &str, milliseconds: Option<f64>) -> OperationResult {
        let time = milliseconds.map(|time| OperationTime {
            seconds: time / 1e3,
            low: (time - 1.0) / 1e3,
            high: (time + 1.0) / 1e3,
            samples: 10,
        });
        let outcome = if time.is_some() { RunOutcome::Ok } else { RunOutcome::Unsupported };
        let reason = time.is_none().then(|| "open: no convolution".to_owned());
        OperationResult { operation: operation.to_owned(), outcome, reason, time, unix_time: 0.0 }
    }

    #[test]
    fn times_rates_and_reasons_are_told() {
        let mut operations =
            Operations::new(Environment::default(), 256, crate::operations::infos(&[]).unwrap());
        operations.cells = vec![
            cell("a", "none", vec![result("conv1", Some(4.0)), result("pool1", Some(0.5))]),
            cell("a", "builtin", vec![result("train_step", Some(20.0))]),
            cell("b", "none", vec![result("conv1", None), result("pool1", Some(0.75))]),
            cell("b", "builtin", vec![result("train_step", Some(10.0))]),
        ];
        insta::assert_snapshot!(render(&operations));
    }
}
