//! Time from nothing to a target: cold start + epochs × seconds per epoch.

use super::{Mark, Row, RowChart};
use crate::html::colours::Colours;
use crate::html::curves::rounded;
use crate::html::svg::Scale;
use crate::number::seconds;
use crate::record::{Record, Target};
use crate::summary::{CellSummary, Decomposition, Group, Reach, TimeToTarget, not_reached_in};

/// The chart as SVG; words in place of a bar where a cell has no time. `id` is unique in
/// the document.
pub(in super::super) fn chart(
    record: &Record,
    group: &Group,
    colours: &Colours,
    (target, name): (Target, &str),
    id: &str,
) -> Option<String> {
    let mut cells: Vec<(usize, &CellSummary, TimeToTarget)> = group
        .cells
        .iter()
        .enumerate()
        .map(|(place, summary)| (place, summary, summary.time_to(target)))
        .collect();
    cells.sort_by(|(_, _, a), (_, _, b)| {
        a.missed().total_cmp(&b.missed()).then(total(a).total_cmp(&total(b)))
    });
    let highest = cells.iter().filter_map(|(_, summary, time)| highest(time, summary)).reduce(f64::max)?;
    let chart = RowChart {
        id: id.to_owned(),
        title: format!("time to {name}, {} on {}", group.workload, group.device),
        axis: "seconds from nothing",
        scale: Scale::linear(0.0, highest),
        rows: cells
            .into_iter()
            .map(|(place, summary, time)| row(record, group, colours, (place, summary), &time))
            .collect(),
    };
    Some(chart.draw())
}

fn total(time: &TimeToTarget) -> f64 {
    time.decomposition.map_or(f64::INFINITY, |parts| parts.total_seconds())
}

/// A cold start below zero, of a first epoch that was faster than the later ones, has no
/// length.
fn start(parts: &Decomposition) -> f64 {
    parts.cold_start_seconds.max(0.0)
}

fn highest(time: &TimeToTarget, summary: &CellSummary<'_>) -> Option<f64> {
    let (parts, before) = (time.decomposition?, before_training(summary));
    let total = start(&parts) + parts.epochs * parts.seconds_per_epoch;
    Some(time.range.map_or(total, |(_, greatest)| total.max(before + greatest)))
}

/// Seconds before the first epoch begins. The cold start without what the first epoch took
/// beyond the others, which is a part of the training seconds too.
fn before_training(summary: &CellSummary<'_>) -> f64 {
    summary.start_seconds.unwrap_or_default()
}

fn row(
    record: &Record,
    group: &Group,
    colours: &Colours,
    (place, summary): (usize, &CellSummary),
    time: &TimeToTarget,
) -> Row {
    let cell = summary.cell;
    let row = Row::of(place, cell, group, colours);
    let runs = format!("{} of {}", time.reached, time.tried);
    let Some(parts) = time.decomposition else {
        return Row { value: without_bar(record, time), ..row };
    };
    let Decomposition { cold_start_seconds, epochs, seconds_per_epoch } = parts;
    let (start, before) = (start(&parts), before_training(summary));
    let mut marks = vec![Mark::Bar { from: 0.0, to: rounded(start), shade: 1 }];
    marks.extend(epochs_of(&parts));
    marks.push(Mark::Point(rounded(start + epochs * seconds_per_epoch)));
    marks.extend(time.range.map(|(least, greatest)| Mark::Whisker {
        low: rounded(before + least),
        high: rounded(before + greatest),
    }));
    Row {
        detail: format!("{} + {epochs} × {} = ", seconds(cold_start_seconds), seconds(seconds_per_epoch)),
        value: format!("{} ({runs})", seconds(parts.total_seconds())),
        marks,
        ..row
    }
}

/// More epochs than these are one bar: their borders could not be told apart.
const MOST_BARS: f64 = 30.0;

/// A bar per epoch, in turn of two shades.
fn epochs_of(parts: &Decomposition) -> Vec<Mark> {
    let Decomposition { epochs, seconds_per_epoch, .. } = *parts;
    let at = |epoch: f64| rounded(start(parts) + epoch.min(epochs) * seconds_per_epoch);
    if epochs > MOST_BARS {
        return vec![Mark::Bar { from: at(0.0), to: at(epochs), shade: 0 }];
    }
    let bar = |index: u32| {
        let epoch = f64::from(index);
        Mark::Bar { from: at(epoch), to: at(epoch + 1.0), shade: 2 * (index % 2) as usize }
    };
    (0..epochs.ceil() as u32).map(bar).collect()
}

/// Why there is no bar.
fn without_bar(record: &Record, time: &TimeToTarget) -> String {
    match (time.reach(), time.seconds) {
        (Reach::Reached, Some(after)) => format!("{} of training ({})", seconds(after), time.share()),
        (Reach::NotReached, _) => {
            format!("{} ({})", not_reached_in(record.started.plan.epochs as usize), time.share())
        }
        (Reach::NotRanked, _) => format!("{}: not conformant", Reach::NotRanked.name()),
        (other, _) => other.name().to_owned(),
    }
}

/// What the bars are.
pub(in super::super) const LEGEND: &str = "Light: cold start. Then one block per epoch, medians of the runs that \
    reached it. Whiskers: the least and the greatest of these runs. In brackets: how many \
    runs did.";
