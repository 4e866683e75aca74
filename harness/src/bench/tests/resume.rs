//! A benchmark that is continued.

use trainmark_reports::record::Outcome;

use super::script::{Act, Scripted, told};
use crate::failure::FailureKind;

#[test]
fn what_failed_is_tried_again_and_what_has_a_result_is_not() {
    let mut scripted = Scripted::new(&[("a", 1.0), ("b", 2.0), ("c", 3.0)]);
    scripted.act("a", 2, Act::Fails(FailureKind::TimedOut));
    scripted.act("b", 3, Act::Fails(FailureKind::Unsupported));
    scripted.run();
    scripted.behaviour("a").runs.clear();
    let finished = scripted.run();
    assert_eq!(scripted.jobs("train"), ["a 2"]);
    assert_eq!(scripted.jobs("check"), ["a"], "what has nothing left to run passes no gate again");
    let told = told(&finished);
    assert_eq!(told.len(), 9);
    assert!(told.contains(&"a 2 ok".to_owned()) && told.contains(&"b 3 unsupported".to_owned()), "{told:?}");
}

#[test]
fn an_interrupted_benchmark_comes_to_the_same_runs() {
    let mut scripted = Scripted::new(&[("a", 1.0), ("b", 2.0)]);
    scripted.act("a", 2, Act::Interrupts);
    assert_eq!(scripted.run().outcome, Outcome::Interrupted);
    scripted.behaviour("a").runs.clear();
    let finished = scripted.run();
    assert_eq!(finished.outcome, Outcome::Complete);
    assert_eq!(told(&finished), ["a 1 ok", "a 2 ok", "a 3 ok", "b 1 ok", "b 2 ok", "b 3 ok"]);
}

#[test]
fn what_is_complete_runs_nothing() {
    let mut scripted = Scripted::new(&[("a", 1.0)]);
    scripted.run();
    let finished = scripted.run();
    assert_eq!((finished.outcome, scripted.all_jobs().len()), (Outcome::Complete, 0));
}

#[test]
fn a_result_outlives_a_gate_that_fails_later() {
    let mut scripted = Scripted::new(&[("a", 1.0), ("b", 1.0)]);
    scripted.act("a", 3, Act::Fails(FailureKind::Failed));
    scripted.run();
    scripted.behaviour("a").gate = Act::Fails(FailureKind::Failed);
    let told = told(&scripted.run());
    assert_eq!(told[..3], ["a 1 ok", "a 2 ok", "a 3 failed"]);
}

#[test]
fn another_library_plan_or_data_set_is_refused() {
    let mut scripted = Scripted::new(&[("a", 1.0), ("b", 1.0)]);
    scripted.act("a", 3, Act::Fails(FailureKind::Failed));
    scripted.run();
    let before = scripted.ready.clone();

    scripted.ready.cells[0].library.hash = "another".to_owned();
    assert_refused(&mut scripted, "the library of lenet-bn a/primitive@cpu has changed");
    scripted.ready.cells.remove(0);
    assert_refused(&mut scripted, "lenet-bn a/primitive@cpu cannot be run now");
    scripted.ready = before;
    scripted.request.schedule.epochs = 7;
    assert_refused(&mut scripted, "tell of different epochs or seeds");
    scripted.ready.dataset.fingerprint = "another".to_owned();
    assert_refused(&mut scripted, "the run was begun on scripted");
}

fn assert_refused(scripted: &mut Scripted, why: &str) {
    let error = scripted.try_run().expect_err("it is not what was begun").to_string();
    assert!(error.starts_with("cannot resume: ") && error.contains(why), "{error}");
}
