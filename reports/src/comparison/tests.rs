use super::*;
use crate::example;
use crate::record::{Metric, Target};
use crate::statistics::Verdict;
use crate::summary::{group, summarize};

fn groups(record: &Record) -> Vec<Group> {
    group(summarize(record))
}

/// The example with its first cell run once more per seed, `factor` times as slow.
fn with_repeats(purpose: Purpose, factor: f64) -> Record {
    let mut record = example::record();
    let cell = record.started.plan.cells[0].clone();
    for run in record.runs_of(&cell).cloned().collect::<Vec<_>>() {
        let slower = |epoch: &EpochRecord| EpochRecord {
            purpose,
            train_seconds: epoch.train_seconds * factor,
            ..epoch.clone()
        };
        let epochs = record.epochs_of(&cell, run.seed).into_iter().map(slower).collect();
        record.repeats.push(Repeat { run: RunRecord { purpose, ..run }, epochs });
    }
    record
}

#[test]
fn the_noise_floor_is_what_a_repeat_took_beyond_the_first() {
    assert_eq!(noise_floor(&example::record()), None);
    for factor in [1.04, 1.0 / 1.04] {
        let floor = noise_floor(&with_repeats(Purpose::Repeat, factor)).unwrap();
        assert!((floor.percent() - 4.0).abs() < 1e-9, "{floor:?}");
        assert_eq!(floor.pairs, 3);
    }
}

#[test]
fn a_failed_repeat_is_no_pair() {
    let mut record = with_repeats(Purpose::Repeat, 1.5);
    for repeat in &mut record.repeats {
        repeat.run.outcome = RunOutcome::Failed;
    }
    assert_eq!(noise_floor(&record), None);
}

#[test]
fn drift_is_the_last_run_over_the_first() {
    assert_eq!(drift(&with_repeats(Purpose::Repeat, 1.1)), None);
    let drift = drift(&with_repeats(Purpose::Drift, 1.1)).unwrap();
    assert!((drift - 1.1).abs() < 1e-12, "{drift}");
}

#[test]
fn only_seeds_of_both_are_compared() {
    let mut record = example::record();
    let cell = record.started.plan.cells[1].clone();
    record.runs.retain(|run| run.cell != cell || run.seed != 2);
    let relative = Relative::of(&record, &groups(&record)[0]);
    assert_eq!(relative.get(2, 0).unwrap().seeds, 3);
    assert_eq!(relative.get(2, 1).unwrap().seeds, 2);
    assert_eq!(relative.get(0, 0), None, "a cell is not compared with itself");
    assert_eq!(relative.get(3, 0), None, "no run of crashy ended");
}

#[test]
fn the_floor_forbids_a_verdict_that_the_interval_alone_would_give() {
    let record = example::record();
    let (primitive, builtin) = (1, 2);
    let verdict =
        |record: &Record| Relative::of(record, &groups(record)[0]).get(builtin, primitive).unwrap().verdict;
    assert_eq!(verdict(&record), Verdict::Higher);
    assert_eq!(verdict(&with_repeats(Purpose::Repeat, 2.0)), Verdict::NoDifferenceShown);
}

#[test]
fn a_cell_that_computes_another_function_is_compared_with_none() {
    let mut record = example::record();
    let cell = record.started.plan.cells[1].clone();
    let run = record.runs.iter_mut().find(|run| run.cell == cell).unwrap();
    run.outcome = RunOutcome::NotConformant;
    assert!(seconds_by_seed(&record, &cell).is_empty());
    assert_eq!(Relative::of(&record, &groups(&record)[0]).get(2, 1), None);
}

#[test]
fn a_run_that_did_not_reach_the_target_costs_expected_time() {
    let mut record = example::record();
    let cell = record.started.plan.cells[2].clone();
    let late = record.epochs.iter_mut().filter(|epoch| epoch.cell == cell && epoch.seed == 1);
    for epoch in late {
        epoch.train_accuracy = Some(0.5);
    }
    for run in record.runs.iter_mut().filter(|run| run.cell == cell) {
        run.targets.clear();
    }
    let groups = groups(&record);
    let target = Target { metric: Metric::TrainAccuracy, at_least: 0.88 };
    let time = time_to_target(&record, &groups[0].cells[2], target);
    assert_eq!((time.reached, time.tried), (2, 3));
    let (least, greatest) = time.range.unwrap();
    assert_eq!((least, greatest), (3.0 + 3.0 * 2.25, 3.0 + 3.0 * 2.375));
    // Seed 1 for all five epochs, seeds 2 and 3 for four, over two successes.
    let spent = (3.0 + 4.0 * 2.125) + (3.0 + 3.0 * 2.25) + (3.0 + 3.0 * 2.375);
    assert!((time.expected_seconds.unwrap() - spent / 2.0).abs() < 1e-9, "{time:?}");
    let parts = time.decomposition.unwrap();
    assert_eq!((parts.epochs, parts.cold_start_seconds, parts.seconds_per_epoch), (4.0, 0.6875, 2.25));
}

#[test]
fn accuracies_are_compared_with_those_of_the_control() {
    let record = example::record();
    let groups = groups(&record);
    let pairs = batch_norm_pairs(&record, &groups[0], &groups[1]);
    assert_eq!(pairs.len(), 3, "handwritten once, tch twice");
    for pair in pairs {
        assert_eq!((pair.with_target.reached, pair.without_target.reached), (3, 0));
        assert_eq!(pair.accuracy.verdict, Verdict::Higher);
        assert!(pair.accuracy.adjusted_p_value >= pair.accuracy.p_value);
    }
}

#[test]
fn a_comparison_the_other_way_round_is_its_reciprocal() {
    let record = example::record();
    let relative = Relative::of(&record, &groups(&record)[0]);
    for baseline in 0..4 {
        for subject in 0..4 {
            let values = |place: usize| seconds_by_seed(&record, &groups(&record)[0].cells[place].cell);
            let direct = statistics::compare(&pairs(&values(subject), &values(baseline)));
            let Some(found) = relative.get(baseline, subject) else {
                assert!(baseline == subject || direct.seeds == 0);
                continue;
            };
            let (found, direct) = (found.interval.unwrap(), direct.interval.unwrap());
            for (one, other) in
                [(found.estimate, direct.estimate), (found.low, direct.low), (found.high, direct.high)]
            {
                assert!(
                    (one / other - 1.0).abs() < 1e-12,
                    "{subject} against {baseline}: {found:?}, {direct:?}"
                );
            }
        }
    }
}
