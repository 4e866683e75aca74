//! What was varied, and what came of it: charts that the page's script draws, and their tables.

use serde::Serialize;

use super::colours::{Colours, Look};
use super::curves::rounded;
use super::tables::{PageColumn, PageTable, word};
use crate::record::Record;
use crate::summary::{Group, why_nothing};
use crate::sweep::{self, Picture, Point, Quantity, Sweep};
use crate::text::capitalised;

/// One sweep.
#[derive(Serialize)]
pub(super) struct Section {
    title: String,
    legend: Vec<Look>,
    pictures: Vec<Shown>,
}

/// A picture and its numbers.
#[derive(Serialize)]
struct Shown {
    title: String,
    /// `None`: there is nothing to draw.
    drawn: Option<Drawn>,
    /// What is said then.
    words: String,
    table: PageTable,
}

/// What the script draws.
#[derive(Serialize)]
struct Drawn {
    /// What varies.
    axis: &'static str,
    quantity: String,
    scale: &'static str,
    /// Epochs of a run to the end: none that reached a target took more.
    epochs: u32,
    /// What is said of a cross.
    missed: String,
    lines: Vec<DrawnLine>,
}

#[derive(Serialize)]
struct DrawnLine {
    #[serde(flatten)]
    look: Look,
    points: Vec<DrawnPoint>,
}

#[derive(Serialize)]
struct DrawnPoint {
    at: f64,
    /// Median, least and greatest.
    value: Option<[f64; 3]>,
    is_missed: bool,
    share: Option<String>,
    told: String,
}

/// Every sweep of a record.
pub(super) fn sections<'s>(record: &'s Record, groups: &'s [Group<'s>], colours: &Colours) -> Vec<Section> {
    let sweeps = sweep::pictures(record, groups);
    let nothing = why_nothing(groups.iter().flat_map(|group| &group.cells));
    let sections = sweeps.iter().enumerate().map(|(index, (sweep, pictures))| {
        let looks = pictures.first().map_or_else(Vec::new, |picture| colours.of_lines(&picture.lines));
        let shown = pictures.iter().enumerate().map(|(place, picture)| {
            let words = nothing.unwrap_or("No run that counts has a value");
            Shown {
                title: picture.quantity.name(),
                drawn: picture.has_marks().then(|| drawn(sweep, picture, &looks)),
                words: format!("{words}, so there is no chart."),
                table: table(sweep, picture, format!("sweep-{index}-{place}")),
            }
        });
        Section { title: capitalised(&sweep.title()), pictures: shown.collect(), legend: looks }
    });
    sections.collect()
}

fn drawn(sweep: &Sweep<'_>, picture: &Picture, looks: &[Look]) -> Drawn {
    let lines = picture.lines.iter().zip(looks).map(|(line, look)| DrawnLine {
        look: look.clone(),
        points: line.points.iter().map(DrawnPoint::of).collect(),
    });
    Drawn {
        axis: sweep.axis.name(),
        quantity: picture.quantity.name(),
        scale: match picture.quantity {
            Quantity::EpochsTo(_) => "whole",
            Quantity::Accuracy(_) => "fraction",
            Quantity::Seconds => "zero",
            Quantity::SpeedUp => "ratio",
        },
        epochs: picture.epochs,
        missed: crate::summary::not_reached_in(picture.epochs as usize),
        lines: lines.collect(),
    }
}

impl DrawnPoint {
    fn of(point: &Point) -> Self {
        let Point { at, value, is_missed, share, told } = point.clone();
        let value = value.map(|value| [value.median, value.least, value.greatest].map(rounded));
        Self { at, value, is_missed, share, told }
    }
}

fn table(sweep: &Sweep<'_>, picture: &Picture, id: String) -> PageTable {
    // No two tables of a page have one name.
    let grid = picture.grid(format!("{}, {}", capitalised(&picture.quantity.name()), sweep.title()));
    let columns = grid.header.into_iter().enumerate();
    PageTable {
        id,
        caption: format!("{}: medians over seeds [least, greatest]", grid.title),
        columns: columns.map(|(place, name)| PageColumn { name, numeric: place > 0, extra: false }).collect(),
        rows: grid.rows.into_iter().map(|row| row.into_iter().map(word).collect()).collect(),
        sortable: false,
    }
}
