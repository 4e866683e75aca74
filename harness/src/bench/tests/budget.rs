//! What a time budget has room for.

use std::time::Duration;

use trainmark_reports::record::{Outcome, Purpose};

use super::script::{Act, Scripted, told};

fn with_budget(cells: &[(&str, f64)], seconds: u64) -> Scripted {
    let mut scripted = Scripted::new(cells);
    scripted.request.schedule.budget = Some(Duration::from_secs(seconds));
    scripted
}

/// The same, of trainings of five epochs.
fn of_five(cells: &[(&str, f64)], seconds: u64) -> Scripted {
    let mut scripted = with_budget(cells, seconds);
    scripted.request.schedule.epochs = 5;
    scripted
}

#[test]
fn later_rounds_leave_out_the_dearest_cells() {
    // Runs take 2, 4 and 20 s; two of each leave 8 s, which are too little for the last one's third.
    let mut scripted = with_budget(&[("a", 1.0), ("b", 2.0), ("c", 10.0)], 60);
    let finished = scripted.run();
    assert_eq!(finished.outcome, Outcome::Budget);
    let jobs = ["a 1", "a 2", "a 3", "b 1", "b 2", "b 3", "c 1", "c 2"];
    assert_eq!(scripted.sorted_jobs("train"), jobs);
    let left_out: Vec<_> = finished.record.rounds.iter().map(|round| round.left_out.clone()).collect();
    assert_eq!(left_out, [vec![], vec![], vec![2]]);
}

#[test]
fn the_cheapest_cell_runs_however_little_the_budget_is() {
    let mut scripted = with_budget(&[("a", 3.0), ("b", 2.0)], 1);
    let finished = scripted.run();
    assert_eq!(finished.outcome, Outcome::Budget);
    assert_eq!(told(&finished), ["a 1 left out", "b 1 ok"]);
    let note =
        "the budget of 1.00 s (--budget) is too short for all: of 2 cells, 1 left out, 1 not in all rounds";
    assert!(scripted.screen.lines.contains(&note.to_owned()), "{:?}", scripted.screen.lines);
}

#[test]
fn a_budget_with_room_for_all_changes_nothing() {
    let mut scripted = of_five(&[("a", 1.0), ("b", 2.0)], 1000);
    let finished = scripted.run();
    assert_eq!((finished.outcome, told(&finished).len()), (Outcome::Complete, 6));
    assert!(finished.record.runs.iter().all(|run| run.is_whole() && run.epochs.len() == 5));
    assert!(scripted.screen.lines.contains(&"all 3 rounds fit the budget of 16 min 40 s".to_owned()));
}

#[test]
fn runs_that_are_slower_than_the_gate_thought_cost_later_rounds() {
    let mut scripted = with_budget(&[("a", 10.0), ("b", 10.0)], 60);
    scripted.behaviour("a").estimate = 1.0;
    scripted.behaviour("b").estimate = 1.0;
    let finished = scripted.run();
    assert_eq!((finished.outcome, told(&finished).len()), (Outcome::Budget, 3));
}

#[test]
fn the_first_round_is_to_the_end_and_the_others_are_for_time() {
    // 15 epochs a cell would be 45 s; the first to the end and two of two epochs are 27 s.
    let mut scripted = of_five(&[("a", 1.0), ("b", 2.0)], 31);
    let finished = scripted.run();
    assert_eq!(finished.outcome, Outcome::Complete, "each has a run of each seed, and one to the end");
    let some = ["a 1 ok", "a 2 timing ok", "a 3 timing ok", "b 1 ok", "b 2 timing ok", "b 3 timing ok"];
    // The four seconds that are left make one more run one to the end.
    let more = ["a 1 ok", "a 2 ok", "a 3 timing ok", "b 1 ok", "b 2 timing ok", "b 3 timing ok"];
    let told = told(&finished);
    assert!(told == some || told == more, "{told:?}");
    for run in &finished.record.runs {
        let epochs = if run.is_whole() { 5 } else { 2 };
        assert_eq!(
            (run.epochs.len(), run.begun.as_ref().and_then(|begun| begun.epochs)),
            (epochs, Some(epochs as u32))
        );
        let round = finished.record.rounds.iter().find(|round| round.seed == run.seed).expect("its round");
        let place = usize::from(run.cell.backend == "b");
        assert_eq!(round.timing.contains(&place), !run.is_whole());
    }
    assert!(scripted.elapsed() <= 31.0, "{}", scripted.elapsed());
}

