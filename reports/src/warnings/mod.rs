//! What a reader must know before the answers: what makes the numbers doubtful.

mod conditions;
mod nodes;
mod stalled;
mod warning;

pub use nodes::NodeWarning;
pub use stalled::Stall;
pub use warning::Warning;

use crate::record::{Cell, Outcome, Record, Run, RunOutcome, distinct};
use crate::statistics::median;

/// What makes the numbers doubtful, the gravest first.
pub fn warnings(record: &Record) -> Vec<Warning> {
    let started = &record.started;
    let is_debug = started.environments().any(|one| one.profile == "debug");
    let is_synthetic = started.plan.dataset.name == "synthetic";
    let found = [(is_synthetic, Warning::Synthetic), (is_debug, Warning::DebugBuild)];
    let found = found.into_iter().filter(|(is_so, warning)| *is_so && !warning.is_recorded(started));
    let mut warnings: Vec<Warning> = found.map(|(_, warning)| warning).collect();
    warnings.extend(started.warnings.iter().cloned().map(Warning::Recorded));
    warnings.extend(of_benchmark(record));
    warnings.extend(software_renderers(record));
    warnings.extend(failed_repeats(record));
    let (cells, noise_share) = (record.by_cell(), noise_share(record));
    warnings.extend(cells.iter().filter_map(|(cell, runs)| work_left(cell, runs, noise_share)));
    warnings.extend(cells.iter().filter_map(|(cell, runs)| more_threads(cell, runs)));
    warnings.extend(cells.iter().filter_map(|(cell, runs)| stalled::stalled(cell, runs)));
    warnings.extend(cells.iter().filter_map(|(cell, runs)| growing_memory(record, cell, runs)));
    warnings
}

/// The same of a benchmark whose runs go on: that runs and audits are still to come is no defect then.
pub fn warnings_so_far(record: &Record) -> Vec<Warning> {
    let is_still_to_come =
        |warning: &Warning| matches!(warning, Warning::Unfinished { .. } | Warning::NotAudited(_));
    warnings(record).into_iter().filter(|warning| !is_still_to_come(warning)).collect()
}

/// What concerns one benchmark as a whole. In a record of several runs, whose plans and
/// machines differ, the merging has said so of each.
pub(crate) fn of_benchmark(record: &Record) -> Vec<Warning> {
    if !record.started.merged.is_empty() {
        return Vec::new();
    }
    let of_plan = [unfinished(record), left_out(record), timed_only(record), not_audited(record)];
    let mut warnings: Vec<Warning> = of_plan.into_iter().flatten().collect();
    warnings.extend(nodes::nodes(record));
    warnings.extend(conditions::conditions(record, noise_share(record)));
    warnings
}

/// Says which devices only seem to be graphics processors.
fn software_renderers(record: &Record) -> Vec<Warning> {
    let adapters = record.started.environments().flat_map(|environment| &environment.adapters);
    let software = adapters.filter(|adapter| adapter.is_software).cloned();
    distinct(software).into_iter().map(|adapter| Warning::SoftwareRenderer { adapter }).collect()
}

/// Says which runs failed when they were made once more; they stand in no table.
fn failed_repeats(record: &Record) -> impl Iterator<Item = Warning> {
    use RunOutcome::{Interrupted, Ok};
    let failed = record.repeats().filter(|run| !matches!(run.end.outcome, Ok | Interrupted));
    failed.map(|run| Warning::FailedRepeat(Box::new(run.clone())))
}

/// No difference below this share says anything, however low the noise floor: …
const LEAST_SHARE: f64 = 0.02;
/// … and no unfinished work below this time, by which two reads of the parameters may differ.
const LEAST_UNFINISHED_SECONDS: f64 = 1e-3;
/// The same of a device, whose epochs may last milliseconds and whose copies no page fault
/// slows down.
const LEAST_UNFINISHED_ON_DEVICE: f64 = 1e-4;

/// The share beyond which a difference of single runs is more than noise.
fn noise_share(record: &Record) -> f64 {
    record.noise_floor().map_or(LEAST_SHARE, |floor| LEAST_SHARE.max(floor.greatest - 1.0))
}

