//! The record as CSV, one plain header line each, without comment lines:
//!
//! - `epochs.csv`: a row per cell, seed and epoch ([`epochs`]);
//! - `runs.csv`: a row per run, and per backend that cannot run here ([`runs`]);
//! - `summary.csv`: a row per cell ([`summary`]);
//! - `repeats.csv`: a row per epoch of the runs that were made once more ([`repeats`]), where
//!   there are any;
//! - `operations.csv`: a row per operation and cell ([`operations`]), where any were
//!   measured.
//!
//! Seconds, bytes, and fractions of 1. An empty number does not exist, and a
//! column beside it says why. Column by column: `docs/records.md`.

pub mod epochs;
pub mod operations;
pub mod repeats;
pub mod runs;
pub mod summary;

use serde::Serialize;

use crate::operations::RunOperations;
use crate::record::{Metric, Record, Target};
use crate::store::StoreError;

/// Name and content of every CSV file of a run folder.
///
/// # Errors
/// When a row does not fit its header, which is a bug.
pub fn files(
    record: &Record,
    of_run: Option<&RunOperations>,
) -> Result<Vec<(&'static str, String)>, StoreError> {
    let mut files = vec![
        (epochs::FILE, epochs::text(record)?),
        (runs::FILE, runs::text(record)?),
        (summary::FILE, summary::text(record)?),
    ];
    if record.repeats().next().is_some() {
        files.push((repeats::FILE, repeats::text(record)?));
    }
    if let Some(operations) = of_run.and_then(|of_run| of_run.operations.as_ref()) {
        files.push((operations::FILE, operations::text(record, operations)?));
    }
    Ok(files)
}

/// `train_accuracy_0.88`: a target as part of a column's name.
pub fn target_name(target: &Target) -> String {
    let metric = match target.metric {
        Metric::TrainAccuracy => "train_accuracy",
        Metric::TestAccuracy => "test_accuracy",
    };
    format!("{metric}_{}", target.at_least)
}

/// What every row begins with.
#[derive(Serialize)]
struct Origin<'a> {
    schema: u32,
    run_id: &'a str,
}

impl<'a> Origin<'a> {
    fn of(record: &'a Record) -> Self {
        Self { schema: record.started.schema, run_id: &record.started.run_id }
    }
}

/// Header and rows as CSV. Rows may nest; their fields are written flat.
fn table<R: Serialize>(
    file: &'static str,
    header: &[String],
    rows: impl IntoIterator<Item = R>,
) -> Result<String, StoreError> {
    let fail = |cause: &dyn std::fmt::Display| StoreError::Render { file, cause: cause.to_string() };
    let mut writer = ::csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    writer.write_record(header).map_err(|cause| fail(&cause))?;
    for row in rows {
        writer.serialize(row).map_err(|cause| fail(&cause))?;
    }
    let bytes = writer.into_inner().map_err(|cause| fail(&cause))?;
    String::from_utf8(bytes).map_err(|cause| fail(&cause))
}

/// Text on one line: control characters and line breaks become spaces.
pub fn one_line(text: &str) -> String {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    text.split(breaks).map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// A number that exists.
fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests;