#[test]
fn what_does_not_fit_to_the_end_is_timed_all_the_same() {
    let mut scripted = of_five(&[("a", 1.0), ("b", 10.0)], 60);
    let finished = scripted.run();
    assert_eq!(finished.outcome, Outcome::Budget);
    let cells = &finished.record.started.plan.cells;
    let [a, b] = [0, 1].map(|place| finished.record.cell(&cells[place]));
    assert!(a.whole().count() > 0 && b.whole().count() == 0);
    assert_eq!((b.seconds_by_seed().len(), b.train_accuracy), (2, None));
    // Continued, it is made up for.
    scripted.request.schedule.budget = None;
    let finished = scripted.run();
    assert_eq!(finished.outcome, Outcome::Complete);
    let b = finished.record.cell(&finished.record.started.plan.cells[1]);
    assert!(b.whole().count() > 0 && b.seconds_by_seed().len() == 3);
    assert!(scripted.run().outcome == Outcome::Complete && scripted.jobs("train").is_empty());
}

#[test]
fn a_control_waits_for_those_that_it_is_held_against() {
    // Two runs of `a` are 20 s, and one of its control 10 s; all runs would be 150 s.
    let mut scripted = of_five(&[("lenet:a/none", 5.0), ("a", 5.0)], 35);
    let finished = scripted.run();
    let runs = |place: usize| finished.record.samples_of(&finished.record.started.plan.cells[place]).count();
    assert_eq!((runs(0), runs(1)), (1, 2));
}

#[test]
fn a_run_for_time_that_was_interrupted_is_made_as_one() {
    let cells = [("a", 1.0), ("b", 2.0)];
    let mut scripted = of_five(&cells, 28);
    scripted.act("b", 2, Act::Interrupts);
    assert_eq!(scripted.run().outcome, Outcome::Interrupted);
    scripted.behaviour("b").runs.clear();
    scripted.request.schedule.budget = Some(Duration::from_secs(14));
    let finished = scripted.run();
    assert_eq!(finished.outcome, Outcome::Complete);
    assert!(!scripted.jobs("train").iter().any(|job| job.ends_with(" 1")), "the first round is whole");
    let samples: Vec<_> =
        finished.record.samples().map(|run| (run.cell.backend.as_str(), run.seed)).collect();
    let mut distinct = samples.clone();
    distinct.sort_unstable();
    distinct.dedup();
    let purposes: Vec<Purpose> =
        finished.record.runs.iter().filter(|run| run.is_ok()).map(|run| run.purpose).collect();
    assert_eq!(distinct.len(), 6, "{samples:?}");
    assert!(purposes.contains(&Purpose::Timing), "{purposes:?}");
}

#[test]
fn a_repeat_is_as_long_as_the_run_that_it_repeats() {
    let mut scripted = of_five(&[("a", 1.0), ("b", 2.0)], 45);
    scripted.request.schedule.repeats = true;
    let finished = scripted.run();
    for again in finished.record.repeats().filter(|run| run.purpose == Purpose::Repeat) {
        let of = finished.record.repeated_by(again).expect("what it repeats");
        assert_eq!(again.epochs.len(), of.epochs.len(), "seed {}", again.seed);
    }
    let drift = finished.record.repeats().find(|run| run.purpose == Purpose::Drift).expect("one");
    assert_eq!(drift.epochs.len(), 2);
    assert!(finished.record.noise_floor().is_some() && finished.record.drift().is_some());
}
