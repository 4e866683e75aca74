use serde_json::Value;

use super::*;
use crate::example;
use crate::record::{Purpose, Record, RunOutcome, Settings};

/// The example made another day, each epoch `factor(seed)` times as long.
fn later(factor: impl Fn(u64) -> f64) -> Record {
    let mut record = example::record();
    record.started.run_id = "20260201T130500-later".to_owned();
    record.started.unix_time += 86_400.0;
    for run in &mut record.runs {
        run.epochs.iter_mut().for_each(|epoch| epoch.train_seconds *= factor(run.seed));
    }
    record
}

/// Repeats every run of the first cell, `factor` times as long.
fn with_repeats(record: Record, factor: f64) -> Record {
    example::with_repeats(record, Purpose::Repeat, factor)
}

/// About 8 % longer, not the same for every seed.
fn slower() -> Record {
    later(|seed| 1.08 + 0.001 * seed as f64)
}

fn text(comparison: &RunComparison) -> String {
    let grids = grids(comparison).into_iter().map(|grid| grid.markdown(&[]) + "\n");
    grids.collect::<String>() + &notes(comparison).join("\n")
}

fn judgements(comparison: &RunComparison) -> Vec<Judgement> {
    comparison.cells.iter().map(CellPair::judgement).collect()
}

#[test]
fn a_slower_run_in_words() {
    let comparison = compare(&example::record(), &slower(), false).unwrap();
    insta::assert_snapshot!(text(&comparison));
    insta::assert_snapshot!("markdown", markdown(&comparison, None));
}

#[test]
fn what_is_slower_in_b_is_faster_in_a() {
    use Judgement::{Faster, NotCompared, Slower};
    let (a, b) = (example::record(), slower());
    let forth = compare(&a, &b, false).unwrap();
    assert_eq!(judgements(&forth), [Slower, Slower, Slower, NotCompared, Slower, Slower]);
    let back = compare(&b, &a, false).unwrap();
    assert_eq!(judgements(&back), [Faster, Faster, Faster, NotCompared, Faster, Faster]);
    for (one, other) in forth.cells.iter().zip(&back.cells) {
        let product = one.times().zip(other.times()).map(|(one, other)| one * other);
        assert!(product.is_none_or(|product| (product - 1.0).abs() < 1e-12));
    }
}

#[test]
fn another_graphics_processor_is_another_machine_and_another_driver_a_difference() {
    let a = example::record_on_gpu();
    let mut b = example::record_on_gpu();
    b.started.run_id = "20260201T130500-later".to_owned();
    b.started.environment.gpus[0].driver = Some("590.10".to_owned());
    // Its clock at the start is no other processor.
    b.started.environment.gpus[0].sm_clock_mhz = Some(1200);
    let comparison = compare(&a, &b, false).unwrap();
    let listed: Vec<String> =
        comparison.differences.iter().map(|it| format!("{}: {} → {}", it.what, it.a, it.b)).collect();
    assert_eq!(listed, ["NVIDIA driver: driver 580.95.05 (CUDA 13.0) → driver 590.10 (CUDA 13.0)"]);
    assert_eq!(a.started.environment.machine_difference(&b.started.environment), None);
    b.started.environment.gpus[0].name = "Another GPU".to_owned();
    let refusal = compare(&a, &b, false).unwrap_err().to_string();
    assert!(refusal.contains("graphics processors `Example GPU` and `Another GPU`"), "{refusal}");
    let difference = a.started.environment.machine_difference(&b.started.environment);
    assert_eq!(difference, Some("graphics processors"));
}

#[test]
fn a_run_against_itself_is_said_to_be() {
    let record = example::record();
    let comparison = compare(&record, &record, false).unwrap();
    assert!(comparison.is_same_run && comparison.differences.is_empty());
    assert!(notes(&comparison)[0].starts_with("A and B are the same run: every ratio is 1"));
    for pair in comparison.cells.iter().filter(|pair| pair.ratio.is_ok()) {
        assert_eq!((pair.times(), pair.judgement()), (Some(1.0), Judgement::NoDifferenceShown));
    }
}

#[test]
fn runs_of_one_name_are_the_same_only_on_one_machine_at_one_time() {
    let a = example::record();
    let mut copy = example::record();
    copy.started.command = "cargo run -- merge".to_owned();
    assert!(compare(&a, &copy, false).unwrap().is_same_run);
    let mut later = example::record();
    later.started.unix_time += 0.5;
    assert!(!compare(&a, &later, false).unwrap().is_same_run);
    let mut elsewhere = example::record();
    elsewhere.started.environment.cpu = "Another CPU".to_owned();
    assert!(!compare(&a, &elsewhere, true).unwrap().is_same_run);
}

