//! Which run of a cell is audited, and what comes of it.

use std::time::Duration;

use trainmark_reports::record::{Outcome, Purpose, RunOutcome};

use super::script::{Act, Scripted, outcome, told};
use crate::bench::Finished;
use crate::failure::FailureKind;

fn with_audits(cells: &[(&str, f64)]) -> Scripted {
    let mut scripted = Scripted::new(cells);
    scripted.request.schedule.audit = Some(true);
    scripted
}

/// The audited runs, told by backend and seed.
fn audited(finished: &Finished) -> Vec<String> {
    let runs = finished.record.runs.iter().filter(|run| run.audit.is_some());
    runs.map(|run| format!("{} {}", run.cell.backend, run.seed)).collect()
}

#[test]
fn one_sample_of_each_cell_is_audited_after_all_runs() {
    let mut scripted = with_audits(&[("a", 1.0), ("b", 2.0)]);
    scripted.request.schedule.repeats = true;
    let finished = scripted.run();
    assert_eq!(outcome(&finished), (Outcome::Complete, true));
    let mut names: Vec<String> = audited(&finished).iter().map(|run| run[..1].to_owned()).collect();
    names.sort_unstable();
    assert_eq!(names, ["a", "b"]);
    assert!(finished.record.repeats().all(|run| run.audit.is_none()));
    let jobs = scripted.all_jobs();
    assert!(jobs[jobs.len() - 2..].iter().all(|job| job.starts_with("audit ")), "{jobs:?}");
    assert!(!finished.folder.join("audit").exists(), "nothing waits any more");
}

#[test]
fn every_run_may_be_the_one_and_no_seed_says_which() {
    let mut seen = [0; 3];
    for _ in 0..40 {
        let finished = with_audits(&[("a", 1.0)]).run();
        let run = finished.record.runs.iter().find(|run| run.audit.is_some()).expect("one is audited");
        seen[run.seed as usize - 1] += 1;
    }
    // Each with probability 1/3: none of 40 is missed but once in ten million.
    assert!(seen.iter().all(|&times| times > 0), "{seen:?}");
}

#[test]
fn a_cell_whose_audit_fails_is_not_ranked() {
    let mut scripted = with_audits(&[("a", 1.0), ("b", 1.0)]);
    scripted.behaviour("b").audit = Act::Odd;
    let finished = scripted.run();
    assert_eq!(outcome(&finished), (Outcome::Complete, false));
    let failed: Vec<_> = finished.record.failures().collect();
    assert_eq!((failed.len(), failed[0].end.outcome), (1, RunOutcome::NotConformant));
    assert_eq!(
        failed[0].end.reason.as_deref(),
        Some("does not compute the same function: gradients 5.0e-1, limit 1.0e-1")
    );
    assert!(!finished.record.is_ranked(&failed[0].cell));
    assert_eq!(scripted.run().outcome, Outcome::Complete);
    assert!(scripted.all_jobs().is_empty(), "that is its result");
}

#[test]
fn an_audit_that_breaks_down_is_a_failure_and_the_run_is_made_again() {
    let mut scripted = with_audits(&[("a", 1.0)]);
    scripted.behaviour("a").audit = Act::Fails(FailureKind::TimedOut);
    let finished = scripted.run();
    let failed = finished.record.failures().next().expect("it has a row");
    assert_eq!(failed.end.outcome, RunOutcome::TimedOut);
    assert_eq!(failed.end.reason.as_deref(), Some("audit: as the script says"));
    assert!(!finished.record.is_ranked(&failed.cell));
    scripted.behaviour("a").audit = Act::Well;
    let finished = scripted.run();
    assert_eq!((scripted.jobs("train").len(), scripted.jobs("audit").len()), (1, 1));
    assert_eq!((told(&finished).len(), finished.went_well()), (3, true));
}

#[test]
fn an_interrupted_benchmark_is_audited_when_it_is_continued() {
    let mut scripted = with_audits(&[("a", 1.0), ("b", 1.0)]);
    scripted.act("b", 3, Act::Interrupts);
    let finished = scripted.run();
    assert!(audited(&finished).is_empty() && scripted.jobs("audit").is_empty());
    scripted.behaviour("b").runs.clear();
    assert_eq!(audited(&scripted.run()).len(), 2);
}

#[test]
fn an_interrupted_audit_is_made_when_the_benchmark_is_continued() {
    let mut scripted = with_audits(&[("a", 1.0), ("b", 1.0)]);
    scripted.behaviour("b").audit = Act::Interrupts;
    let finished = scripted.run();
    assert_eq!((finished.outcome, audited(&finished).len()), (Outcome::Interrupted, 1));
    scripted.behaviour("b").audit = Act::Well;
    assert_eq!(audited(&scripted.run()).len(), 2);
    assert_eq!((scripted.jobs("train").len(), scripted.jobs("audit").len()), (0, 1), "a has its verdict");
}

#[test]
fn what_the_gate_stops_is_not_audited_for_what_it_was() {
    let mut scripted = with_audits(&[("a", 1.0)]);
    scripted.act("a", 2, Act::Interrupts);
    scripted.run();
    scripted.behaviour("a").gate = Act::Odd;
    let finished = scripted.run();
    assert!(audited(&finished).is_empty() && scripted.jobs("audit").is_empty());
    assert_eq!(told(&finished), ["a 1 ok", "a 2 not conformant"]);
}

#[test]
fn what_is_audited_is_not_audited_again() {
    let mut scripted = with_audits(&[("a", 1.0), ("b", 10.0)]);
    scripted.request.schedule.budget = Some(Duration::from_secs(65));
    let finished = scripted.run();
    assert_eq!((finished.outcome, audited(&finished).len()), (Outcome::Budget, 2));
    scripted.request.schedule.budget = None;
    assert_eq!(audited(&scripted.run()).len(), 2);
    assert!(scripted.jobs("audit").is_empty() && !scripted.jobs("train").is_empty());
}

#[test]
fn a_changed_library_is_not_audited_for_the_old_one() {
    let mut scripted = with_audits(&[("a", 1.0)]);
    scripted.behaviour("a").audit = Act::Interrupts;
    scripted.run();
    scripted.ready.cells[0].library.hash = "another".to_owned();
    assert!(audited(&scripted.run()).is_empty());
    assert!(scripted.screen.lines.iter().any(|line| line.ends_with("its library has changed since the run")));
}

#[test]
fn audits_are_in_the_estimate_and_in_the_budget() {
    let mut scripted = with_audits(&[("a", 1.0), ("b", 2.0)]);
    scripted.run();
    assert!(scripted.screen.lines.contains(&"6 runs in 21.75 s".to_owned()), "{:?}", scripted.screen.lines);
    // Three rounds of 6 s fit into 18 s, but not beside audits.
    let mut scripted = with_audits(&[("a", 1.0), ("b", 2.0)]);
    scripted.request.schedule.budget = Some(Duration::from_secs(18));
    assert_eq!(scripted.run().outcome, Outcome::Budget);
    scripted = Scripted::new(&[("a", 1.0), ("b", 2.0)]);
    scripted.request.schedule.budget = Some(Duration::from_secs(18));
    assert_eq!(scripted.run().outcome, Outcome::Complete);
}

#[test]
fn without_audits_none_is_made() {
    let mut scripted = Scripted::new(&[("a", 1.0)]);
    let finished = scripted.run();
    assert!(scripted.jobs("audit").is_empty() && audited(&finished).is_empty());
    assert!(finished.record.runs.iter().all(|run| run.purpose == Purpose::Sample));
}
