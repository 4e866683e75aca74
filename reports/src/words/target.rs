//! Which cell reaches a target first?

use super::{Answer, metric_name};
use crate::number::{count, seconds, seed_names, significant};
use crate::record::{Record, Target};
use crate::summary::{CellSummary, Group, TimeToTarget, why_nothing};

pub(super) fn answer(record: &Record, group: &Group<'_>, target: Target) -> Answer {
    let mut cells: Vec<(&CellSummary<'_>, TimeToTarget)> =
        group.cells.iter().map(|summary| (summary, summary.time_to(target))).collect();
    cells.sort_by(|(_, a), (_, b)| {
        let [time_a, time_b] = [a, b].map(|time| time.seconds.unwrap_or(f64::INFINITY));
        a.missed().total_cmp(&b.missed()).then(time_a.total_cmp(&time_b))
    });
    let name = metric_name(target);
    let lead = match (cells.first(), why_nothing(group.cells.iter())) {
        (Some((summary, time)), _) if time.seconds.is_some() => format!(
            "{} has the lowest median: {} of training ({} of {}).",
            group.label(summary.cell),
            with_range(time),
            time.reached,
            count(time.tried, "run")
        ),
        (_, Some(why)) => format!("{why}."),
        _ => format!("No cell reached {name} in {}.", count(record.started.plan.epochs as usize, "epoch")),
    };
    let figure = cells.first().and_then(|(_, time)| time.seconds).map_or_else(String::new, seconds);
    let lines = cells.iter().map(|(summary, time)| {
        format!("{}: {}{}", group.label(summary.cell), reach(record, summary, time), times(time))
    });
    Answer {
        title: format!("Time to {name}: {} on {}", group.workload, group.device),
        figure,
        lead,
        lines: lines.collect(),
        note: note(&cells),
    }
}

/// What the numbers are, as far as there are any.
fn note(cells: &[(&CellSummary<'_>, TimeToTarget)]) -> String {
    let mut note = String::new();
    if cells.iter().any(|(_, time)| time.seconds.is_some()) {
        note += "Medians over the runs that reached it, least to greatest, of training seconds, prediction left out.";
    }
    if cells.iter().any(|(_, time)| time.reached > 0 && time.reached < time.tried) {
        note += " Expected time: seconds of all runs over the number of those that reached it.";
    }
    note
}

fn with_range(time: &TimeToTarget) -> String {
    let median = time.seconds.map_or_else(|| "no time".to_owned(), seconds);
    let range = time.range.filter(|(least, greatest)| least < greatest);
    let range = range.map_or_else(String::new, |(least, greatest)| {
        format!(" ({} to {})", significant(least), significant(greatest))
    });
    format!("{median}{range}")
}

/// `, 9.75 s of training; with the cold start 0.938 s + 4 × 2.25 s`.
fn times(time: &TimeToTarget) -> String {
    if time.seconds.is_none() {
        return String::new();
    }
    let expected = time
        .expected_seconds
        .filter(|_| time.reached < time.tried)
        .map_or_else(String::new, |expected| format!("; expected time {}", seconds(expected)));
    let parts = time.decomposition.map_or_else(String::new, |parts| {
        format!(
            "; by medians {} of cold start + {} × {}",
            seconds(parts.cold_start_seconds),
            significant_epochs(parts.epochs),
            seconds(parts.seconds_per_epoch)
        )
    });
    format!(", {} of training{expected}{parts}", with_range(time))
}

/// Medians of epochs are whole or halves.
pub(super) fn significant_epochs(epochs: f64) -> String {
    if epochs.fract() == 0.0 { format!("{epochs}") } else { significant(epochs) }
}

/// `in 4 epochs (3 of 3 runs)`, or that it does not.
pub(super) fn reach(record: &Record, summary: &CellSummary<'_>, time: &TimeToTarget) -> String {
    let runs = format!("{} of {}{}", time.reached, count(time.tried, "run"), lacking(record, summary));
    match time.epochs {
        _ if !time.is_ranked => "not ranked: not conformant".to_owned(),
        _ if time.tried == 0 => "not run".to_owned(),
        _ if time.finished == 0 => "no run trained all its epochs".to_owned(),
        Some(epochs) => {
            let plural = if epochs == 1.0 { "epoch" } else { "epochs" };
            format!("in {} {plural} ({runs})", significant_epochs(epochs))
        }
        None => {
            let epochs = count(record.started.plan.epochs as usize, "epoch");
            format!("not reached in {epochs} ({runs})")
        }
    }
}

/// `, without seed 2`: a cell that lacks seeds which others ran is not compared by its medians.
fn lacking(record: &Record, summary: &CellSummary<'_>) -> String {
    let seeds = record.started.plan.seeds.iter().copied();
    let lacks: Vec<u64> = seeds
        .filter(|&seed| !summary.tried().any(|run| run.seed == seed) && record.has_tried(seed))
        .collect();
    if lacks.is_empty() { String::new() } else { format!(", without {}", seed_names(&lacks)) }
}