#[test]
fn the_greater_noise_floor_of_both_counts() {
    use Judgement::NoDifferenceShown;
    let (a, b) = (with_repeats(example::record(), 1.02), with_repeats(slower(), 1.2));
    let comparison = compare(&a, &b, false).unwrap();
    assert!((comparison.noise_floor().unwrap() - 1.2).abs() < 1e-9);
    assert!(
        judgements(&comparison).iter().all(|one| matches!(one, NoDifferenceShown | Judgement::NotCompared))
    );
    let told = notes(&comparison);
    assert!(told.contains(&"the noise floor is 20 %, the greater of both runs'".to_owned()), "{told:?}");
    let without = compare(&example::record(), &slower(), false).unwrap();
    assert_eq!(without.noise_floor(), None);
    assert!(notes(&without).iter().any(|note| note.ends_with("no noise floor is known")));
}

#[test]
fn one_seed_is_not_judged() {
    let mut b = slower();
    b.runs.retain(|run| run.seed == 1);
    let comparison = compare(&example::record(), &b, false).unwrap();
    assert_eq!(comparison.cells[0].judgement(), Judgement::NeedsMoreSeeds);
    assert!(comparison.cells[0].times().is_some(), "a hint is given all the same");
    let check = Check::of(&comparison, FailOn { slower_percent: 5.0 });
    assert_eq!((check.judged, check.not_judged.len(), check.passed()), (0, 6, false));
}

#[test]
fn a_cell_beyond_the_limit_fails_the_check() {
    let comparison = compare(&example::record(), &slower(), false).unwrap();
    let passed = |limit: &str| Check::of(&comparison, limit.parse().unwrap()).passed();
    assert_eq!(
        ["slower:5%", "slower:0%", "slower:8.5%", "slower: 50 %"].map(passed),
        [false, false, true, true]
    );
    let check = Check::of(&comparison, "slower:5%".parse().unwrap());
    assert_eq!((check.slower.len(), check.judged), (5, 5));
    assert_eq!(check.not_judged[0].1, "A has no time (3 failed)");
    let faster = compare(&slower(), &example::record(), false).unwrap();
    assert!(Check::of(&faster, "slower:0%".parse().unwrap()).passed());
}

