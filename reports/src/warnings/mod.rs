//! What a reader must know before the answers: what makes the numbers doubtful.

mod conditions;

use crate::comparison::noise_floor;
use crate::csv::one_line;
use crate::number::{bytes, count, seconds, seed_names};
use crate::record::{Cell, EpochRecord, Outcome, RunOutcome, RunRecord};
use crate::store::Record;
use crate::summary::median;

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
    warnings.extend(of_benchmark(record));
    warnings.extend(failed_repeats(record));
    warnings.extend(record.cells().into_iter().filter_map(|cell| work_left(record, cell)));
    warnings.extend(record.cells().into_iter().filter_map(|cell| more_threads(record, cell)));
    warnings.extend(record.cells().into_iter().filter_map(|cell| growing_memory(record, cell)));
    warnings
}

/// What concerns one benchmark as a whole. In a record of several runs, whose plans and
/// machines differ, the merging has said so of each.
pub(crate) fn of_benchmark(record: &Record) -> Vec<String> {
    if !record.started.merged.is_empty() {
        return Vec::new();
    }
    let mut warnings: Vec<String> = [unfinished(record), left_out(record)].into_iter().flatten().collect();
    warnings.extend(conditions::conditions(record, noise_share(record)));
    warnings
}

/// Says which runs failed when they were made once more; they stand in no table.
fn failed_repeats(record: &Record) -> impl Iterator<Item = String> {
    use RunOutcome::{Interrupted, Ok};
    let runs = record.repeats.iter().map(|repeat| &repeat.run);
    runs.filter(|run| !matches!(run.outcome, Ok | Interrupted)).map(|run| {
        let RunRecord { cell, seed, purpose, outcome, reason, .. } = run;
        let reason = reason.as_deref().map(|reason| format!(": {}", one_line(reason))).unwrap_or_default();
        format!("{cell}, seed {seed}, run once more ({}): {}{reason}", purpose.name(), outcome.name())
    })
}

/// No difference below this share says anything, however low the noise floor: …
const LEAST_SHARE: f64 = 0.02;
/// … and no unfinished work below this time, by which two reads of the parameters may differ.
const LEAST_UNFINISHED_SECONDS: f64 = 1e-3;
/// The same of a device, whose epochs may last milliseconds and whose copies no page fault
/// slows down.
const LEAST_UNFINISHED_ON_DEVICE: f64 = 1e-4;

/// The share beyond which a difference is more than noise.
fn noise_share(record: &Record) -> f64 {
    noise_floor(record).map_or(LEAST_SHARE, |floor| LEAST_SHARE.max(floor.ratio - 1.0))
}

/// Says so when work of a cell's epochs goes on after `train_epoch` has returned.
fn work_left(record: &Record, cell: &Cell) -> Option<String> {
    let of_cell = |epoch: &&EpochRecord| epoch.cell == *cell && epoch.epoch > 1;
    let epochs = || record.epochs.iter().filter(of_cell);
    let share = median(epochs().filter_map(|epoch| Some(epoch.unfinished_seconds? / epoch.train_seconds)))?;
    let left = median(epochs().filter_map(|epoch| epoch.unfinished_seconds))?;
    let is_cpu = cell.device.is_cpu();
    let least = if is_cpu { LEAST_UNFINISHED_SECONDS } else { LEAST_UNFINISHED_ON_DEVICE };
    let place = if is_cpu { String::new() } else { format!(" on {}", cell.device) };
    (share > noise_share(record) && left > least).then(|| {
        format!(
            "{cell}: {} per epoch of its work was left{place} when train_epoch returned; its times are too short",
            seconds(left)
        )
    })
}

/// Processors beyond the number of threads that are no thread of the backend's: the worker's
/// own, and clocks that tick differently.
const PROCESSOR_TOLERANCE: f64 = 0.15;

