//! What a reader must know before the answers: what makes the numbers doubtful.

use crate::number::{bytes, count};
use crate::record::{Cell, Outcome, RunOutcome, RunRecord};
use crate::store::Record;

/// What makes the numbers doubtful, the gravest first.
pub fn warnings(record: &Record) -> Vec<String> {
    let started = &record.started;
    let told = |word: &str| started.warnings.iter().any(|warning| warning.to_lowercase().contains(word));
    let mut warnings = Vec::new();
    if started.plan.dataset.name == "synthetic" && !told("synthetic") {
        warnings.push(
            "synthetic data: the accuracies say nothing of fashion-mnist; times are comparable".to_owned(),
        );
    }
    let merged = started.merged.iter().map(|run| &run.environment);
    let is_debug = std::iter::once(&started.environment).chain(merged).any(|one| one.profile == "debug");
    if is_debug && !told("debug") {
        warnings.push("debug build of the harness: overheads outside the backends are larger".to_owned());
    }
    warnings.extend(started.warnings.iter().cloned());
    warnings.extend(unfinished(record));
    warnings.extend(record.cells().into_iter().filter_map(|cell| growing_memory(record, cell)));
    warnings
}

/// Growth of resident memory that is no noise: more than this share of it, …
const GROWTH_SHARE: f64 = 0.02;
/// … and more than these bytes.
const GROWTH_BYTES: u64 = 4 << 20;

/// Says so when a cell's memory grows after the second epoch, by which everything
/// should have been allocated: a framework that keeps what it no longer needs.
fn growing_memory(record: &Record, cell: &Cell) -> Option<String> {
    let growth = |run: &RunRecord| {
        let epochs = record.epochs_of(cell, run.seed);
        let (second, last) = (epochs.get(1)?, epochs.last()?);
        let (before, after) = (second.rss_bytes?, last.rss_bytes?);
        let grown = after.saturating_sub(before);
        let is_growth = grown > GROWTH_BYTES && grown as f64 > GROWTH_SHARE * before as f64;
        is_growth.then_some((grown, before, last.epoch))
    };
    let (grown, before, epoch) = record.runs_of(cell).filter_map(growth).max()?;
    Some(format!(
        "{cell}: its memory grew by {}, {:.0} %, from epoch 2 to {epoch}: it may leak",
        bytes(grown),
        100.0 * grown as f64 / before as f64
    ))
}

/// Says so when planned runs are missing. In a record of several runs, whose plans
/// differ, the merging has said so of each.
pub(crate) fn unfinished(record: &Record) -> Option<String> {
    if !record.started.merged.is_empty() {
        return None;
    }
    let plan = &record.started.plan;
    let planned = plan.cells.len() * plan.seeds.len();
    let ended = record.runs.iter().filter(|run| run.outcome != RunOutcome::Interrupted).count();
    if ended >= planned {
        return None;
    }
    let why = match record.outcome {
        Some(Outcome::Budget) => "a further round would have passed the time budget",
        Some(Outcome::Interrupted) => "it was interrupted; `--resume` continues it",
        Some(Outcome::Complete) => "the rest has no end in the record",
        None => "trainmark was killed, or still runs; `--resume` continues it",
    };
    Some(format!("{ended} of {} ended: {why}", count(planned, "planned run")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn a_leak_is_told_and_noise_is_not() {
        let grown = |bytes: [u64; 5]| {
            let mut record = example::record_of_one_run();
            for (epoch, bytes) in record.epochs.iter_mut().zip(bytes) {
                epoch.rss_bytes = Some(bytes << 20);
            }
            warnings(&record).into_iter().filter(|warning| warning.contains("memory")).collect::<Vec<_>>()
        };
        assert!(grown([100, 300, 302, 299, 304]).is_empty());
        assert_eq!(
            grown([100, 300, 400, 500, 600]),
            [
                "lenet-bn handwritten/primitive@cpu: its memory grew by 300 MiB, 100 %, from epoch 2 to 5: it may leak"
            ]
        );
    }
}
