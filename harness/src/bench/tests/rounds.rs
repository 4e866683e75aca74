//! Which runs are made, in which order, and when no more.

use trainmark_reports::record::{Outcome, RunOutcome};

use super::script::{Act, Scripted, outcome, told};
use crate::failure::FailureKind;

const THREE: [(&str, f64); 3] = [("a", 1.0), ("b", 2.0), ("c", 3.0)];

#[test]
fn a_round_runs_every_cell_with_its_seed_in_the_order_that_was_drawn() {
    let mut scripted = Scripted::new(&THREE);
    let finished = scripted.run();
    assert_eq!(outcome(&finished), (Outcome::Complete, true));
    assert_eq!(finished.record.rounds.len(), 3);
    let drawn: Vec<String> = finished
        .record
        .rounds
        .iter()
        .flat_map(|round| round.order.iter().map(|&place| format!("{} {}", THREE[place].0, round.seed)))
        .collect();
    assert_eq!(scripted.jobs("train"), drawn);
    let orders: Vec<_> = finished.record.rounds.iter().map(|round| &round.order).collect();
    assert!(orders.iter().any(|order| *order != orders[0]), "not always the same: {orders:?}");
}

#[test]
fn every_cell_passes_the_gate_before_any_is_timed() {
    let mut scripted = Scripted::new(&THREE);
    scripted.run();
    let mut jobs = scripted.all_jobs();
    // Two at a time, so that the order of their beginnings is open.
    jobs[..3].sort_unstable();
    assert_eq!(jobs[..3], ["check a", "check b", "check c"]);
    assert_eq!(jobs[3..6], ["estimate a", "estimate b", "estimate c"]);
    assert!(jobs[6..].iter().all(|job| job.starts_with("train ")));
}

#[test]
fn a_cell_is_left_out_after_two_failures_and_the_others_go_on() {
    let mut scripted = Scripted::new(&THREE);
    scripted.request.schedule.seeds = 4;
    for seed in 1..=4 {
        scripted.act("b", seed, Act::Fails(FailureKind::TimedOut));
    }
    let finished = scripted.run();
    assert_eq!(outcome(&finished), (Outcome::Complete, false));
    let of_b = told(&finished).into_iter().filter(|run| run.starts_with('b'));
    assert_eq!(of_b.collect::<Vec<_>>(), ["b 1 timed out", "b 2 timed out"]);
    assert_eq!(scripted.jobs("train").len(), 4 + 2 + 4);
    let note = "lenet-bn b/primitive@cpu: left out from here on, after 2 failures";
    assert!(scripted.screen.lines.contains(&note.to_owned()), "{:?}", scripted.screen.lines);
}

#[test]
fn what_a_backend_declines_is_no_failure() {
    let mut scripted = Scripted::new(&THREE);
    for seed in 1..=3 {
        scripted.act("b", seed, Act::Fails(FailureKind::Unsupported));
    }
    let finished = scripted.run();
    assert_eq!(outcome(&finished), (Outcome::Complete, true));
    assert_eq!(scripted.jobs("train").len(), 9);
}

#[test]
fn a_run_that_ends_before_its_last_epoch_has_failed() {
    let mut scripted = Scripted::new(&THREE);
    scripted.act("a", 2, Act::Odd);
    let finished = scripted.run();
    let run = finished.record.failures().next().expect("one failed");
    assert_eq!((run.seed, run.end.outcome), (2, RunOutcome::Failed));
    let reason = run.end.reason.as_deref();
    assert_eq!(reason, Some("the worker said that it was done after 1 of 2 epochs"));
}

#[test]
fn an_interruption_ends_everything_and_keeps_what_was_recorded() {
    let mut scripted = Scripted::new(&THREE);
    scripted.act("b", 2, Act::Interrupts);
    let finished = scripted.run();
    assert_eq!(finished.outcome, Outcome::Interrupted);
    assert_eq!(scripted.jobs("train").last().map(String::as_str), Some("b 2"), "nothing after it");
    let told = told(&finished);
    assert!(told.contains(&"b 2 interrupted".to_owned()), "{told:?}");
    assert!(["a 1 ok", "b 1 ok", "c 1 ok"].iter().all(|run| told.contains(&(*run).to_owned())), "{told:?}");
}

#[test]
fn a_benchmark_without_a_run_that_ended_well_did_not_go_well() {
    let mut scripted = Scripted::new(&[("a", 1.0)]);
    for seed in 1..=3 {
        scripted.act("a", seed, Act::Fails(FailureKind::Unsupported));
    }
    assert_eq!(outcome(&scripted.run()), (Outcome::Complete, false));
}

#[test]
fn a_run_on_a_lost_device_has_no_log() {
    let mut scripted = Scripted::new(&THREE);
    scripted.act("b", 1, Act::Lost);
    let finished = scripted.run();
    for run in finished.record.samples().filter(|run| run.seed == 1) {
        assert_eq!(run.end.log.is_none(), run.cell.backend == "b", "{run:?}");
    }
}

#[test]
fn the_screen_hears_every_line_of_the_record_but_its_first() {
    let mut scripted = Scripted::new(&THREE);
    let finished = scripted.run();
    let (_, events) = trainmark_reports::Record::read_with_events(&finished.folder).expect("it is whole");
    assert_eq!(scripted.screen.recorded, events.len() - 1);
}

#[test]
fn what_is_left_is_forecast_from_the_gate_and_then_from_runs() {
    let mut scripted = Scripted::new(&[("a", 1.0), ("b", 2.0)]);
    scripted.behaviour("a").estimate = 10.0;
    scripted.run();
    let plans = scripted.screen.lines.iter().filter(|line| line.contains(" in "));
    assert_eq!(plans.collect::<Vec<_>>(), ["6 runs in 72 s", "4 more in 12 s", "2 more in 6 s"]);
}
