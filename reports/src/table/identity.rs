//! The columns that say what a row is of.

use super::Showing::WhereDifferent;
use super::{Column, Value};
use crate::record::{Cell, Record};

/// A row of which the columns of identity can say what it is of.
pub(super) trait Identified<'a> {
    fn record(&self) -> &'a Record;

    /// Its cell, where it is of one.
    fn cell(&self) -> Option<&'a Cell>;

    fn framework(&self) -> Option<&'a str> {
        None
    }

    fn backend(&self) -> Option<&'a str> {
        self.cell().map(|cell| &*cell.backend)
    }

    fn device(&self) -> Option<&'a str> {
        self.cell().map(|cell| &*cell.device)
    }
}

/// What every row begins with.
pub(super) fn origin<'a, R: Identified<'a>>() -> Vec<Column<'a, R>> {
    vec![
        Column::new("schema", |row: &R| Value::count(row.record().started.schema as usize)).only_csv(),
        Column::new("run_id", |row: &R| Value::text(&row.record().started.run_id)).only_csv(),
    ]
}

/// The cell of a row, but for its machine, which comes last.
pub(super) fn identity<'a, R: Identified<'a>>() -> Vec<Column<'a, R>> {
    let mut columns = origin();
    columns.extend([
        Column::new("workload", |row: &R| Value::any(row.cell().map(|cell| &*cell.workload)))
            .only_csv()
            .page("Workload")
            .words()
            .showing(WhereDifferent),
        Column::new("dataset", |row: &R| Value::text(&row.record().started.plan.dataset.name)).only_csv(),
        Column::new("backend", |row: &R| Value::any(row.backend())).only_csv(),
        Column::new("framework", |row: &R| Value::any(row.framework())),
        Column::new("implementation", |row: &R| Value::any(row.cell().map(|cell| &*cell.implementation)))
            .only_csv(),
        Column::new("device", |row: &R| Value::any(row.device())).only_csv(),
        Column::shown(|row: &R| row.cell().map(Cell::place).unwrap_or_default().into())
            .page("Device")
            .words()
            .showing(WhereDifferent),
        Column::new("threads", |row: &R| threads(row)).only_csv(),
    ]);
    columns
}

pub(super) fn threads<'a, R: Identified<'a>>(row: &R) -> Value<'a> {
    row.cell().map_or(Value::Absent(""), |cell| Value::count(cell.threads))
}

/// The last column of a row that may be of a cell.
pub(super) fn machine<'a, R: Identified<'a>>() -> Column<'a, R> {
    Column::new("machine", |row: &R| Value::any(row.cell().and_then(|cell| cell.machine.as_deref())))
        .only_csv()
}