/// Says so when work of a cell's epochs goes on after `train_epoch` has returned.
fn work_left(cell: &Cell, runs: &[&Run], noise_share: f64) -> Option<Warning> {
    let epochs = runs.iter().flat_map(|run| &run.epochs).filter(|epoch| epoch.number > 1);
    let shares = epochs.clone().filter_map(|epoch| Some(epoch.unfinished_seconds? / epoch.train_seconds));
    let (share, left) = (median(shares)?, median(epochs.filter_map(|epoch| epoch.unfinished_seconds))?);
    let least = if cell.device.is_cpu() { LEAST_UNFINISHED_SECONDS } else { LEAST_UNFINISHED_ON_DEVICE };
    let is_told = share > noise_share && left > least;
    is_told.then(|| Warning::WorkLeft { cell: cell.clone(), seconds: left })
}

/// Processors beyond the number of threads that are no thread of the backend's: the worker's
/// own, and clocks that tick differently.
const PROCESSOR_TOLERANCE: f64 = 0.15;

/// Says so when a cell on the processor keeps more of them busy than it was told to use.
fn more_threads(cell: &Cell, runs: &[&Run]) -> Option<Warning> {
    let epochs = runs.iter().flat_map(|run| &run.epochs);
    let busy = median(epochs.filter_map(|epoch| Some(epoch.train_cpu_seconds? / epoch.train_seconds)))?;
    let is_told = cell.device.is_cpu() && busy > cell.threads as f64 + PROCESSOR_TOLERANCE;
    is_told.then(|| Warning::MoreProcessors { cell: cell.clone(), busy })
}

/// Growth of resident memory that is no noise: more than this share of it, …
const GROWTH_SHARE: f64 = 0.02;
/// … and more than these bytes.
const GROWTH_BYTES: u64 = 4 << 20;

/// Says so when a cell's memory grows after the second epoch, by which everything
/// should have been allocated: a framework that keeps what it no longer needs.
fn growing_memory(record: &Record, cell: &Cell, runs: &[&Run]) -> Option<Warning> {
    let (grown, before, by_epoch) = runs.iter().filter_map(|run| growth(run)).max()?;
    let because = record.started.note_on(cell).map(str::to_owned);
    Some(Warning::GrowingMemory { cell: cell.clone(), grown, before, by_epoch, because })
}

/// By how much a run's memory grew, from how much, and how much it was after each epoch. What is
/// less than it fell by from one epoch to the next is a swing and no growth.
fn growth(run: &Run) -> Option<(u64, u64, Vec<u64>)> {
    let by_epoch: Vec<u64> = run.epochs.iter().map(|epoch| epoch.rss_bytes).collect::<Option<_>>()?;
    let (before, last) = (*by_epoch.get(1)?, *by_epoch.last()?);
    let grown = last.saturating_sub(before);
    let falls = by_epoch[1..].windows(2).map(|pair| pair[0].saturating_sub(pair[1]));
    let swing = falls.max().unwrap_or(0);
    let is_growth = grown > GROWTH_BYTES.max(swing) && grown as f64 > GROWTH_SHARE * before as f64;
    is_growth.then_some((grown, before, by_epoch))
}

/// Says so when planned runs are missing.
fn unfinished(record: &Record) -> Option<Warning> {
    let (ended, planned) = (record.ended_runs(), record.planned_runs());
    let is_unfinished = ended < planned && record.outcome != Some(Outcome::Decided);
    is_unfinished.then_some(Warning::Unfinished { ended, planned, outcome: record.outcome })
}

/// Says which cells the time budget left out of later rounds, and of how many.
fn left_out(record: &Record) -> Option<Warning> {
    let mut cells: Vec<(Cell, Vec<u64>)> = Vec::new();
    for (index, cell) in record.started.plan.cells.iter().enumerate() {
        let rounds = record.rounds.iter().filter(|round| round.left_out.contains(&index));
        let mut seeds: Vec<u64> = rounds
            .map(|round| round.seed)
            .filter(|&seed| {
                !record.samples_of(cell).any(|run| run.seed == seed && !run.end.outcome.is_not_made())
            })
            .collect();
        seeds.sort_unstable();
        seeds.dedup();
        if !seeds.is_empty() {
            cells.push((cell.clone(), seeds));
        }
    }
    (!cells.is_empty()).then_some(Warning::LeftOut(cells))
}

/// Says which cells were trained for time only, because the budget had no room for more.
fn timed_only(record: &Record) -> Option<Warning> {
    let is_timed_only = |runs: &[&Run]| !runs.is_empty() && runs.iter().all(|run| run.is_for_time());
    let by_cell = record.by_cell().into_iter();
    let cells: Vec<Cell> =
        by_cell.filter(|(_, runs)| is_timed_only(runs)).map(|(cell, _)| cell.clone()).collect();
    (!cells.is_empty()).then_some(Warning::TimedOnly(cells))
}

