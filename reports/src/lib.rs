//! trainmark's records: what a benchmark writes down, where it is kept, and how
//! it is shown. It loads no plugin and opens no device; of devices and batch norm it knows the
//! names that decide ([`record::Device`], [`record::Implementation`]), of machines what a record
//! tells of them.
//!
//! [`RunStore`] appends [`record::Event`]s to a run folder, [`Record::read`]
//! reads them back, and [`write_all`] makes the CSV files and `report.html` of
//! what was read. See `docs/records.md` for every file and column.

pub mod ceiling;
pub mod collection;
pub mod compare;
pub mod csv;
pub mod files;
pub mod formats;
pub mod history;
pub mod html;
pub mod index;
mod lock;
pub mod merge;
mod number;
pub mod operations;
pub mod paired;
pub mod record;
pub mod shell;
pub mod site;
pub mod store;
pub mod submission;
pub mod summary;
pub mod sweep;
mod table;
pub mod text;
mod threads;
pub mod warnings;
pub mod words;

#[cfg(test)]
mod example;

use std::path::Path;

pub use collection::{CollectedRun, Collection, Disputed};
pub use lock::{Locked, lock};
pub use record::Record;
pub use store::{EVENTS_FILE, RunStore, StoreError, latest, list};
pub use summary::{CellSummary, summarize};
pub use trainmark_statistics as statistics;
use words::Progress;

/// Writes the files of [`write_all`] while the benchmark runs: the page says that it is unfinished,
/// and what is still to come.
///
/// # Errors
/// As [`write_all`].
pub fn write_so_far(folder: &Path, record: &Record, progress: &Progress) -> Result<(), StoreError> {
    write_csv(folder, record)?;
    write_page(folder, record, Some(progress))
}

/// Writes [`write_csv`]'s and [`write_html`]'s files.
///
/// # Errors
/// As both.
pub fn write_all(folder: &Path, record: &Record) -> Result<(), StoreError> {
    write_csv(folder, record)?;
    write_html(folder, record)
}

/// Writes `epochs.csv`, `runs.csv` and `summary.csv` into the run folder, each by way of
/// a temporary file, so that a reader never sees half of one. Where operations were
/// measured with the run's libraries, they are in `operations.csv`: [`operations::of_run`].
///
/// # Errors
/// [`StoreError`] naming the file that could not be written and why.
pub fn write_csv(folder: &Path, record: &Record) -> Result<(), StoreError> {
    let operations = operations::of_run(folder, record)?;
    for (name, text) in csv::files(record, operations.as_ref())? {
        store::replace_file(&folder.join(name), text.as_bytes())?;
    }
    Ok(())
}

/// Writes `report.html` into the run folder in the same way.
///
/// # Errors
/// As [`write_csv`].
pub fn write_html(folder: &Path, record: &Record) -> Result<(), StoreError> {
    write_page(folder, record, None)
}

fn write_page(folder: &Path, record: &Record, progress: Option<&Progress>) -> Result<(), StoreError> {
    let operations = operations::of_run(folder, record)?;
    let page = html::render_so_far(record, operations.as_ref(), progress)?;
    store::replace_file(&folder.join(html::FILE), page.as_bytes())
}
