//! trainmark's records: what a benchmark writes down, where it is kept, and how
//! it is shown. Knows neither plugins nor devices.
//!
//! [`RunStore`] appends [`record::Event`]s to a run folder, [`Record::read`]
//! reads them back, and [`write_all`] makes the CSV files and `report.html` of
//! what was read. See `docs/records.md` for every file and column.

pub mod ceiling;
pub mod comparison;
pub mod csv;
pub mod html;
pub mod index;
mod number;
pub mod operations;
pub mod record;
pub mod statistics;
pub mod store;
pub mod summary;
pub mod warnings;
pub mod words;

#[cfg(test)]
mod example;

use std::path::Path;

pub use store::{Record, Repeat, RunStore, StoreError, latest, list};
pub use summary::{CellSummary, summarize};

/// Writes `epochs.csv`, `runs.csv`, `summary.csv` and `report.html` into the run
/// folder, each by way of a temporary file, so that a reader never sees half of
/// one. Where operations were measured with the run's libraries, they are shown
/// too, and in `operations.csv`: [`operations::of_run`].
///
/// # Errors
/// [`StoreError`] naming the file that could not be written and why.
pub fn write_all(folder: &Path, record: &Record) -> Result<(), StoreError> {
    let operations = operations::of_run(folder, record)?;
    for (name, text) in csv::files(record, operations.as_ref())? {
        store::replace_file(&folder.join(name), text.as_bytes())?;
    }
    store::replace_file(&folder.join(html::FILE), html::render(record, operations.as_ref())?.as_bytes())
}
