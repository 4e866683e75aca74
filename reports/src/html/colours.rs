//! How cells look: a backend has the same colour in every chart of a report.

use serde::Serialize;

use crate::record::{Cell, Record};
use crate::summary::Group;

/// Colours that the style has.
const COLOURS: usize = 8;

/// The backends of a record in the order of their colours.
pub(super) struct Colours<'r>(Vec<&'r str>);

/// A cell's name and look in the charts of its group.
#[derive(Serialize)]
pub(super) struct Look {
    label: String,
    /// Index of its colour: one per backend.
    colour: usize,
    /// Dashes of its lines: one pattern per implementation, so that two of one backend differ.
    dash: &'static str,
}

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

    /// How a cell looks in the charts of its group.
    pub(super) fn look(&self, group: &Group, cell: &Cell) -> Look {
        let backend = self.0.iter().position(|known| *known == cell.backend);
        let dash = match &*cell.implementation {
            "builtin" | "none" => "none",
            "primitive" => "6 3",
            _ => "2 3",
        };
        Look { label: group.label(cell), colour: backend.unwrap_or(0) % COLOURS, dash }
    }
}
