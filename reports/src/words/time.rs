//! Which cell trains an epoch in the least time?

use super::{Answer, basis_of_times, bracket, doubt};
use crate::number::{ratio, seconds, significant};
use crate::paired::Relative;
use crate::record::Record;
use crate::statistics::{Comparison, Verdict};
use crate::summary::{Basis, CellSummary, EpochSeconds, Group, why_nothing};

/// A cell that has a time, and its place in the group.
struct Timed<'g> {
    place: usize,
    summary: &'g CellSummary<'g>,
    time: EpochSeconds,
}

pub(super) fn per_epoch(record: &Record, group: &Group<'_>) -> Answer {
    let title = format!("Time per epoch: {} on {}", group.workload, group.device);
    let untimed = group.cells.iter().filter(|summary| summary.train_seconds.is_none());
    let untimed: Vec<String> =
        untimed.map(|summary| format!("{}: {}", group.label(summary.cell), outcomes(summary))).collect();
    let timed = timed(group);
    let Some((best, others)) = timed.split_first() else {
        let why = why_nothing(group.cells.iter()).unwrap_or("No epoch was timed");
        return Answer {
            title,
            figure: String::new(),
            lead: format!("{why}, so there is no time to compare."),
            lines: untimed,
            note: String::new(),
        };
    };
    let relative = Relative::of(record, group);
    let against: Vec<(&Timed<'_>, Option<&Comparison>)> =
        others.iter().map(|other| (other, relative.get(best.place, other.place))).collect();
    let lines = against.iter().map(|(other, comparison)| line(group, best, other, *comparison));
    let comparisons: Vec<&Comparison> = against.iter().filter_map(|(_, comparison)| *comparison).collect();
    let rests_on = if comparisons.is_empty() { String::new() } else { basis_of_times(record, &comparisons) };
    Answer {
        title,
        figure: seconds(best.time.median),
        lead: lead(record, group, best, &against),
        lines: lines.chain(untimed.iter().cloned()).collect(),
        note: format!("Medians of {}{}. {rests_on}", epochs_meant(&timed), own_intervals(&timed))
            .trim_end()
            .to_owned(),
    }
}

/// The cells that have a time, the shortest first.
fn timed<'g>(group: &'g Group<'g>) -> Vec<Timed<'g>> {
    let cells = group.cells.iter().enumerate();
    let mut timed: Vec<Timed<'_>> = cells
        .filter_map(|(place, summary)| Some(Timed { place, summary, time: summary.train_seconds? }))
        .collect();
    timed.sort_by(|a, b| a.time.median.total_cmp(&b.time.median));
    timed
}

fn lead(
    record: &Record,
    group: &Group<'_>,
    best: &Timed<'_>,
    against: &[(&Timed<'_>, Option<&Comparison>)],
) -> String {
    let label = group.label(best.summary.cell);
    let time = format!("{}{}", seconds(best.time.median), bracket(best.time.interval, significant));
    if against.is_empty() {
        return format!("{label}: {time} of training per epoch. There is no other cell to compare it with.");
    }
    let is_ceiling = record.started.is_ceiling(best.summary.cell);
    let name = if is_ceiling { format!("{label}, the ceiling,") } else { label };
    let (mut open, mut same) = (Vec::new(), Vec::new());
    for (other, comparison) in against {
        match comparison.map(|comparison| comparison.verdict) {
            Some(Verdict::NeedsMoreSeeds) | None => open.push(group.label(other.summary.cell)),
            Some(Verdict::NoDifferenceShown) => same.push(group.label(other.summary.cell)),
            Some(Verdict::Lower | Verdict::Higher) => {}
        }
    }
    let but = if open.is_empty() {
        String::new()
    } else {
        format!(" Not judged, for want of seeds: {}.", open.join(", "))
    };
    if open.len() == against.len() {
        format!(
            "{name} has the lowest median, {time} of training per epoch; whether it is the fastest needs \
             more seeds."
        )
    } else if same.is_empty() {
        format!("{name} is the fastest: {time} of training per epoch.{but}")
    } else {
        format!(
            "{name} has the lowest median, {time} of training per epoch, but no difference from {} is \
             shown.{but}",
            same.join(", ")
        )
    }
}

/// `tch primitive: 3.25 s, 1.44× [1.40, 1.49] as long`.
fn line(group: &Group<'_>, best: &Timed<'_>, other: &Timed<'_>, comparison: Option<&Comparison>) -> String {
    let interval = comparison.and_then(|comparison| comparison.interval);
    let times = interval.map_or(other.time.median / best.time.median, |interval| interval.estimate);
    format!(
        "{}: {}, {}{} as long{}",
        group.label(other.summary.cell),
        seconds(other.time.median),
        ratio(times),
        bracket(interval, significant),
        doubt(comparison)
    )
}

/// Why a cell has no time.
fn outcomes(summary: &CellSummary<'_>) -> String {
    match summary.status() {
        status if summary.runs.is_empty() => status,
        status => format!("no time ({status})"),
    }
}

/// What stands in brackets behind the medians, if anything.
fn own_intervals(timed: &[Timed<'_>]) -> &'static str {
    let any = timed.iter().any(|one| one.time.interval.is_some());
    if any { ", with the 95% interval of each cell by itself" } else { "" }
}

fn epochs_meant(timed: &[Timed<'_>]) -> &'static str {
    let first = timed.iter().any(|one| one.time.basis == Basis::FirstOnly);
    if first { "first epochs, their warm-up included" } else { "the epochs after the first" }
}
