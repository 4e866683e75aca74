//! `operations.csv`: one row per cell and operation.

use serde::Serialize;

use super::{Origin, finite, one_line, table};
use crate::operations::{OperationCell, OperationResult, Operations};
use crate::record::Record;
use crate::store::StoreError;

/// Its name in a run folder.
pub const FILE: &str = "operations.csv";

/// Its columns.
pub const COLUMNS: [&str; 18] = [
    "schema",
    "run_id",
    "backend",
    "framework",
    "implementation",
    "device",
    "threads",
    "operation",
    "batch_size",
    "status",
    "reason",
    "median_seconds",
    "low_seconds",
    "high_seconds",
    "samples",
    "multiply_adds",
    "unix_time",
    "library_hash",
];

#[derive(Serialize)]
struct Row<'a> {
    origin: Origin<'a>,
    backend: &'a str,
    framework: &'a str,
    implementation: &'a str,
    device: &'a str,
    threads: usize,
    operation: &'a str,
    batch_size: usize,
    status: &'static str,
    reason: String,
    median_seconds: Option<f64>,
    low_seconds: Option<f64>,
    high_seconds: Option<f64>,
    samples: usize,
    multiply_adds: Option<u64>,
    unix_time: Option<f64>,
    library_hash: &'a str,
}

/// The file's content.
///
/// # Errors
/// When a row does not fit the header, which is a bug.
pub fn text(record: &Record, operations: &Operations) -> Result<String, StoreError> {
    let rows = operations
        .cells
        .iter()
        .flat_map(|cell| cell.results.iter().map(move |result| row(record, operations, cell, result)));
    table(FILE, &COLUMNS.map(str::to_owned), rows)
}

fn row<'a>(
    record: &'a Record,
    operations: &Operations,
    cell: &'a OperationCell,
    result: &'a OperationResult,
) -> Row<'a> {
    let info = operations.operations.iter().find(|info| info.name == result.operation);
    Row {
        origin: Origin::of(record),
        backend: &cell.backend,
        framework: &cell.framework,
        implementation: &cell.implementation,
        device: &cell.device,
        threads: cell.threads,
        operation: &result.operation,
        batch_size: operations.batch_size,
        status: result.status(),
        reason: result.reason.as_deref().map(one_line).unwrap_or_default(),
        median_seconds: finite(result.time.map(|time| time.seconds)),
        low_seconds: finite(result.time.map(|time| time.low)),
        high_seconds: finite(result.time.map(|time| time.high)),
        samples: result.time.map_or(0, |time| time.samples),
        multiply_adds: info.and_then(|info| info.multiply_adds),
        unix_time: finite(Some(result.unix_time)),
        library_hash: &cell.library_hash,
    }
}
