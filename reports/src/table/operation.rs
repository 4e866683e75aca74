//! Single operations: one row per cell and operation.

use super::identity::{Identified, origin};
use super::{Column, Table, Value};
use crate::number::{seconds, significant};
use crate::operations::{OperationCell, OperationResult, Operations};
use crate::record::{Cell, Record};

type Of<'a> = Column<'a, OperationRow<'a>>;

/// An operation in a cell.
pub(crate) struct OperationRow<'a> {
    record: &'a Record,
    operations: &'a Operations,
    cell: &'a OperationCell,
    result: &'a OperationResult,
}

pub(crate) fn operations<'a>(record: &'a Record, operations: &'a Operations) -> Table<'a, OperationRow<'a>> {
    let rows = operations.cells.iter().flat_map(|cell| {
        cell.results.iter().map(move |result| OperationRow { record, operations, cell, result })
    });
    Table { columns: columns(), rows: rows.collect() }
}

fn columns<'a>() -> Vec<Of<'a>> {
    let mut columns = origin();
    columns.extend([
        Of::new("backend", |row| Value::text(&row.cell.backend)),
        Of::new("framework", |row| Value::text(&row.cell.framework)),
        Of::new("implementation", |row| Value::text(&row.cell.implementation)),
        Of::new("device", |row| Value::text(&row.cell.device)),
        Of::new("threads", |row| Value::count(row.cell.threads)),
        Of::new("operation", |row| Value::text(&row.result.operation)),
        Of::new("batch_size", |row| Value::count(row.operations.batch_size)),
        Of::new("status", |row| Value::text(row.result.status())),
        Of::new("reason", |row| Value::line(row.result.reason.as_deref())),
        Of::new("median_seconds", |row| Value::number(row.result.time.map(|time| time.seconds), seconds)),
        Of::new("low_seconds", |row| Value::number(row.result.time.map(|time| time.low), seconds)),
        Of::new("high_seconds", |row| Value::number(row.result.time.map(|time| time.high), seconds)),
        Of::new("samples", |row| Value::count(row.result.time.map_or(0, |time| time.samples))),
        Of::new("multiply_adds", |row| {
            let info = row.operations.operations.iter().find(|info| info.name == row.result.operation);
            Value::whole(info.and_then(|info| info.multiply_adds), |adds| adds.to_string())
        }),
        Of::new("unix_time", |row| Value::number(Some(row.result.unix_time), significant)),
        Of::new("library_hash", |row| Value::text(&row.cell.library_hash)),
    ]);
    columns
}

impl<'a> Identified<'a> for OperationRow<'a> {
    fn record(&self) -> &'a Record {
        self.record
    }

    fn cell(&self) -> Option<&'a Cell> {
        None
    }
}
