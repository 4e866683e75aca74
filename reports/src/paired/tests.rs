use super::*;
use crate::example;
use crate::record::{Metric, RunOutcome, Target};
use crate::statistics::Verdict;
use crate::summary::{group, summarize};

fn groups(record: &Record) -> Vec<Group<'_>> {
    group(summarize(record))
}

/// The example with its first cell run once more per seed, `factor` times as slow.
fn with_repeats(purpose: Purpose, factor: f64) -> Record {
    example::with_repeats(example::record(), purpose, factor)
}

#[test]
fn the_noise_floor_is_what_a_repeat_took_beyond_the_first() {
    assert_eq!(example::record().noise_floor(), None);
    for factor in [1.04, 1.0 / 1.04] {
        let floor = with_repeats(Purpose::Repeat, factor).noise_floor().unwrap();
        assert!((floor.percent() - 4.0).abs() < 1e-9, "{floor:?}");
        assert_eq!(floor.pairs, 3);
    }
}

#[test]
fn one_outlier_of_many_pairs_is_not_the_floor_of_a_mean() {
    let mut record = with_repeats(Purpose::Repeat, 1.01);
    let repeats: Vec<Run> =
        record.runs.iter().filter(|run| run.purpose == Purpose::Repeat).cloned().collect();
    let samples: Vec<Run> = repeats.iter().filter_map(|run| record.repeated_by(run).cloned()).collect();
    for (seed, factor) in (11..19).zip([1.3, 1.0, 1.01, 0.99, 1.0, 0.98, 1.02, 1.0]) {
        let (mut sample, mut repeat) = (samples[0].clone(), samples[0].clone());
        (sample.seed, repeat.seed, repeat.purpose) = (seed, seed, Purpose::Repeat);
        repeat.epochs.iter_mut().for_each(|epoch| epoch.train_seconds *= factor);
        record.runs.extend([sample, repeat]);
    }
    let floor = record.noise_floor().unwrap();
    assert!((floor.greatest - 1.3).abs() < 1e-9, "{floor:?}");
    assert!(1.03 < floor.ratio && floor.ratio < 1.12, "{floor:?}");
    assert_eq!(floor.pairs, 11);
    let told = crate::words::floor_in_words(Some(floor));
    assert!(told.contains("the mean of 11 pairs of runs of the same may be off"), "{told}");
    assert!(told.ends_with("the runs of one differed by at most 30 %."), "{told}");
}

#[test]
fn a_merged_runs_floor_is_that_of_the_noisiest_machine() {
    let mut record = with_repeats(Purpose::Repeat, 1.02);
    let mut other = with_repeats(Purpose::Repeat, 1.2).runs;
    for run in &mut other {
        run.cell.machine = Some("other".to_owned());
    }
    record.runs.extend(other);
    let floor = record.noise_floor().unwrap();
    assert!((floor.ratio - 1.2).abs() < 1e-9 && floor.pairs == 6, "{floor:?}");
}

#[test]
fn a_failed_repeat_is_no_pair() {
    let mut record = with_repeats(Purpose::Repeat, 1.5);
    for run in record.runs.iter_mut().filter(|run| !run.is_sample()) {
        run.end.outcome = RunOutcome::Failed;
    }
    assert_eq!(record.noise_floor(), None);
}

#[test]
fn drift_is_the_last_run_over_the_first() {
    assert_eq!(with_repeats(Purpose::Repeat, 1.1).drift(), None);
    let drift = with_repeats(Purpose::Drift, 1.1).drift().unwrap();
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
    run.end.outcome = RunOutcome::NotConformant;
    assert!(record.cell(&cell).seconds_by_seed().is_empty());
    assert_eq!(Relative::of(&record, &groups(&record)[0]).get(2, 1), None);
}

#[test]
fn a_run_that_did_not_reach_the_target_costs_expected_time() {
    let mut record = example::record();
    let cell = record.started.plan.cells[2].clone();
    let late = record.runs.iter_mut().find(|run| run.cell == cell && run.seed == 1).unwrap();
    for epoch in &mut late.epochs {
        epoch.train_accuracy = Some(0.5);
    }
    let target = Target { metric: Metric::TrainAccuracy, at_least: 0.88 };
    let time = record.cell(&cell).time_to(target);
    assert_eq!((time.reached, time.tried), (2, 3));
    let (least, greatest) = time.range.unwrap();
    assert_eq!((least, greatest), (3.0 + 3.0 * 2.25, 3.0 + 3.0 * 2.375));
    // Seed 1 for all five epochs, seeds 2 and 3 for four, over two successes.
    let spent = (3.0 + 4.0 * 2.125) + (3.0 + 3.0 * 2.25) + (3.0 + 3.0 * 2.375);
    assert!((time.expected_seconds.unwrap() - spent / 2.0).abs() < 1e-9, "{time:?}");
    let parts = time.decomposition.unwrap();
    assert_eq!((parts.epochs, parts.cold_start_seconds, parts.seconds_per_epoch), (4.0, 0.9375, 2.25));
}

#[test]
fn accuracies_are_compared_with_those_of_the_control() {
    let record = example::record();
    let groups = groups(&record);
    let pairs = batch_norm_pairs(&groups[0], &groups[1]);
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
    for (baseline, subject) in [(0, 1), (0, 2), (1, 2)] {
        let [one, other] = [(baseline, subject), (subject, baseline)]
            .map(|(baseline, subject)| relative.get(baseline, subject).unwrap().interval.unwrap());
        for product in [one.estimate * other.estimate, one.low * other.high, one.high * other.low] {
            assert!((product - 1.0).abs() < 1e-12, "{subject} against {baseline}: {one:?}, {other:?}");
        }
    }
}

#[test]
fn two_seeds_do_where_other_cells_tell_of_the_noise() {
    let mut record = example::record();
    record.runs.retain(|run| run.seed < 3);
    let relative = Relative::of(&record, &groups(&record)[0]);
    let pooled = relative.get(2, 1).unwrap();
    assert_eq!((pooled.seeds, pooled.verdict), (2, Verdict::Higher));
    assert_eq!(pooled.pooled.unwrap().cells, 3);
    record.runs.retain(|run| run.cell.backend == "tch");
    let alone = Relative::of(&record, &groups(&record)[0]);
    assert_eq!(alone.get(2, 1).unwrap().pooled, None, "there is no other cell");
}

#[test]
fn of_a_cell_run_twice_both_runs_are_compared() {
    let ratio = |record: &Record| {
        Relative::of(record, &groups(record)[0]).get(2, 0).unwrap().interval.unwrap().estimate
    };
    let factor = ratio(&with_repeats(Purpose::Repeat, 1.21)) / ratio(&example::record());
    assert!((factor - 1.1).abs() < 1e-12, "{factor}");
}
