//! Training seconds per epoch.

use super::{ChartRow, Mark, RowChart};
use crate::html::colours::Colours;
use crate::html::curves::rounded;
use crate::number::seconds;
use crate::summary::{Basis, CellSummary, EpochSeconds, Group};
use crate::words::bracket;

/// The chart of the `most` fastest cells, or `None` where no cell of the group has a time.
pub(in super::super) fn chart(group: &Group, colours: &Colours, most: usize) -> Option<RowChart> {
    group.lowest()?;
    let cells = group.order().into_iter().take(most).map(|place| &group.cells[place]);
    Some(RowChart {
        title: format!("training seconds per epoch, {} on {}", group.workload, group.device),
        axis: "seconds per epoch",
        rows: cells.map(|summary| row(group, colours, summary)).collect(),
    })
}

fn row(group: &Group<'_>, colours: &Colours, summary: &CellSummary) -> ChartRow {
    let cell = summary.cell;
    let row = ChartRow::of(cell, group, colours);
    let Some(time) = summary.train_seconds else {
        return ChartRow { value: format!("no time ({})", summary.status()), ..row };
    };
    let EpochSeconds { median, interval, .. } = time;
    let after = match interval {
        Some(_) => bracket(interval, crate::number::significant),
        None if summary.seconds_by_seed().len() < 2 => ", needs more seeds".to_owned(),
        None => String::new(),
    };
    let mut marks = vec![Mark::Bar(0.0, rounded(median), 0)];
    for (seed, at) in summary.seconds_by_seed() {
        marks.push(Mark::Sample(rounded(at), format!("seed {seed}: {}", seconds(at))));
    }
    marks.push(Mark::Point(rounded(median)));
    marks.extend(interval.map(|ends| Mark::Whisker(rounded(ends.low.max(0.0)), rounded(ends.high))));
    ChartRow { value: seconds(median), after, marks, ..row }
}

/// What the bars, whiskers and ticks are.
pub(in super::super) fn legend(group: &Group) -> String {
    let times: Vec<EpochSeconds> = group.cells.iter().filter_map(|summary| summary.train_seconds).collect();
    let basis = if times.iter().any(|time| time.basis == Basis::FirstOnly) {
        "first epochs, their warm-up included"
    } else {
        "epochs after the first"
    };
    let whiskers = if times.iter().any(|time| time.interval.is_some()) {
        "Whiskers: 95% intervals over seeds."
    } else {
        "No interval of a cell by itself: that needs three seeds."
    };
    format!("Bars: medians of the {basis}. {whiskers} Ticks: each seed.")
}
