//! Colours and marks: a backend has the same in every chart of a report.

use crate::record::{Cell, Record};

/// Colours that the style has.
const COLOURS: usize = 8;

/// The backends of a record in the order of their colours.
pub(super) struct Colours<'r>(Vec<&'r str>);

impl<'r> Colours<'r> {
    pub(super) fn of(record: &'r Record) -> Self {
        let mut backends: Vec<&str> = Vec::new();
        for cell in record.cells() {
            if !backends.contains(&cell.backend.as_str()) {
                backends.push(&cell.backend);
            }
        }
        Self(backends)
    }

    /// Index of a cell's colour.
    pub(super) fn get(&self, cell: &Cell) -> usize {
        self.0.iter().position(|known| *known == cell.backend).unwrap_or(0) % COLOURS
    }
}

/// Dashes of an implementation's lines, so that two of one backend differ.
pub(super) fn dash_of(implementation: &str) -> &'static str {
    match implementation {
        "builtin" | "none" => "none",
        "primitive" => "6 3",
        _ => "2 3",
    }
}

/// Whether an implementation's points are rings instead of dots.
pub(super) fn is_ring(implementation: &str) -> bool {
    dash_of(implementation) != "none"
}
