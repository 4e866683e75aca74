//! The record of a run, and all that is made of it.

use trainmark_reports::formats::{FORMATS, Output};
use trainmark_reports::{Record, csv, html};

use super::folder;

pub(super) fn run(bytes: &[u8]) {
    folder::with(&[("events.jsonl", bytes)], |folder| {
        let Ok(record) = Record::read(folder) else { return };
        render(&record);
    });
}

/// Every form of a record.
fn render(record: &Record) {
    let _ = csv::files(record, None);
    html::render(record, None).unwrap_or_else(|error| panic!("the page: {error}"));
    for format in FORMATS {
        if let Output::Document(write) = format.output {
            let _ = write(record);
        }
    }
}
