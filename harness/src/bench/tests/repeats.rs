//! Runs that are made once more: for the noise floor, and for the drift.

use trainmark_reports::record::{Outcome, Purpose};

use super::script::{Act, Scripted, outcome};
use crate::failure::FailureKind;

fn with_repeats(cells: &[(&str, f64)]) -> Scripted {
    let mut scripted = Scripted::new(cells);
    scripted.request.schedule.repeats = true;
    scripted
}

#[test]
fn each_round_repeats_the_median_cell_and_the_end_repeats_the_first_run() {
    let mut scripted = with_repeats(&[("a", 1.0), ("b", 2.0), ("c", 3.0)]);
    let finished = scripted.run();
    assert_eq!(outcome(&finished), (Outcome::Complete, true));
    let repeated: Vec<_> = finished
        .record
        .repeats()
        .filter(|run| run.purpose == Purpose::Repeat)
        .map(|run| (run.cell.backend.as_str(), run.seed))
        .collect();
    assert_eq!(repeated, [("b", 1), ("b", 2), ("b", 3)]);
    let jobs = scripted.jobs("train");
    assert_eq!(jobs.len(), 9 + 3 + 1);
    assert_eq!(jobs.first(), jobs.last(), "the drift is of the first run");
}

#[test]
fn each_device_repeats_a_cell_of_its_own() {
    let mut scripted = with_repeats(&[("a", 1.0), ("a@cuda:0", 0.1)]);
    let finished = scripted.run();
    let repeats = finished.record.repeats().filter(|run| run.purpose == Purpose::Repeat);
    let mut devices: Vec<String> = repeats.map(|run| run.cell.device.to_string()).collect();
    devices.sort_unstable();
    assert_eq!(devices, ["cpu", "cpu", "cpu", "cuda:0", "cuda:0", "cuda:0"]);
}

#[test]
fn a_run_that_failed_is_not_repeated() {
    let mut scripted = with_repeats(&[("a", 1.0)]);
    scripted.act("a", 2, Act::Fails(FailureKind::Failed));
    let finished = scripted.run();
    assert!(finished.record.repeats().all(|run| run.seed != 2));
    assert_eq!(scripted.sorted_jobs("train"), ["a 1", "a 1", "a 1", "a 2", "a 3", "a 3"]);
}

#[test]
fn what_an_earlier_process_has_repeated_is_not_repeated_again() {
    let mut scripted = with_repeats(&[("a", 1.0), ("b", 2.0)]);
    scripted.act("a", 3, Act::Interrupts);
    scripted.act("b", 3, Act::Interrupts);
    scripted.run();
    scripted.behaviour("a").runs.clear();
    scripted.behaviour("b").runs.clear();
    let finished = scripted.run();
    assert_eq!(finished.outcome, Outcome::Complete);
    assert!(scripted.jobs("train").iter().take(3).all(|job| job.ends_with(" 3")), "rounds 1 and 2 are whole");
    assert_eq!(finished.record.repeats().filter(|run| run.purpose == Purpose::Drift).count(), 1);
    assert_eq!(finished.record.repeats().filter(|run| run.purpose == Purpose::Repeat).count(), 3);
}
