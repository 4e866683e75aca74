//! Time from nothing to a target: cold start + epochs × seconds per epoch.

use super::{ChartRow, Mark, RowChart};
use crate::html::colours::Colours;
use crate::html::curves::rounded;
use crate::number::seconds;
use crate::record::{Record, Target};
use crate::summary::{CellSummary, Decomposition, Group, Reach, TimeToTarget, not_reached_in};

/// The chart, with words in place of a bar where a cell has no time; `None` where none has.
pub(in super::super) fn chart(
    record: &Record,
    group: &Group,
    colours: &Colours,
    (target, name): (Target, &str),
) -> Option<RowChart> {
    let mut cells: Vec<(&CellSummary, TimeToTarget)> =
        group.cells.iter().map(|summary| (summary, summary.time_to(target))).collect();
    cells.iter().find_map(|(_, time)| time.decomposition)?;
    cells.sort_by(|(_, a), (_, b)| a.missed().total_cmp(&b.missed()).then(total(a).total_cmp(&total(b))));
    Some(RowChart {
        title: format!("time to {name}, {} on {}", group.workload, group.device),
        axis: "seconds from nothing",
        rows: cells.iter().map(|(summary, time)| row(record, group, colours, summary, time)).collect(),
    })
}

fn total(time: &TimeToTarget) -> f64 {
    time.decomposition.map_or(f64::INFINITY, |parts| parts.total_seconds())
}

/// A cold start below zero, of a first epoch that was faster than the later ones, has no
/// length.
fn start(parts: &Decomposition) -> f64 {
    parts.cold_start_seconds.max(0.0)
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
    summary: &CellSummary,
    time: &TimeToTarget,
) -> ChartRow {
    let row = ChartRow::of(summary.cell, group, colours);
    let Some(parts) = time.decomposition else {
        return ChartRow { value: without_bar(record, time), ..row };
    };
    let Decomposition { cold_start_seconds, epochs, seconds_per_epoch } = parts;
    let (start, before) = (start(&parts), before_training(summary));
    let mut marks = vec![Mark::Bar(0.0, rounded(start), 1)];
    marks.extend(epochs_of(&parts));
    marks.push(Mark::Point(rounded(start + epochs * seconds_per_epoch)));
    marks.extend(
        time.range
            .map(|(least, greatest)| Mark::Whisker(rounded(before + least), rounded(before + greatest))),
    );
    ChartRow {
        detail: format!("{} + {epochs} × {} = ", seconds(cold_start_seconds), seconds(seconds_per_epoch)),
        value: format!("{} ({})", seconds(parts.total_seconds()), time.share()),
        marks,
        ..row
    }
}

/// More epochs than these are one bar: their borders could not be told apart.
const MOST_BARS: f64 = 30.0;

/// A bar per epoch, in turn of two shades.
fn epochs_of(parts: &Decomposition) -> Vec<Mark> {
    let Decomposition { epochs, seconds_per_epoch, .. } = *parts;
    let count = if epochs > MOST_BARS { 1 } else { epochs.ceil() as usize };
    let bars = (0..count).map(|index| {
        let [from, to] = [index, index + 1].map(|border| {
            let passed = if border == count { epochs } else { border as f64 };
            rounded(start(parts) + passed * seconds_per_epoch)
        });
        Mark::Bar(from, to, 2 * (index % 2))
    });
    bars.collect()
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
