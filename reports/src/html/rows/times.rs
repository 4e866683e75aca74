//! Training seconds per epoch.

use super::{Mark, Row, RowChart};
use crate::comparison::seconds_by_seed;
use crate::csv::summary::status;
use crate::html::colours::Colours;
use crate::html::curves::rounded;
use crate::html::svg::Scale;
use crate::number::seconds;
use crate::store::Record;
use crate::summary::{Basis, CellSummary, EpochSeconds, Group};
use crate::words::bracket;

/// The chart of the `most` fastest cells as SVG, or `None` where no cell of the group has a
/// time. `id` is unique in the document.
pub(in super::super) fn chart(
    record: &Record,
    group: &Group,
    colours: &Colours,
    most: usize,
    id: &str,
) -> Option<String> {
    let mut cells: Vec<(usize, &CellSummary)> = group.cells.iter().enumerate().collect();
    let median = |summary: &CellSummary| summary.train_seconds.map_or(f64::INFINITY, |time| time.median);
    cells.sort_by(|a, b| median(a.1).total_cmp(&median(b.1)));
    cells.truncate(most);
    let highest = |summary: &CellSummary| {
        let time = summary.train_seconds?;
        let seeds = seconds_by_seed(record, &summary.cell).into_values().fold(time.median, f64::max);
        Some(time.interval.map_or(seeds, |ends| ends.high.max(seeds)))
    };
    let highest = cells.iter().filter_map(|(_, summary)| highest(summary)).reduce(f64::max)?;
    let chart = RowChart {
        id: id.to_owned(),
        title: format!("training seconds per epoch, {} on {}", group.workload, group.device),
        axis: "seconds per epoch",
        scale: Scale::linear(0.0, highest),
        rows: cells
            .into_iter()
            .map(|(place, summary)| row(record, group, colours, (place, summary)))
            .collect(),
    };
    Some(chart.draw())
}

fn row(record: &Record, group: &Group, colours: &Colours, (place, summary): (usize, &CellSummary)) -> Row {
    let cell = &summary.cell;
    let row = Row::of(place, cell, group, colours);
    let Some(time) = summary.train_seconds else {
        return Row { value: format!("no time ({})", status(record, summary)), ..row };
    };
    let EpochSeconds { median, interval, .. } = time;
    let after = match interval {
        Some(_) => bracket(interval, crate::number::significant),
        None => ", needs more seeds".to_owned(),
    };
    let mut marks = vec![Mark::Bar { from: 0.0, to: rounded(median), shade: 0 }];
    for (seed, at) in seconds_by_seed(record, cell) {
        marks.push(Mark::Sample { at: rounded(at), told: format!("seed {seed}: {}", seconds(at)) });
    }
    marks.push(Mark::Point(rounded(median)));
    marks.extend(
        interval.map(|ends| Mark::Whisker { low: rounded(ends.low.max(0.0)), high: rounded(ends.high) }),
    );
    Row { value: seconds(median), after, marks, ..row }
}

/// What the bars, whiskers and ticks are.
pub(in super::super) fn legend(group: &Group) -> String {
    let first_only =
        |summary: &CellSummary| summary.train_seconds.is_some_and(|time| time.basis == Basis::FirstOnly);
    let basis = if group.cells.iter().any(first_only) {
        "first epochs, their warm-up included"
    } else {
        "epochs after the first"
    };
    let has_interval =
        |summary: &CellSummary| summary.train_seconds.is_some_and(|time| time.interval.is_some());
    let whiskers = if group.cells.iter().any(has_interval) {
        "Whiskers: 95% intervals over seeds."
    } else {
        "No interval: that needs more than one seed."
    };
    format!("Bars: medians of the {basis}. {whiskers} Ticks: each seed.")
}
