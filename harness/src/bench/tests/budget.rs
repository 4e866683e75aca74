//! What a time budget has room for.

use std::time::Duration;

use trainmark_reports::record::Outcome;

use super::script::{Scripted, told};

fn with_budget(cells: &[(&str, f64)], seconds: u64) -> Scripted {
    let mut scripted = Scripted::new(cells);
    scripted.request.schedule.budget = Some(Duration::from_secs(seconds));
    scripted
}

#[test]
fn later_rounds_leave_out_the_dearest_cells() {
    // A round takes 2 + 4 + 20 s. The first runs whole, and leaves 7 s for each of two.
    let mut scripted = with_budget(&[("a", 1.0), ("b", 2.0), ("c", 10.0)], 40);
    let finished = scripted.run();
    assert_eq!(finished.outcome, Outcome::Budget);
    assert_eq!(scripted.sorted_jobs("train"), ["a 1", "a 2", "a 3", "b 1", "b 2", "b 3", "c 1"]);
    let left_out: Vec<_> = finished.record.rounds.iter().map(|round| round.left_out.clone()).collect();
    assert_eq!(left_out, [vec![], vec![2], vec![2]]);
}

#[test]
fn the_first_round_runs_whole_however_little_the_budget_is() {
    let mut scripted = with_budget(&[("a", 1.0), ("b", 2.0)], 1);
    let finished = scripted.run();
    assert_eq!((finished.outcome, told(&finished).len()), (Outcome::Budget, 2));
    let note = "one round takes about 6.00 s, more than the budget of 1.00 s: it runs once";
    assert!(scripted.screen.lines.contains(&note.to_owned()), "{:?}", scripted.screen.lines);
}

#[test]
fn a_budget_with_room_for_all_changes_nothing() {
    let mut scripted = with_budget(&[("a", 1.0), ("b", 2.0)], 1000);
    let finished = scripted.run();
    assert_eq!((finished.outcome, told(&finished).len()), (Outcome::Complete, 6));
}

#[test]
fn runs_that_are_slower_than_the_gate_thought_cost_later_rounds() {
    let mut scripted = with_budget(&[("a", 10.0), ("b", 10.0)], 30);
    scripted.behaviour("a").estimate = 1.0;
    scripted.behaviour("b").estimate = 1.0;
    let finished = scripted.run();
    assert_eq!((finished.outcome, told(&finished).len()), (Outcome::Budget, 2));
}
