//! The forms in which a run is reported on: files in its folder, and documents for other
//! programs and places than a browser, such as Markdown for a pull request and JSON for a
//! script. A new one is a file here and a line in [`FORMATS`].

mod dashboard;
mod grid;
pub mod json;
pub mod markdown;

use std::path::Path;

pub use grid::Grid;

use crate::record::Record;
use crate::store::StoreError;
use crate::{csv, html};

/// A form in which a run is reported on.
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// What a reader asks for it by.
    pub name: &'static str,
    /// What becomes of it.
    pub output: Output,
}

/// Where a report goes.
#[derive(Debug, Clone, Copy)]
pub enum Output {
    /// Into files in the run folder.
    Files {
        /// Writes them.
        write: fn(&Path, &Record) -> Result<(), StoreError>,
        /// What a reader opens first, and what that is called.
        first: (&'static str, &'static str),
    },
    /// Into one text.
    Document(fn(&Record) -> Result<String, StoreError>),
}

/// All of them; where several files are written, a reader is told of the first one's.
pub const FORMATS: [Format; 6] = [
    Format {
        name: "html",
        output: Output::Files { write: crate::write_html, first: (html::FILE, "report") },
    },
    Format { name: "csv", output: Output::Files { write: crate::write_csv, first: (csv::SUMMARY, "csv") } },
    Format { name: "markdown", output: Output::Document(|record| Ok(markdown::markdown(record))) },
    Format { name: "json", output: Output::Document(json::json) },
    Format { name: "bencher", output: Output::Document(dashboard::bencher) },
    Format { name: "gh-benchmark", output: Output::Document(dashboard::github_action) },
];

/// A number, or `–` where there is none.
pub(crate) fn shown(value: Option<f64>, show: impl Fn(f64) -> String) -> String {
    value.filter(|value| value.is_finite()).map_or_else(|| "–".to_owned(), show)
}

/// The names of the documents.
pub fn document_names() -> Vec<&'static str> {
    let documents = FORMATS.iter().filter(|format| matches!(format.output, Output::Document(_)));
    documents.map(|format| format.name).collect()
}

#[cfg(test)]
mod tests;
