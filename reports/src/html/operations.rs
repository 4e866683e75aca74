//! The section on single operations: rows operations, columns cells.

use serde::Serialize;

use super::tables::{Entry, PageTable, columns, word};
use crate::number::{count, significant, utc};
use crate::operations::{OperationCell, OperationResult, Operations, Rank, RunOperations, ranks};
use crate::record::RunOutcome;

/// What the section shows.
#[derive(Serialize)]
pub(super) struct Section {
    tables: Vec<PageTable>,
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
    let [normed, plain] = operations.by_norm();
    let groups = [
        ("operations-network", "Whole network and batch norm", normed),
        ("operations-layers", "Layers without batch norm", plain),
    ];
    let tables = groups
        .into_iter()
        .filter(|(_, _, cells)| !cells.is_empty())
        .map(|(id, title, cells)| table(id, title, operations, &cells))
        .collect();
    Section {
        tables,
        reasons: operations.cells.iter().flat_map(reasons).collect(),
        left_out,
        definitions: operations.operations.iter().cloned().map(|info| (info.name, info.summary)).collect(),
    }
}

fn table(id: &str, title: &str, operations: &Operations, cells: &[&OperationCell]) -> PageTable {
    let labels: Vec<String> = cells.iter().map(|cell| cell.label()).collect();
    let mut names = vec![("Operation", false)];
    names.extend(labels.iter().map(|label| (label.as_str(), true)));
    let rows = operations.operations.iter().filter_map(|info| row(operations, cells, &info.name));
    PageTable {
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
    let times = cells.iter().flat_map(|cell| &cell.results).map(|result| result.unix_time);
    let (first, last) = (times.clone().reduce(f64::min), times.reduce(f64::max));
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

/// `None` where no cell has the operation.
fn row(operations: &Operations, cells: &[&OperationCell], name: &str) -> Option<Vec<Entry>> {
    let results: Vec<Option<&OperationResult>> = cells.iter().map(|cell| cell.result(name)).collect();
    results.iter().any(Option::is_some).then(|| {
        let times: Vec<_> = results.iter().map(|result| result.and_then(|result| result.time)).collect();
        let ranked = results.iter().zip(ranks(&times));
        let entries = ranked.map(|(result, rank)| entry(operations, *result, rank));
        std::iter::once(word(name)).chain(entries).collect()
    })
}

fn entry(operations: &Operations, result: Option<&OperationResult>, rank: Rank) -> Entry {
    let Some(result) = result else { return word("not measured") };
    let (RunOutcome::Ok, Some(time)) = (result.outcome, result.time) else { return word(result.status()) };
    let [middle, low, high] = [time.seconds, time.low, time.high].map(|seconds| significant(1e3 * seconds));
    let mut parts = vec![if time.is_above_noise() {
        format!("{middle} ms [{low}, {high}]")
    } else if time.high > 0.0 {
        format!("{}, under {high} ms", result.status())
    } else {
        result.status().to_owned()
    }];
    parts.extend(operations.gflops(result).map(|flops| format!("{} GFLOP/s", significant(flops))));
    parts.extend(rank.words().map(str::to_owned));
    word(parts.join(", "))
}

/// One line per operation without a time.
fn reasons(cell: &OperationCell) -> Vec<String> {
    let without = cell.results.iter().filter(|result| result.outcome != RunOutcome::Ok);
    without
        .map(|result| {
            let why = result.outcome.with_reason(result.reason.as_deref());
            format!("{}, {}: {why}", cell.label(), result.operation)
        })
        .collect()
}