/// Says where no timed run was held against its steps.
fn not_audited(record: &Record) -> Option<Warning> {
    if !record.started.plan.audit? {
        return Some(Warning::NoAudit);
    }
    let lacks =
        |runs: &[&Run]| runs.iter().any(|run| run.is_ok()) && runs.iter().all(|run| run.audit.is_none());
    let by_cell = record.by_cell().into_iter();
    let cells: Vec<Cell> = by_cell.filter(|(_, runs)| lacks(runs)).map(|(cell, _)| cell.clone()).collect();
    (!cells.is_empty()).then_some(Warning::NotAudited(cells))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;
    use crate::record::{Device, Event, MergedRun, Note, Purpose};

    fn warnings(record: &Record) -> Vec<String> {
        super::warnings(record).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_still_to_come_is_no_defect_of_runs_that_go_on() {
        let mut events = example::events();
        // The last run has begun, and has no end.
        let last = events.iter().rposition(|event| matches!(event, Event::Ended(_))).unwrap();
        events.truncate(last);
        let parent = tempfile::tempdir().unwrap();
        let record = Record::read(&example::write(parent.path(), &events)).unwrap();
        let speaks_of_a_kill = |told: Vec<String>| told.iter().any(|text| text.contains("was killed"));
        assert!(speaks_of_a_kill(warnings(&record)));
        let so_far = warnings_so_far(&record).iter().map(ToString::to_string).collect();
        assert!(!speaks_of_a_kill(so_far));
        let open = |run: &&Run| run.end.reason.as_deref().is_some_and(|text| text.contains("was killed"));
        assert_eq!(record.failures().filter(open).count(), 1);
        assert_eq!(record.failures_so_far().filter(open).count(), 0);
        assert_eq!(record.failures_so_far().count() + 1, record.failures().count());
    }

    #[test]
    fn a_label_that_holds_a_warning_s_word_silences_none() {
        let mut record = example::record_of_one_run();
        record.started.plan.dataset.name = "synthetic".to_owned();
        let run = MergedRun {
            machine: "debugbox".to_owned(),
            run_id: "a".to_owned(),
            unix_time: 0.0,
            command: String::new(),
            seeds: vec![1],
            environment: crate::record::Environment {
                profile: "debug".to_owned(),
                ..record.started.environment.clone()
            },
        };
        record.started.merged = vec![run];
        let with = |text: &str| {
            let mut record = record.clone();
            record.started.warnings = vec![text.to_owned()];
            warnings(&record)
        };
        let found = [Warning::Synthetic, Warning::DebugBuild].map(|warning| warning.to_string());
        let busy = "debugbox: the machine was busy at the start (load average 1.0), synthetic: no";
        assert_eq!(with(busy)[..2], found);
        let told = with("debugbox: data set synthetic: not comparable with numbers on fashion-mnist");
        assert!(!told.contains(&found[0]) && told.contains(&found[1]), "{told:?}");
        let told = with(&format!("debugbox: {}", found[1]));
        assert!(told.contains(&found[0]) && !told.contains(&found[1]), "{told:?}");
    }

    #[test]
    fn the_processor_is_one_by_any_of_its_names() {
        let mut record = example::record_of_one_run();
        let numbered = |cell: &mut Cell| cell.device = Device::from("cpu:0");
        record.runs.iter_mut().for_each(|run| numbered(&mut run.cell));
        record.started.plan.cells.iter_mut().for_each(numbered);
        for epoch in example::epochs_of(&mut record) {
            epoch.train_cpu_seconds = Some(3.5 * epoch.train_seconds);
        }
        assert!(warnings(&record).iter().any(|warning| warning.contains("busy in training")));
    }

    #[test]
    fn a_cell_without_an_audit_is_told_if_there_should_be_one() {
        let told = |record: &Record| {
            warnings(record).into_iter().filter(|warning| warning.contains("audited")).collect::<Vec<_>>()
        };
        let mut record = example::record_of_one_run();
        assert!(told(&record).is_empty(), "there were none then");
        record.started.plan.audit = Some(false);
        assert!(told(&record)[0].starts_with("no run was audited (--no-audit): "));
        record.started.plan.audit = Some(true);
        assert_eq!(
            told(&record),
            ["no run was audited of lenet-bn handwritten/primitive@cpu; `bench --resume` makes up for it"]
        );
        record.runs[0].take_audit(example::audit());
        assert!(told(&record).is_empty());
    }

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
    fn many_cells_that_were_left_out_are_counted() {
        let cell = |name: &str| example::cell("lenet-bn", name, "builtin");
        let mut cells = vec![(cell("tch"), vec![2, 3])];
        cells.extend(["a", "b", "c"].map(|name| (cell(name), vec![3])));
        let told = |cells: &[(Cell, Vec<u64>)]| Warning::LeftOut(cells.to_vec()).to_string();
        let named = "lenet-bn tch/builtin@cpu with seeds 2, 3; \
                     lenet-bn a/builtin@cpu, lenet-bn b/builtin@cpu, lenet-bn c/builtin@cpu with seed 3; their";
        assert!(told(&cells).contains(named), "{}", told(&cells));
        cells.push((cell("d"), vec![3]));
        let counted = "lenet-bn tch/builtin@cpu with seeds 2, 3; 4 cells with seed 3; their";
        assert!(told(&cells).contains(counted), "{}", told(&cells));
    }

    #[test]
    fn work_that_is_left_is_told_if_it_is_more_than_noise() {
        let left = |unfinished: f64, noise: f64| {
            let mut record = example::record_of_one_run();
            for epoch in example::epochs_of(&mut record) {
                // Of 8.125 s each, but for the first, which does not count.
                epoch.unfinished_seconds = Some(if epoch.number == 1 { 9.0 } else { unfinished });
            }
            let record = example::with_repeats(record, Purpose::Repeat, noise);
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
            for epoch in example::epochs_of(&mut record) {
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
            for epoch in example::epochs_of(&mut record) {
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
        let mut run = example::again(&record.runs[0], Purpose::Repeat, 1.0);
        run.end.outcome = RunOutcome::Failed;
        run.end.reason = Some("was killed by SIGSEGV\nduring train_epoch".to_owned());
        record.runs.push(run);
        let told = "lenet-bn handwritten/primitive@cpu, seed 1, run once more (repeat): failed: was killed by \
                    SIGSEGV during train_epoch";
        assert!(warnings(&record).contains(&told.to_owned()), "{:?}", warnings(&record));
    }

    #[test]
    fn a_leak_is_told_and_noise_is_not() {
        let grown = |bytes: [u64; 5]| {
            let mut record = example::record_of_one_run();
            for (epoch, bytes) in example::epochs_of(&mut record).zip(bytes) {
                epoch.rss_bytes = Some(bytes << 20);
            }
            warnings(&record).into_iter().filter(|warning| warning.contains("memory")).collect::<Vec<_>>()
        };
        assert!(grown([100, 300, 302, 299, 304]).is_empty());
        assert!(grown([438, 350, 438, 441, 360]).is_empty(), "it swings");
        assert_eq!(grown([100, 300, 260, 400, 360]).len(), 1, "it swings and grows");
        assert_eq!(
            grown([100, 300, 400, 500, 600]),
            [
                "lenet-bn handwritten/primitive@cpu: its memory grew by 300 MiB, 100 %, from epoch 2 to 5 (100 MiB, \
                 300 MiB, 400 MiB, 500 MiB, 600 MiB after epochs 1 to 5): it may leak"
            ]
        );
    }

    #[test]
    fn a_backend_s_reason_takes_the_place_of_the_suspicion() {
        let mut record = example::record_of_one_run();
        for (bytes, epoch) in (1..).zip(example::epochs_of(&mut record)) {
            epoch.rss_bytes = Some(bytes << 30);
        }
        let note = |text: &str| Note { backend: "handwritten".to_owned(), text: text.to_owned() };
        let told = |notes: Vec<Note>| {
            let mut record = record.clone();
            record.started.notes = notes;
            warnings(&record).into_iter().find(|warning| warning.contains("memory")).unwrap()
        };
        let reason = note("primitive: it keeps the graph of every step");
        let found = told(vec![note("builtin: it keeps nothing"), reason.clone()]);
        assert!(
            found.ends_with("after epochs 1 to 5): handwritten says: it keeps the graph of every step"),
            "{found}"
        );
        let of_another = Note { backend: "tch".to_owned(), ..reason };
        assert!(told(vec![of_another, note("primitively: it leaks")]).ends_with(": it may leak"));
    }

    #[test]
    fn many_epochs_are_not_listed_one_by_one() {
        let cell = example::cell("lenet-bn", "tch", "builtin");
        let by_epoch: Vec<u64> = (1..=20).map(|epoch| epoch << 30).collect();
        let warning =
            Warning::GrowingMemory { cell, grown: 18 << 30, before: 2 << 30, by_epoch, because: None };
        let told = warning.to_string();
        assert!(told.contains("5.0 GiB, 6.0 GiB, …, 20.0 GiB after epochs 1 to 20"), "{told}");
    }
}
