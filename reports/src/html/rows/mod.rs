//! Charts of one row per cell: bars from zero, intervals as whiskers, seeds as ticks. The
//! page's script draws them.

pub(super) mod relative;
pub(super) mod targets;
pub(super) mod times;

use serde::Serialize;

use super::colours::{Colours, Look};
use crate::record::Cell;
use crate::summary::Group;

/// A chart of one row per cell.
#[derive(Serialize)]
pub(super) struct RowChart {
    pub(super) title: String,
    pub(super) axis: &'static str,
    pub(super) rows: Vec<ChartRow>,
}

/// A cell's row.
#[derive(Serialize)]
pub(super) struct ChartRow {
    #[serde(flatten)]
    look: Look,
    /// What leads to the value; left out where there is no room.
    pub(super) detail: String,
    pub(super) value: String,
    /// What follows the value; left out where there is no room.
    pub(super) after: String,
    /// Empty: words only.
    pub(super) marks: Vec<Mark>,
}

impl ChartRow {
    /// The row of a cell, with nothing in it yet.
    fn of(cell: &Cell, group: &Group, colours: &Colours) -> Self {
        Self {
            look: colours.look(group, cell),
            detail: String::new(),
            value: String::new(),
            after: String::new(),
            marks: Vec::new(),
        }
    }
}

/// What is drawn in a row.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mark {
    /// From one value to another, in a shade of the cell's colour: 0 is the full one.
    Bar(f64, f64, usize),
    /// The value itself.
    Point(f64),
    /// An interval, from its low to its high end.
    Whisker(f64, f64),
    /// One sample, and what it is.
    Sample(f64, String),
}
