//! Charts of one row per cell: bars from zero, intervals as whiskers, seeds as ticks.
//!
//! Lengths are percentages and text is not scaled, so that a chart is as legible on a
//! telephone as on a wide screen. Every mark carries its value, so that `rows.js` can place
//! it again on another scale: a bar has no length on a logarithmic axis and is hidden there;
//! the point at its end remains.

pub(super) mod relative;
pub(super) mod targets;
pub(super) mod times;

use std::fmt::Write as _;

use super::colours::{Colours, is_ring};
use super::svg::{Scale, escape};
use crate::record::Cell;
use crate::summary::Group;

/// Height of a row with marks, and of one with words only.
const ROW: usize = 56;
const ROW_OF_WORDS: usize = 50;
const AXIS: usize = 40;
/// Per cent of the width that the scale fills; the rest is room for the last number.
const TO: f64 = 96.0;
const LONGEST_NAME: usize = 26;

/// A chart of one row per cell.
pub(super) struct RowChart {
    /// Unique in the document.
    pub(super) id: String,
    pub(super) title: String,
    pub(super) axis: &'static str,
    pub(super) scale: Scale,
    pub(super) rows: Vec<Row>,
}

/// A cell's row.
pub(super) struct Row {
    /// Its place in the group.
    pub(super) cell: usize,
    pub(super) colour: usize,
    pub(super) is_ring: bool,
    pub(super) name: String,
    /// What leads to the value; left out where there is no room.
    pub(super) detail: String,
    pub(super) value: String,
    /// What follows the value; left out where there is no room.
    pub(super) after: String,
    /// Empty: words only.
    pub(super) marks: Vec<Mark>,
}

impl Row {
    /// The row of a cell, by its place in the group, with nothing in it yet.
    fn of(place: usize, cell: &Cell, group: &Group, colours: &Colours) -> Self {
        Self {
            cell: place,
            colour: colours.get(cell),
            is_ring: is_ring(&cell.implementation),
            name: group.label(cell),
            detail: String::new(),
            value: String::new(),
            after: String::new(),
            marks: Vec::new(),
        }
    }
}

/// What is drawn in a row.
pub(super) enum Mark {
    /// From one value to another, in a shade of the cell's colour: 0 is the full one.
    Bar { from: f64, to: f64, shade: usize },
    /// The value itself.
    Point(f64),
    /// An interval.
    Whisker { low: f64, high: f64 },
    /// One sample, and what it is.
    Sample { at: f64, told: String },
}

impl RowChart {
    /// The chart as SVG.
    pub(super) fn draw(&self) -> String {
        let heights = self.rows.iter().map(|row| if row.marks.is_empty() { ROW_OF_WORDS } else { ROW });
        let bottom: usize = heights.clone().sum();
        let told =
            self.rows.iter().map(|row| format!("{}: {}{}{}", row.name, row.detail, row.value, row.after));
        let id = &self.id;
        let mut svg = format!(
            r#"<svg class="rows" width="100%" height="{}" data-scale="{}" data-bottom="{bottom}" role="img" aria-labelledby="{id}-t {id}-d"><title id="{id}-t">{}</title><desc id="{id}-d">{}</desc>"#,
            bottom + AXIS,
            self.scale.kind(),
            escape(&self.title),
            escape(&told.collect::<Vec<_>>().join("; "))
        );
        if self.rows.iter().any(|row| !row.marks.is_empty()) {
            self.draw_axis(&mut svg, bottom);
        }
        let mut top = 0;
        for (row, height) in self.rows.iter().zip(heights) {
            self.draw_row(&mut svg, row, top);
            top += height;
        }
        svg.push_str("</svg>");
        svg
    }

    fn place(&self, value: f64) -> f64 {
        self.scale.at(value) * TO
    }

