//! Training seconds per epoch.

use super::{Mark, Row, RowChart};
use crate::html::colours::Colours;
use crate::html::curves::rounded;
use crate::html::svg::Scale;
use crate::number::seconds;
use crate::summary::{Basis, CellSummary, EpochSeconds, Group};
use crate::words::bracket;

/// The chart of the `most` fastest cells as SVG, or `None` where no cell of the group has a
/// time. `id` is unique in the document.
pub(in super::super) fn chart(group: &Group, colours: &Colours, most: usize, id: &str) -> Option<String> {
    let mut cells: Vec<(usize, &CellSummary)> = group.cells.iter().enumerate().collect();
    cells.sort_by(|(_, a), (_, b)| {
        let [a, b] = [a, b].map(|summary| summary.seconds().unwrap_or(f64::INFINITY));
        a.total_cmp(&b)
    });
    cells.truncate(most);
    let highest = cells.iter().filter_map(|(_, summary)| highest(summary)).reduce(f64::max)?;
    let chart = RowChart {
        id: id.to_owned(),
        title: format!("training seconds per epoch, {} on {}", group.workload, group.device),
        axis: "seconds per epoch",
        scale: Scale::linear(0.0, highest),
        rows: cells.into_iter().map(|(place, summary)| row(group, colours, (place, summary))).collect(),
    };
    Some(chart.draw())
}

/// Where the marks of a cell end.
fn highest(summary: &CellSummary<'_>) -> Option<f64> {
    let time = summary.train_seconds?;
    let seeds = summary.seconds_by_seed().into_values().fold(time.median, f64::max);
    Some(time.interval.map_or(seeds, |ends| ends.high.max(seeds)))
}

fn row(group: &Group<'_>, colours: &Colours, (place, summary): (usize, &CellSummary)) -> Row {
    let cell = summary.cell;
    let row = Row::of(place, cell, group, colours);
    let Some(time) = summary.train_seconds else {
        return Row { value: format!("no time ({})", summary.status()), ..row };
    };
    let EpochSeconds { median, interval, .. } = time;
    let after = match interval {
        Some(_) => bracket(interval, crate::number::significant),
        None => ", needs more seeds".to_owned(),
    };
    let mut marks = vec![Mark::Bar { from: 0.0, to: rounded(median), shade: 0 }];
    for (seed, at) in summary.seconds_by_seed() {
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
