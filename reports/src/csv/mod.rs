//! The record as CSV, one plain header line each, without comment lines:
//!
//! - `epochs.csv`: a row per cell, seed and epoch;
//! - `runs.csv`: a row per run, and per backend that cannot run here;
//! - `summary.csv`: a row per cell;
//! - `repeats.csv`: a row per epoch of the runs that were made once more, where there are any;
//! - `operations.csv`: a row per operation and cell, where any were measured.
//!
//! Seconds, bytes, and fractions of 1. An empty number does not exist, and a
//! column beside it says why. Column by column: `docs/records.md`.

use std::borrow::Cow;

use crate::operations::RunOperations;
use crate::record::Record;
use crate::store::StoreError;
use crate::summary::summarize;
use crate::table::{self, Table, Value};

/// The file of medians, which a reader opens first.
pub const SUMMARY: &str = "summary.csv";

const EPOCHS: &str = "epochs.csv";
const RUNS: &str = "runs.csv";
const REPEATS: &str = "repeats.csv";
const OPERATIONS: &str = "operations.csv";
/// Every CSV file that a run folder may have.
pub(crate) const FILES: [&str; 5] = [EPOCHS, RUNS, SUMMARY, REPEATS, OPERATIONS];

/// Name and content of every CSV file of a run folder.
///
/// # Errors
/// When a row does not fit its header, which is a bug.
pub fn files(
    record: &Record,
    of_run: Option<&RunOperations>,
) -> Result<Vec<(&'static str, String)>, StoreError> {
    let mut files = vec![(EPOCHS, epochs(record)?), (RUNS, runs(record)?), (SUMMARY, summary(record)?)];
    if record.repeats().next().is_some() {
        files.push((REPEATS, text(&table::repeats(record))?));
    }
    if let Some(operations) = of_run.and_then(|of_run| of_run.operations.as_ref()) {
        files.push((OPERATIONS, text(&table::operations(record, operations))?));
    }
    Ok(files)
}

/// `epochs.csv`.
///
/// # Errors
/// As [`files`].
pub fn epochs(record: &Record) -> Result<String, StoreError> {
    text(&table::epochs(record))
}

/// `runs.csv`.
///
/// # Errors
/// As [`files`].
pub fn runs(record: &Record) -> Result<String, StoreError> {
    text(&table::runs(record))
}

/// `summary.csv`.
///
/// # Errors
/// As [`files`].
pub fn summary(record: &Record) -> Result<String, StoreError> {
    text(&table::cells(record, &summarize(record)))
}

/// The columns that have a key.
fn text<R>(table: &Table<'_, R>) -> Result<String, StoreError> {
    written(table).map_err(|cause| StoreError::Render { file: "CSV", cause: cause.to_string() })
}

fn written<R>(table: &Table<'_, R>) -> Result<String, Box<dyn std::error::Error>> {
    let mut writer = ::csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    writer.write_record(table.columns.iter().filter_map(|column| column.key.as_deref()))?;
    for row in &table.rows {
        let columns = table.columns.iter().filter(|column| column.key.is_some());
        writer.serialize(columns.map(|column| harmless(column.value(row))).collect::<Vec<_>>())?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

/// Words that readers of CSV, such as pandas, take for a missing value; `none` they do not.
const MISSING: [&str; 12] =
    ["NA", "N/A", "n/a", "#N/A", "#NA", "<NA>", "NaN", "nan", "NULL", "null", "None", "#N/A N/A"];

/// A value as CSV may hold it. Words that a spreadsheet would compute, since they begin as a formula
/// does, or that readers would empty, begin with an apostrophe.
fn harmless(value: Value<'_>) -> Value<'_> {
    match value {
        Value::Text(text) => Value::Text(harmless_text(text)),
        other => other,
    }
}

/// Words as CSV may hold them.
pub(crate) fn harmless_text<'t>(text: impl Into<Cow<'t, str>>) -> Cow<'t, str> {
    let text = text.into();
    match text.starts_with(['=', '+', '-', '@', '\t', '\r']) || MISSING.contains(&&*text) {
        true => Cow::Owned(format!("'{text}")),
        false => text,
    }
}

#[cfg(test)]
mod tests;
