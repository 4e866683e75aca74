//! Which cell reaches a target first?

use super::{Answer, metric_name};
use crate::comparison::{TimeToTarget, time_to_target};
use crate::number::{count, seconds, seed_names, significant};
use crate::record::{Cell, Target};
use crate::store::Record;
use crate::summary::{CellSummary, Group, why_nothing};

pub(super) fn answer(record: &Record, group: &Group, target: Target) -> Answer {
    let mut cells: Vec<(&CellSummary, TimeToTarget)> =
        group.cells.iter().map(|summary| (summary, time_to_target(record, summary, target))).collect();
    // One lucky run of three is no faster than three of three.
    let missed = |time: &TimeToTarget| 1.0 - time.reached as f64 / time.tried.max(1) as f64;
    let key = |time: &TimeToTarget| time.seconds.unwrap_or(f64::INFINITY);
    cells.sort_by(|a, b| missed(&a.1).total_cmp(&missed(&b.1)).then(key(&a.1).total_cmp(&key(&b.1))));
    let name = metric_name(target);
    let lead = match (cells.first(), why_nothing(group.cells.iter())) {
        (Some((summary, time)), _) if time.seconds.is_some() => format!(
            "{} has the lowest median: {} of training ({} of {}).",
            group.label(&summary.cell),
            with_range(time),
            time.reached,
            count(time.tried, "run")
        ),
        (_, Some(why)) => format!("{why}."),
        _ => format!("No cell reached {name} in {}.", count(record.started.plan.epochs as usize, "epoch")),
    };
    let figure = cells.first().and_then(|(_, time)| time.seconds).map_or_else(String::new, seconds);
    let line = |(summary, time): &(&CellSummary, TimeToTarget)| {
        format!("{}: {}{}", group.label(&summary.cell), reach(record, summary, time), times(time))
    };
    Answer {
        title: format!("Time to {name}: {} on {}", group.workload, group.device),
        figure,
        lead,
        lines: cells.iter().map(line).collect(),
        note: note(&cells),
    }
}

/// What the numbers are, as far as there are any.
fn note(cells: &[(&CellSummary, TimeToTarget)]) -> String {
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

/// `, 9.75 s of training; with the cold start 0.688 s + 4 × 2.25 s`.
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
pub(super) fn reach(record: &Record, summary: &CellSummary, time: &TimeToTarget) -> String {
    let runs = format!("{} of {}{}", time.reached, count(time.tried, "run"), lacking(record, &summary.cell));
    match time.epochs {
        _ if !time.is_ranked => "not ranked: not conformant".to_owned(),
        _ if time.tried == 0 => "not run".to_owned(),
        _ if summary.ok_runs == 0 => "no run trained all its epochs".to_owned(),
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
fn lacking(record: &Record, cell: &Cell) -> String {
    let has = |cell: &Cell, seed: &u64| record.tried_runs(cell).any(|run| run.seed == *seed);
    let cells = record.cells();
    let others = |seed: &u64| cells.iter().any(|other| has(other, seed));
    let seeds = record.started.plan.seeds.iter();
    let lacks: Vec<u64> = seeds.copied().filter(|seed| !has(cell, seed) && others(seed)).collect();
    if lacks.is_empty() { String::new() } else { format!(", without {}", seed_names(&lacks)) }
}