/// Three seeds that differ widely: nothing is shown, and nothing excluded.
#[test]
fn what_the_intervals_leave_open_is_not_passed_over() {
    let comparison = compare(&example::record(), &later(|seed| [1.0, 3.0, 0.5][seed as usize - 1]), false);
    let comparison = comparison.unwrap();
    let check = Check::of(&comparison, FailOn { slower_percent: 5.0 });
    assert!(check.passed() && check.slower.is_empty());
    assert_eq!((check.undecided.len(), check.judged), (5, 5));
    let high = comparison.cells[0].ratio.clone().unwrap().interval.unwrap().high;
    assert!(high > 1.05 && check.undecided[0].1 == high);
    let told = check.lines();
    insta::assert_snapshot!(told.join("\n"), @"
    not judged: lenet-bn crashy/primitive@cpu: A has no time (3 failed)
    passed: no cell of 5 is shown to be slower by more than 5%; not decided for 5: lenet-bn handwritten/primitive@cpu (up to 10.8×), lenet-bn tch/primitive@cpu (up to 10.8×), lenet-bn tch/builtin@cpu (up to 10.8×), lenet handwritten/none@cpu (up to 10.8×), lenet tch/none@cpu (up to 10.8×); more seeds would decide
    ");
    let document: Value = serde_json::from_str(&json(&comparison, Some(&check)).unwrap()).unwrap();
    let undecided = document["undecided"].as_array().unwrap();
    assert_eq!(undecided.len(), 5);
    assert_eq!(undecided[0]["cell"], document["cells"][0]["cell"]);
    assert_eq!(undecided[0]["high"], document["cells"][0]["comparison"]["interval"]["high"]);
    let text = markdown(&comparison, Some(&check));
    assert!(text.contains("### Check\n\n- not judged: "), "{text}");
    assert!(text.contains("5%; not decided for 5: "), "{text}");
}

/// The intervals' high ends lie within the limit: the check passes without a word more.
#[test]
fn a_check_that_is_decided_says_no_more() {
    let comparison = compare(&example::record(), &slower(), false).unwrap();
    let lines = |limit: &str| Check::of(&comparison, limit.parse().unwrap()).lines();
    let passed = lines("slower:20%");
    assert_eq!(passed.last().unwrap(), "passed: no cell of 5 is shown to be slower by more than 20%");
    let mut mixed = slower();
    for run in mixed.runs.iter_mut().filter(|run| run.cell.backend == "tch") {
        let factor = [1.0, 3.0, 0.5][run.seed as usize - 1];
        run.epochs.iter_mut().for_each(|epoch| epoch.train_seconds *= factor);
    }
    let mixed = compare(&example::record(), &mixed, false).unwrap();
    let failed = Check::of(&mixed, FailOn { slower_percent: 5.0 }).lines();
    assert_eq!(failed.iter().filter(|line| line.starts_with("failed: ")).count(), 2, "{failed:?}");
    assert!(
        failed.last().unwrap().starts_with("not decided for 3: lenet-bn tch/primitive@cpu"),
        "{failed:?}"
    );
    let noisy = compare(&example::record(), &with_repeats(slower(), 1.2), false).unwrap();
    let below = Check::of(&noisy, FailOn { slower_percent: 5.0 }).lines();
    let told =
        "the noise floor is above 5%: a cell that is slower by less than it is not told; more seeds lower it";
    assert!(below.iter().any(|line| line == told), "{below:?}");
    assert!(below.last().unwrap().ends_with("×); more seeds would decide"), "{below:?}");
}

#[test]
fn limits_are_read_and_nonsense_is_not() {
    for bad in
        ["", "5%", "slower", "slower:", "slower:5", "slower:-1%", "slower:nan%", "slower:1.05x", "faster:5%"]
    {
        let error = bad.parse::<FailOn>().unwrap_err();
        assert!(error.ends_with("is no limit; write for example slower:5%"), "{error}");
    }
}

#[test]
fn what_must_not_be_compared_is_refused() {
    let a = example::record();
    let refusal = |change: fn(&mut Record)| {
        let mut b = slower();
        change(&mut b);
        compare(&a, &b, false).unwrap_err().to_string()
    };
    let threads = |record: &mut Record| {
        record.started.plan.cells.iter_mut().for_each(|cell| cell.threads = 4);
        record.runs.iter_mut().for_each(|run| run.cell.threads = 4);
    };
    let device = |record: &mut Record| {
        let on = |cell: &mut Cell| cell.device = crate::record::Device::cuda(0);
        record.started.plan.cells.iter_mut().for_each(on);
        record.runs.iter_mut().for_each(|run| on(&mut run.cell));
    };
    let refusals = [
        refusal(|record| record.started.plan.dataset.fingerprint = "cd".repeat(32)),
        refusal(|record| record.started.plan.workloads[0].batch_size = 128),
        refusal(|record| record.started.environment.cpu = "Another CPU".to_owned()),
        refusal(|record| record.started.environment.logical_cpus = 64),
        refusal(threads),
        refusal(device),
    ];
    insta::assert_snapshot!(refusals.join("\n"));
    let mut b = slower();
    threads(&mut b);
    b.started.environment.cpu = "Another CPU".to_owned();
    let comparison = compare(&a, &b, true).unwrap();
    assert_eq!(comparison.cells.len(), 6, "cells that differ in threads are the same otherwise");
    assert!(notes(&comparison)[0].starts_with("A and B ran on different machines: "));
}

#[test]
fn cells_that_one_has_are_listed() {
    let (mut a, mut b) = (example::record(), slower());
    a.started.plan.cells.retain(|cell| cell.backend != "crashy");
    a.runs.retain(|run| run.cell.backend != "crashy");
    b.started.plan.cells.retain(|cell| cell.backend != "handwritten");
    b.runs.retain(|run| run.cell.backend != "handwritten");
    let comparison = compare(&a, &b, false).unwrap();
    assert_eq!(comparison.cells.len(), 3);
    let told = notes(&comparison);
    let only = |name: &str| told.iter().find(|note| note.starts_with(&format!("only in {name}: "))).unwrap();
    assert_eq!(only("A"), "only in A: lenet-bn handwritten/primitive@cpu, lenet handwritten/none@cpu");
    assert_eq!(only("B"), "only in B: lenet-bn crashy/primitive@cpu");
    a.started.plan.cells.clear();
    a.runs.clear();
    let nothing = compare(&a, &b, false).unwrap();
    assert!(
        nothing.cells.is_empty() && notes(&nothing).contains(&"A and B have no cell in common".to_owned())
    );
    assert!(!Check::of(&nothing, FailOn { slower_percent: 5.0 }).passed());
}

#[test]
fn every_difference_is_listed() {
    let mut b = slower();
    let environment = &mut b.started.environment;
    environment.memory_bytes = 16 << 30;
    environment.governor = Some("performance".to_owned());
    environment.trainmark = "0.2.0".to_owned();
    b.started.plan.epochs = 6;
    b.started.plan.seeds = vec![1, 2, 3, 4];
    for run in b.runs.iter_mut().filter(|run| run.cell.backend == "tch") {
        run.end.framework = Some("tch 2.0".to_owned());
        run.end.library_hash = Some("ef".repeat(32));
    }
    let comparison = compare(&example::record(), &b, false).unwrap();
    let listed: Vec<String> =
        comparison.differences.iter().map(|one| format!("{}: {} → {}", one.what, one.a, one.b)).collect();
    insta::assert_snapshot!(listed.join("\n"));
    assert_eq!(comparison.cells[0].accuracy_difference, None, "after other epochs");
}

#[test]
fn what_they_were_started_with_is_a_difference_where_both_tell_it() {
    let settings = |simd: Option<&str>, nice| Settings {
        variables: simd.map(|simd| ("TRAINMARK_SIMD".to_owned(), simd.to_owned())).into_iter().collect(),
        allowed_processors: Some("0-1".to_owned()),
        online_processors: Some("0-3".to_owned()),
        processor_quota: None,
        nice: Some(nice),
    };
    let with = |settings: Option<Settings>| {
        let mut record = example::record();
        record.started.environment.settings = settings;
        record
    };
    let differences = |a, b| {
        let comparison = compare(&with(a), &with(b), false).unwrap();
        let listed = comparison.differences.iter().map(|one| format!("{}: {} → {}", one.what, one.a, one.b));
        listed.collect::<Vec<_>>()
    };
    let (plain, chosen) = (Some(settings(None, 0)), Some(settings(Some("portable"), 10)));
    assert_eq!(
        differences(plain.clone(), chosen.clone()),
        ["nice: 0 → 10", "variable TRAINMARK_SIMD: not set → \"portable\""]
    );
    let limited = Some(Settings { processor_quota: Some(1.5), ..settings(None, 0) });
    assert_eq!(
        differences(plain, limited),
        ["processors allowed: 0-1 of 0-3 → 0-1 of 0-3, with the time of 1.5"]
    );
    assert!(differences(None, chosen).is_empty(), "a record of before they were kept");
}

#[test]
fn other_epochs_and_no_numbers_leave_honest_gaps() {
    let a = example::record();
    let mut first_only = slower();
    first_only.runs.iter_mut().for_each(|run| run.epochs.truncate(1));
    let comparison = compare(&a, &first_only, false).unwrap();
    let reason = comparison.cells[0].ratio.clone().unwrap_err();
    assert_eq!(reason, "A is timed by epochs after the first, B by first epochs only");
    let mut nan = slower();
    for epoch in example::epochs_of(&mut nan) {
        (epoch.train_seconds, epoch.train_loss, epoch.train_accuracy) =
            (f64::NAN, Some(f64::NAN), Some(f64::NAN));
    }
    let comparison = compare(&a, &nan, false).unwrap();
    assert_eq!(comparison.cells[0].judgement(), Judgement::NotCompared);
    assert!(text(&comparison).contains("| 8.25 s | – | – | not compared |"), "{}", text(&comparison));
    let mut none = slower();
    none.runs.iter_mut().for_each(|run| run.end.outcome = RunOutcome::Failed);
    let comparison = compare(&a, &none, false).unwrap();
    assert_eq!(comparison.cells[0].ratio.clone().unwrap_err(), "B has no time (3 failed)");
    let mut elsewhere = slower();
    elsewhere.runs.iter_mut().for_each(|run| run.seed += 10);
    let comparison = compare(&a, &elsewhere, false).unwrap();
    assert_eq!(
        comparison.cells[0].ratio.clone().unwrap_err(),
        "no seed is timed in both (3 seeds in A, 3 seeds in B)"
    );
}

#[test]
fn a_comparison_as_json() {
    let comparison = compare(&example::record(), &slower(), false).unwrap();
    let document: Value = serde_json::from_str(&json(&comparison, None).unwrap()).unwrap();
    assert_eq!((&document["schema"], &document["kind"]), (&1.into(), &"comparison".into()));
    let cells = document["cells"].as_array().unwrap();
    let verdicts: Vec<_> = cells.iter().map(|cell| cell["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["slower", "slower", "slower", "not_compared", "slower", "slower"]);
    assert_eq!(cells[3]["reason"], "A has no time (3 failed)");
    assert_eq!(document["undecided"], Value::Null, "no check was asked for");
    insta::assert_snapshot!(serde_json::to_string_pretty(&cells[0]).unwrap());
}