/// Says so when a cell on the processor keeps more of them busy than it was told to use.
fn more_threads(record: &Record, cell: &Cell) -> Option<String> {
    let of_cell = |epoch: &&EpochRecord| epoch.cell == *cell && cell.device.is_cpu();
    let epochs = record.epochs.iter().filter(of_cell);
    let busy = median(epochs.filter_map(|epoch| Some(epoch.train_cpu_seconds? / epoch.train_seconds)))?;
    (busy > cell.threads as f64 + PROCESSOR_TOLERANCE).then(|| {
        format!(
            "{cell}: kept {busy:.1} processors busy in training, and it was told to use {}: its times \
             compare with those of other backends on more processors",
            cell.threads
        )
    })
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

/// Says so when planned runs are missing.
fn unfinished(record: &Record) -> Option<String> {
    let plan = &record.started.plan;
    let planned = plan.cells.len() * plan.seeds.len();
    let ended = record.runs.iter().filter(|run| run.outcome != RunOutcome::Interrupted).count();
    if ended >= planned {
        return None;
    }
    let why = match record.outcome {
        Some(Outcome::Budget) => "the time budget had no room for the rest",
        Some(Outcome::Interrupted) => "it was interrupted; `--resume` continues it",
        Some(Outcome::Complete) => "the rest has no end in the record",
        None => "trainmark was killed, or still runs; `--resume` continues it",
    };
    Some(format!("{ended} of {} ended: {why}", count(planned, "planned run")))
}

/// Says which cells the time budget left out of later rounds, and of how many.
fn left_out(record: &Record) -> Option<String> {
    let plan = &record.started.plan;
    let rounds_without = |(index, cell): (usize, &Cell)| {
        let is_missing = |seed: &u64| !record.runs.iter().any(|run| run.seed == *seed && run.cell == *cell);
        let mut seeds: Vec<u64> = record
            .rounds
            .iter()
            .filter(|round| round.left_out.contains(&index))
            .map(|round| round.seed)
            .filter(is_missing)
            .collect();
        seeds.dedup();
        (!seeds.is_empty()).then(|| format!("{cell} with {}", seed_names(&seeds)))
    };
    let cells: Vec<String> = plan.cells.iter().enumerate().filter_map(rounds_without).collect();
    (!cells.is_empty()).then(|| {
        format!(
            "the dearest cells were left out to stay within the time budget: {}; their medians are over other \
             seeds than those of the others, so compare them by the ratios, which are of the same seeds",
            cells.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;
    use crate::record::Purpose;
    use crate::store::Repeat;

    #[test]
    fn what_the_budget_left_out_is_told() {
        let mut record = example::record();
        let missing = record.started.plan.cells[2].clone();
        record.runs.retain(|run| run.cell != missing || run.seed == 1);
        for round in &mut record.rounds[1..] {
            round.left_out = vec![1, 2];
        }
        record.outcome = Some(Outcome::Budget);
        let told: Vec<String> =
            warnings(&record).into_iter().filter(|warning| warning.contains("budget")).collect();
        assert_eq!(
            told,
            [
                "16 of 18 planned runs ended: the time budget had no room for the rest",
                // The other one was run all the same, when the benchmark was resumed.
                "the dearest cells were left out to stay within the time budget: \
                 lenet-bn tch/builtin@cpu with seeds 2, 3; their medians are over other seeds than those of \
                 the others, so compare them by the ratios, which are of the same seeds",
            ]
        );
    }

    #[test]
    fn work_that_is_left_is_told_if_it_is_more_than_noise() {
        let left = |unfinished: f64, noise: f64| {
            let mut record = example::record_of_one_run();
            for epoch in &mut record.epochs {
                // Of 8.125 s each, but for the first, which does not count.
                epoch.unfinished_seconds = Some(if epoch.epoch == 1 { 9.0 } else { unfinished });
            }
            let mut epochs = record.epochs.clone();
            epochs.iter_mut().for_each(|epoch| epoch.train_seconds *= noise);
            let run = RunRecord { purpose: Purpose::Repeat, ..record.runs[0].clone() };
            record.repeats.push(Repeat { run, epochs });
            warnings(&record).into_iter().filter(|warning| warning.contains("was left")).collect::<Vec<_>>()
        };
        assert_eq!(
            left(0.21, 1.01),
            ["lenet-bn handwritten/primitive@cpu: 0.210 s per epoch of its work was left when \
              train_epoch returned; its times are too short"]
        );
        assert!(left(0.1, 1.01).is_empty(), "below 2 %");
        assert!(left(0.21, 1.05).is_empty(), "below the noise floor");
    }

    #[test]
    fn more_processors_than_threads_are_told() {
        let with = |processors: f64| {
            let mut record = example::record_of_one_run();
            for epoch in &mut record.epochs {
                epoch.train_cpu_seconds = Some(processors * epoch.train_seconds);
            }
            warnings(&record).into_iter().find(|warning| warning.contains("busy in training"))
        };
        let told = with(3.5).expect("more than its two threads");
        assert!(told.contains("kept 3.5 processors busy in training, and it was told to use 2"), "{told}");
        assert_eq!(with(2.1), None);
    }

    #[test]
    fn work_that_is_left_on_a_device_is_told_from_a_shorter_time_on() {
        let told = |mut record: Record| {
            for epoch in &mut record.epochs {
                (epoch.train_seconds, epoch.unfinished_seconds) = (7e-3, Some(0.5e-3));
            }
            warnings(&record).into_iter().filter(|warning| warning.contains("was left")).collect::<Vec<_>>()
        };
        assert_eq!(
            told(example::record_on_gpu()),
            [
                "lenet-bn handwritten/primitive@cuda:0: 0.000500 s per epoch of its work was left on cuda:0 when \
              train_epoch returned; its times are too short"
            ]
        );
        assert!(told(example::record_of_one_run()).is_empty(), "a page fault may take that long");
    }

    #[test]
    fn a_repeat_that_failed_is_told() {
        let mut record = example::record_of_one_run();
        let reason = Some("was killed by SIGSEGV\nduring train_epoch".to_owned());
        let (purpose, outcome) = (Purpose::Repeat, RunOutcome::Failed);
        let run = RunRecord { purpose, outcome, reason, ..record.runs[0].clone() };
        record.repeats.push(Repeat { run, epochs: Vec::new() });
        let told = "lenet-bn handwritten/primitive@cpu, seed 1, run once more (repeat): failed: was killed by \
                    SIGSEGV during train_epoch";
        assert!(warnings(&record).contains(&told.to_owned()), "{:?}", warnings(&record));
    }

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
