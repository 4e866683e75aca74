//! The section on single operations: rows operations, columns cells.

use serde::Serialize;

use super::tables::{Entry, Table, columns, word};
use crate::number::{count, significant, utc};
use crate::operations::{
    OperationCell, OperationInfo, OperationResult, Operations, Rank, RunOperations, ranks,
};
use crate::record::RunOutcome;

/// What the section shows.
#[derive(Serialize)]
pub(super) struct Section {
    tables: Vec<Table>,
    /// Results that are no time, with their reasons.
    reasons: Vec<String>,
    /// What is left out of the tables, and why.
    left_out: Vec<String>,
    definitions: Vec<(String, String)>,
}

/// The section of a run that has one.
pub(super) fn section(of_run: &RunOperations) -> Section {
    let left_out = of_run.left_out.clone();
    let Some(operations) = &of_run.operations else {
        return Section { tables: Vec::new(), reasons: Vec::new(), left_out, definitions: Vec::new() };
    };
    let (plain, normed): (Vec<_>, Vec<_>) =
        operations.cells.iter().partition(|cell| cell.implementation.is_none());
    let groups = [
        ("operations-network", "Whole network and batch norm", normed),
        ("operations-layers", "Layers without batch norm", plain),
    ];
    let tables = groups
        .into_iter()
        .filter(|(_, _, cells)| !cells.is_empty())
        .map(|(id, title, cells)| table(id, title, operations, &cells))
        .collect();
    let definition = |info: &OperationInfo| (info.name.clone(), info.summary.clone());
    Section {
        tables,
        reasons: operations.cells.iter().flat_map(reasons).collect(),
        left_out,
        definitions: operations.operations.iter().map(definition).collect(),
    }
}

fn table(id: &str, title: &str, operations: &Operations, cells: &[&OperationCell]) -> Table {
    let labels: Vec<String> = cells.iter().map(|cell| cell.label()).collect();
    let mut names = vec![("Operation", false)];
    names.extend(labels.iter().map(|label| (label.as_str(), true)));
    let is_measured = |info: &&OperationInfo| cells.iter().any(|cell| cell.result(&info.name).is_some());
    let rows = operations.operations.iter().filter(is_measured).map(|info| row(operations, cells, info));
    Table {
        id: id.to_owned(),
        caption: format!("{title}: {}", caption(operations, cells)),
        columns: columns(&names),
        rows: rows.collect(),
        sortable: false,
    }
}

/// What the numbers are and when they were measured.
fn caption(operations: &Operations, cells: &[&OperationCell]) -> String {
    let mut threads: Vec<String> = cells.iter().map(|cell| count(cell.threads, "thread")).collect();
    threads.dedup();
    let times = || cells.iter().flat_map(|cell| &cell.results).map(|result| result.unix_time);
    let (first, last) = (times().reduce(f64::min), times().reduce(f64::max));
    let when = match (first.map(utc), last.map(utc)) {
        (Some(first), Some(last)) if first == last => format!(", measured {first}"),
        (Some(first), Some(last)) => format!(", measured from {first} to {last}"),
        _ => String::new(),
    };
    format!(
        "milliseconds per batch of {} [95% interval of the median], {}, on {}{when}",
        operations.batch_size,
        threads.join(" or "),
        operations.environment.cpu
    )
}

fn row(operations: &Operations, cells: &[&OperationCell], info: &OperationInfo) -> Vec<Entry> {
    let results: Vec<Option<&OperationResult>> = cells.iter().map(|cell| cell.result(&info.name)).collect();
    let times: Vec<_> = results.iter().map(|result| result.and_then(|result| result.time)).collect();
    let entries = results.iter().zip(ranks(&times)).map(|(result, rank)| entry(operations, *result, rank));
    std::iter::once(word(&info.name)).chain(entries).collect()
}

fn entry(operations: &Operations, result: Option<&OperationResult>, rank: Rank) -> Entry {
    let Some(result) = result else { return word("not measured") };
    let (RunOutcome::Ok, Some(time)) = (result.outcome, result.time) else { return word(result.status()) };
    let shown = |seconds: f64| significant(1e3 * seconds);
    let mut parts = Vec::new();
    if time.is_above_noise() {
        let (middle, low, high) = (shown(time.seconds), shown(time.low), shown(time.high));
        parts.push(format!("{middle} ms [{low}, {high}]"));
    } else if time.high > 0.0 {
        parts.push(format!("below the noise, under {} ms", shown(time.high)));
    } else {
        parts.push("below the noise".to_owned());
    }
    parts.extend(operations.gflops(result).map(|flops| format!("{} GFLOP/s", significant(flops))));
    parts.extend(rank.words().map(str::to_owned));
    word(parts.join(", "))
}

/// One line per operation without a time.
fn reasons(cell: &OperationCell) -> Vec<String> {
    let without = cell.results.iter().filter(|result| result.outcome != RunOutcome::Ok);
    let line = |result: &OperationResult| {
        let reason = result.reason.as_deref().unwrap_or("no reason was given");
        format!("{}, {}: {}: {reason}", cell.label(), result.operation, result.outcome.name())
    };
    without.map(line).collect()
}
