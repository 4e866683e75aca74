//! What the gate lets through.

use std::time::Duration;

use trainmark_reports::record::{Outcome, RunOutcome};

use super::script::{Act, Screen, Scripted, cell, outcome, told};
use crate::bench::gate::{Early, Gate, Log};
use crate::failure::FailureKind;

#[test]
fn a_cell_that_is_not_conformant_is_never_timed() {
    let mut scripted = Scripted::new(&[("a", 1.0), ("b", 1.0)]);
    scripted.behaviour("b").gate = Act::Odd;
    let finished = scripted.run();
    assert_eq!(outcome(&finished), (Outcome::Complete, false));
    assert_eq!(scripted.sorted_jobs("train"), ["a 1", "a 2", "a 3"]);
    assert_eq!(told(&finished), ["a 1 ok", "a 2 ok", "a 3 ok", "b 1 not conformant"]);
    let run = finished.record.failures().next().expect("it has a row");
    assert_eq!((run.begun.as_ref(), run.epochs.len()), (None, 0));
    assert_eq!(
        run.end.reason.as_deref(),
        Some("does not compute the same function: gradients 5.0e-1, limit 1.0e-1")
    );
}

#[test]
fn a_gate_that_breaks_down_is_a_failure_and_its_log_is_named() {
    let mut scripted = Scripted::new(&[("a", 1.0), ("b", 1.0)]);
    scripted.behaviour("a").gate = Act::Fails(FailureKind::OutOfMemory);
    let finished = scripted.run();
    let run = finished.record.failures().next().expect("it has a row");
    assert_eq!(run.end.outcome, RunOutcome::OutOfMemory);
    assert_eq!(run.end.log.as_deref(), Some("logs/lenet-bn-a-primitive-cpu-check.log"));
    assert!(scripted.screen.lines[0].contains("out of memory: as the script says"));
}

/// What the gate finds of a cell while backends are being built.
fn early(scripted: &Scripted, name: &str) -> Option<Early> {
    let log = Log::temporary().expect("a temporary file");
    let mut gate = Gate::new(&scripted.ready.dataset, &scripted.script);
    let verdict = gate.check(&cell(name), log.path(), &mut Screen::default()).expect("it is heard");
    Early::new(&cell(name).cell, verdict, log, false)
}

#[test]
fn what_has_passed_while_others_were_built_is_not_checked_again() {
    let mut scripted = Scripted::new(&[("a", 1.0), ("b", 1.0), ("c", 1.0)]);
    scripted.behaviour("b").gate = Act::Odd;
    scripted.ready.early = ["a", "b"].iter().filter_map(|name| early(&scripted, name)).collect();
    let finished = scripted.run();
    let jobs = ["check", "estimate"].map(|kind| scripted.jobs(kind));
    assert_eq!(jobs, [vec!["c"], vec!["a", "c"]]);
    assert_eq!(scripted.sorted_jobs("train"), ["a 1", "a 2", "a 3", "c 1", "c 2", "c 3"]);
    let stopped = finished.record.failures().next().expect("it has a row");
    assert_eq!(stopped.end.log.as_deref(), Some("logs/lenet-bn-b-primitive-cpu-check.log"));
}

#[test]
fn what_a_run_takes_is_estimated_when_all_are_checked() {
    let mut scripted = Scripted::new(&[("a", 1.0), ("b", 1.0), ("c", 1.0)]);
    scripted.behaviour("b").gate = Act::Odd;
    scripted.run();
    let jobs = scripted.all_jobs();
    let before_estimates = jobs.iter().take_while(|job| !job.starts_with("estimate"));
    assert_eq!(before_estimates.filter(|job| job.starts_with("check")).count(), 3, "{jobs:?}");
    assert_eq!(scripted.jobs("estimate"), ["a", "c"]);
}

#[test]
fn gates_side_by_side_are_told_in_their_order() {
    let mut scripted = Scripted::new(&[("a", 1.0), ("b", 1.0), ("c", 1.0)]);
    scripted.behaviour("b").gate = Act::Fails(FailureKind::TimedOut);
    let mut screen = Screen::default();
    // Whichever of them ends first.
    scripted.behaviour("a").gate_lasts = Duration::from_millis(200);
    let mut gate = Gate::new(&scripted.ready.dataset, &scripted.script);
    gate.check_together(&scripted.ready.cells, |_| Log::temporary(), &mut screen).expect("it is heard");
    let told = [
        "a: Ok(1)",
        "b: Err(\"timed out: as the script says\")",
        "lenet-bn b/primitive@cpu: checked again when nothing runs beside it",
        "c: Ok(1)",
    ];
    assert_eq!(screen.lines, told);
    let known = scripted.ready.cells.iter().filter(|one| gate.has_found(&one.cell));
    assert_eq!(known.map(|one| &*one.cell.backend).collect::<Vec<_>>(), ["a", "c"]);
}

#[test]
fn what_builds_may_be_to_blame_for_is_checked_again() {
    use FailureKind::{Failed, OutOfMemory, TimedOut, Unsupported};
    let mut scripted = Scripted::new(&[("a", 1.0)]);
    let is_kept = [Failed, Unsupported, OutOfMemory, TimedOut].map(|kind| {
        scripted.behaviour("a").gate = Act::Fails(kind);
        early(&scripted, "a").is_some()
    });
    assert_eq!(is_kept, [true, true, false, false]);
}

#[test]
fn an_interruption_at_the_gate_records_no_run() {
    let mut scripted = Scripted::new(&[("a", 1.0), ("b", 1.0)]);
    scripted.behaviour("a").gate = Act::Interrupts;
    let finished = scripted.run();
    assert_eq!((finished.outcome, finished.record.runs.len()), (Outcome::Interrupted, 0));
    assert_eq!(scripted.jobs("estimate"), [""; 0]);
}

#[test]
fn devices_of_a_backend_are_held_against_each_other() {
    let mut scripted = Scripted::new(&[("a", 1.0), ("a@cuda:0", 0.1), ("b@cuda:0", 0.1)]);
    scripted.behaviour("a@cuda:0").losses[5] = 0.9;
    scripted.behaviour("b@cuda:0").losses[5] = 3.0;
    let finished = scripted.run();
    let wrong: Vec<String> = finished.record.failures().map(|run| run.cell.to_string()).collect();
    assert_eq!(wrong, ["lenet-bn a/primitive@cuda:0"], "b has nothing to be held against");
}

#[test]
fn a_device_is_held_against_what_an_earlier_process_found() {
    let mut scripted = Scripted::new(&[("a", 1.0), ("a@cuda:0", 0.1)]);
    scripted.request.schedule.seeds = 1;
    scripted.act("a@cuda:0", 1, Act::Fails(FailureKind::Failed));
    scripted.run();
    scripted.behaviour("a@cuda:0").losses[5] = 0.9;
    let finished = scripted.run();
    assert_eq!(scripted.jobs("check"), ["a@cuda:0"], "the other has its result");
    assert_eq!(told(&finished), ["a 1 not conformant", "a 1 ok"]);
}
