//! How cells look: a backend has the same colour in every chart of a report.

use serde::Serialize;

use crate::record::{Cell, Record};
use crate::summary::Group;
use crate::sweep::Trace;

/// Colours that the style has.
const COLOURS: usize = 8;

/// The backends of a record in the order of their colours.
pub(super) struct Colours<'r>(Vec<&'r str>);

/// A cell's name and look in the charts of its group.
#[derive(Debug, Clone, Serialize)]
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

    /// How the lines of a sweep look. Where all are of one backend, colours tell the lines apart; else a
    /// line without batch norm has dashes of its own beside those with it.
    pub(super) fn of_lines(&self, lines: &[Trace]) -> Vec<Look> {
        let is_one = lines.iter().all(|line| line.backend == lines[0].backend);
        let has_norm = lines.iter().any(|line| !line.implementation.is_none());
        let looks = lines.iter().enumerate().map(|(index, line)| Look {
            label: line.label.clone(),
            colour: if is_one { index % COLOURS } else { self.of_backend(&line.backend) },
            dash: if has_norm && line.implementation.is_none() { "1 4" } else { dash(&line.implementation) },
        });
        looks.collect()
    }

    fn of_backend(&self, backend: &str) -> usize {
        self.0.iter().position(|known| *known == backend).unwrap_or(0) % COLOURS
    }

    /// How a cell looks in the charts of its group.
    pub(super) fn look(&self, group: &Group, cell: &Cell) -> Look {
        let colour = self.of_backend(&cell.backend);
        Look { label: group.label(cell), colour, dash: dash(&cell.implementation) }
    }
}

fn dash(implementation: &str) -> &'static str {
    match implementation {
        "builtin" | "none" => "none",
        "primitive" => "6 3",
        _ => "2 3",
    }
}
