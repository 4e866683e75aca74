//! Bars of training seconds per epoch, with every timed epoch as a dot.
//!
//! Lengths are percentages and text is not scaled, so that the chart is as
//! legible on a telephone as on a wide screen.

use std::fmt::Write as _;

use super::curves::colour_of;
use super::svg::{Scale, escape};
use crate::number::{count, seconds};
use crate::record::{Cell, RunOutcome};
use crate::store::Record;
use crate::summary::{Basis, EpochSeconds, Group};

const ROW: usize = 46;
const AXIS: usize = 40;
/// Part of the width that the scale fills; the rest is room for the last tick's number.
const PERCENT: f64 = 96.0;

/// The chart as SVG, or `None` where no cell of the group has a time. `id` is
/// unique in the document.
pub(super) fn chart(record: &Record, group: &Group, id: &str) -> Option<String> {
    let mut timed: Vec<(&Cell, EpochSeconds)> =
        group.cells.iter().filter_map(|summary| Some((&summary.cell, summary.train_seconds?))).collect();
    timed.sort_by(|a, b| a.1.median.total_cmp(&b.1.median));
    let ends: Vec<f64> = timed.iter().flat_map(|(_, seconds)| [seconds.min, seconds.max]).collect();
    if ends.is_empty() {
        return None;
    }
    let scale = Scale::of_seconds(&ends);
    let bottom = ROW * timed.len();
    let told: Vec<String> =
        timed.iter().map(|(cell, time)| format!("{}: {}", group.label(cell), seconds(time.median))).collect();
    let mut svg = format!(
        r#"<svg class="bars" width="100%" height="{}" role="img" aria-labelledby="{id}-t {id}-d"><title id="{id}-t">training seconds per epoch, {} on {}</title><desc id="{id}-d">Medians. {}.</desc>"#,
        bottom + AXIS,
        escape(&group.workload),
        escape(&group.device),
        escape(&told.join("; "))
    );
    draw_axis(&mut svg, &scale, bottom);
    for (row, (cell, time)) in timed.iter().enumerate() {
        draw_row(&mut svg, record, group, &scale, row * ROW, cell, time);
    }
    svg.push_str("</svg>");
    Some(svg)
}

fn draw_axis(svg: &mut String, scale: &Scale, bottom: usize) {
    for &tick in &scale.ticks {
        let (x, label) = (scale.at(tick) * PERCENT, scale.label(tick));
        let anchor = if x < 1.0 { "start" } else { "middle" };
        let _ = write!(svg, r#"<line class="grid" x1="{x:.2}%" x2="{x:.2}%" y1="22" y2="{bottom}"/>"#);
        let _ = write!(
            svg,
            r#"<text class="tick" x="{x:.2}%" y="{}" text-anchor="{anchor}">{label}</text>"#,
            bottom + 16
        );
    }
    let name =
        if scale.is_logarithmic() { "seconds per epoch (logarithmic axis)" } else { "seconds per epoch" };
    let _ = write!(svg, r#"<text class="tick" x="0" y="{}">{name}</text>"#, bottom + 34);
}

fn draw_row(
    svg: &mut String,
    record: &Record,
    group: &Group,
    scale: &Scale,
    top: usize,
    cell: &Cell,
    time: &EpochSeconds,
) {
    let width = (scale.at(time.median) * PERCENT).max(0.4);
    let _ = write!(
        svg,
        r#"<g class="c{}"><text class="name" x="0" y="{}">{}</text><text class="value" x="{PERCENT}%" y="{}" text-anchor="end">{}</text><rect class="bar" x="0" y="{}" width="{width:.2}%" height="14" rx="2"/>"#,
        colour_of(record, &cell.backend),
        top + 15,
        escape(&group.label(cell)),
        top + 15,
        seconds(time.median),
        top + 22
    );
    let ok = record.runs_of(cell).filter(|run| run.outcome == RunOutcome::Ok);
    for epoch in ok.flat_map(|run| record.epochs_of(cell, run.seed)) {
        if epoch.epoch > 1 || time.basis == Basis::FirstOnly {
            let x = scale.at(epoch.train_seconds) * PERCENT;
            let _ = write!(
                svg,
                r#"<circle class="sample" cx="{x:.2}%" cy="{}" r="2.5"><title>seed {}, epoch {}: {}</title></circle>"#,
                top + 29,
                epoch.seed,
                epoch.epoch,
                seconds(epoch.train_seconds)
            );
        }
    }
    svg.push_str("</g>");
}

/// What the bars and dots are.
pub(super) fn legend(group: &Group) -> String {
    let times = group.cells.iter().filter_map(|summary| summary.train_seconds);
    let epochs: usize = times.clone().map(|time| time.epochs).sum();
    let first = times.clone().any(|time| time.basis == Basis::FirstOnly);
    let basis = if first { "first epochs, their warm-up included" } else { "epochs after the first" };
    format!("Bars: medians. Dots: each of the {}, {basis}.", count(epochs, "timed epoch"))
}