    fn draw_axis(&self, svg: &mut String, bottom: usize) {
        svg.push_str(r#"<g class="axes">"#);
        for &tick in &self.scale.ticks {
            let (x, label) = (self.place(tick), self.scale.label(tick));
            let anchor = if x < 4.0 { "start" } else { "middle" };
            let class = if self.scale.is_ratio() && tick == 1.0 { "one" } else { "grid" };
            let _ = write!(
                svg,
                r#"<line class="{class}" x1="{x:.2}%" x2="{x:.2}%" y1="22" y2="{bottom}"/><text class="tick" x="{x:.2}%" y="{}" text-anchor="{anchor}">{label}</text>"#,
                bottom + 16
            );
        }
        let note = if self.scale.is_logarithmic() { " (logarithmic axis)" } else { "" };
        let _ = write!(
            svg,
            r#"<text class="tick" x="0" y="{}">{}<tspan class="axis-note">{note}</tspan></text></g>"#,
            bottom + 34,
            self.axis
        );
    }

    fn draw_row(&self, svg: &mut String, row: &Row, top: usize) {
        let Row { cell, colour, is_ring, name, detail, value, after, marks } = row;
        let ring = if *is_ring { " ring" } else { "" };
        let _ = write!(
            svg,
            r#"<g class="row c{colour}{ring}" data-cell="{cell}"><text class="name" x="0" y="{}">{}</text>"#,
            top + 15,
            escape(&shorten(name))
        );
        if marks.is_empty() {
            let _ = write!(svg, r#"<text class="words" x="0" y="{}">{}</text></g>"#, top + 33, escape(value));
            return;
        }
        let _ = write!(
            svg,
            r#"<text class="value" x="{TO}%" y="{}" text-anchor="end"><tspan class="detail">{}</tspan><tspan class="shown">{}</tspan><tspan class="detail">{}</tspan></text>"#,
            top + 15,
            escape(detail),
            escape(value),
            escape(after)
        );
        for mark in marks {
            self.draw_mark(svg, mark, top);
        }
        svg.push_str("</g>");
    }

    fn draw_mark(&self, svg: &mut String, mark: &Mark, top: usize) {
        let middle = top + 30;
        let _ = match mark {
            Mark::Bar { from, to, shade } => {
                let (left, right) = (self.place(*from), self.place(*to));
                let y = top + 23;
                write!(
                    svg,
                    r#"<rect class="bar s{shade}" data-from="{from}" data-to="{to}" x="{left:.2}%" y="{y}" width="{:.2}%" height="14"/>"#,
                    (right - left).max(0.0)
                )
            }
            Mark::Point(at) => {
                let x = self.place(*at);
                write!(svg, r#"<circle class="point" data-at="{at}" cx="{x:.2}%" cy="{middle}" r="5"/>"#)
            }
            Mark::Whisker { low, high } => {
                let (left, right) = (self.place(*low), self.place(*high));
                let (above, below) = (middle - 5, middle + 5);
                write!(
                    svg,
                    r#"<g class="whisker" data-low="{low}" data-high="{high}"><line x1="{left:.2}%" x2="{right:.2}%" y1="{middle}" y2="{middle}"/><line x1="{left:.2}%" x2="{left:.2}%" y1="{above}" y2="{below}"/><line x1="{right:.2}%" x2="{right:.2}%" y1="{above}" y2="{below}"/></g>"#
                )
            }
            Mark::Sample { at, told } => {
                let x = self.place(*at);
                write!(
                    svg,
                    r#"<line class="sample" data-at="{at}" x1="{x:.2}%" x2="{x:.2}%" y1="{}" y2="{}"><title>{}</title></line>"#,
                    top + 40,
                    top + 46,
                    escape(told)
                )
            }
        };
    }
}

/// A name that leaves room for its value.
fn shorten(name: &str) -> String {
    if name.chars().count() <= LONGEST_NAME {
        return name.to_owned();
    }
    name.chars().take(LONGEST_NAME - 1).chain(['…']).collect()
}
