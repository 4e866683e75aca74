//! The default plan on machines of different speed, with the times of two cores of an AMD EPYC.

use std::collections::BTreeMap;
use std::time::Duration;

use trainmark_reports::record::{Cell, Outcome, RunOutcome};
use trainmark_reports::{Record, summarize};

use super::script::Scripted;
use crate::bench::Finished;

/// Seconds of an epoch's training, of its prediction, and of a run's start.
const EXAMPLE: [(&str, f64, f64, f64); 12] = [
    ("candle", 5.77, 0.31, 0.83),
    ("candle/builtin", 6.78, 0.32, 1.01),
    ("dfdx", 11.72, 0.49, 0.05),
    ("dfdx/builtin", 12.06, 0.57, 0.05),
    ("handwritten", 1.98, 0.11, 0.05),
    ("handwritten/builtin", 0.26, 0.01, 0.05),
    ("tch", 2.03, 0.08, 0.31),
    ("tch/builtin", 1.93, 0.08, 0.34),
    ("lenet:candle/none", 4.85, 0.28, 0.75),
    ("lenet:dfdx/none", 7.36, 0.44, 0.05),
    ("lenet:handwritten/none", 0.25, 0.01, 0.05),
    ("lenet:tch/none", 1.56, 0.08, 0.35),
];

/// `bench all` on a machine where all takes `times` as long, and the gate says `estimate` times
/// what an epoch takes.
fn at(times: f64, estimate: f64, budget: u64) -> Scripted {
    let mut scripted = Scripted::new(&EXAMPLE.map(|(name, seconds, ..)| (name, times * seconds)));
    for (name, seconds, predict, start) in EXAMPLE {
        let behaviour = scripted.behaviour(name);
        (behaviour.predict, behaviour.start, behaviour.noise) = (times * predict, times * start, 0.02);
        behaviour.estimate = estimate * times * seconds;
    }
    let schedule = &mut scripted.request.schedule;
    (schedule.epochs, schedule.seeds, schedule.repeats, schedule.audit) = (5, 3, true, Some(true));
    schedule.budget = Some(Duration::from_secs(budget));
    scripted
}

/// What became of the cells of a workload.
#[derive(Debug, PartialEq)]
struct Told {
    /// How many cells have so many runs.
    runs: BTreeMap<usize, usize>,
    whole: usize,
    audited: usize,
}

fn told(record: &Record, workload: &str) -> Told {
    let cells = summarize(record);
    let cells = || cells.iter().filter(|cell| cell.cell.workload == workload);
    let mut runs = BTreeMap::new();
    cells().for_each(|cell| *runs.entry(cell.seconds_by_seed().len()).or_default() += 1);
    let count = |is_so: &dyn Fn(&Cell) -> bool| cells().filter(|cell| is_so(cell.cell)).count();
    Told {
        runs,
        whole: count(&|cell| record.cell(cell).whole().next().is_some()),
        audited: count(&|cell| record.samples_of(cell).any(|run| run.audit.is_some())),
    }
}

/// What the start said that it would take.
fn estimate(scripted: &Scripted) -> f64 {
    let said = scripted.screen.lines.iter().find_map(|line| line.split_once(" runs in "));
    said.and_then(|(_, seconds)| seconds.trim_end_matches(" s").parse().ok()).expect("a plan")
}

fn run(times: f64, budget: u64) -> (Scripted, Finished) {
    let mut scripted = at(times, 1.0, budget);
    let finished = scripted.run();
    let [with, without] = ["lenet-bn", "lenet"].map(|workload| told(&finished.record, workload));
    println!(
        "{:.2}× speed, {budget} s: {:.0} s ({:.0} s estimated), {:?}\n  lenet-bn {with:?}\n  lenet {without:?}",
        1.0 / times,
        scripted.elapsed(),
        estimate(&scripted),
        finished.outcome
    );
    (scripted, finished)
}

impl Told {
    /// Runs of the cell with the fewest.
    fn least(&self) -> usize {
        self.runs.keys().next().copied().unwrap_or_default()
    }
}

#[test]
fn at_our_speed_every_cell_is_run_three_times_trained_to_the_end_and_audited() {
    let (_, finished) = run(1.0, 900);
    assert_eq!(
        told(&finished.record, "lenet-bn"),
        Told { runs: BTreeMap::from([(3, 8)]), whole: 8, audited: 8 }
    );
    assert_eq!(
        told(&finished.record, "lenet"),
        Told { runs: BTreeMap::from([(3, 4)]), whole: 4, audited: 4 }
    );
    assert_eq!(finished.outcome, Outcome::Complete);
    let timing = finished.record.samples().filter(|run| !run.is_whole()).count();
    assert!((1..24).contains(&timing), "what is left over is for more runs to the end: {timing}");
}

#[test]
fn at_half_our_speed_all_with_batch_norm_can_be_compared_are_audited_and_trained_to_the_end() {
    let (_, finished) = run(2.0, 900);
    let [with, without] = ["lenet-bn", "lenet"].map(|workload| told(&finished.record, workload));
    assert_eq!((with.least(), with.audited, with.whole), (2, 8, 8));
    assert_eq!((without.least(), without.audited, without.whole), (1, 4, 2));
    assert_eq!(finished.outcome, Outcome::Budget);
}

#[test]
fn at_a_quarter_of_our_speed_all_with_batch_norm_can_be_compared() {
    let (_, finished) = run(4.0, 900);
    assert_eq!((told(&finished.record, "lenet-bn").least(), told(&finished.record, "lenet").least()), (2, 1));
    assert_eq!(finished.outcome, Outcome::Budget);
}

#[test]
fn the_budget_is_kept_and_the_estimate_is_right() {
    for times in [0.3, 1.0, 2.0, 4.0] {
        let (scripted, _) = run(times, 900);
        let (took, said) = (scripted.elapsed(), estimate(&scripted));
        assert!(took < 1.02 * 900.0, "{took} s at 1/{times} of our speed");
        assert!((0.75..1.25).contains(&(said / took)), "{said} s were estimated, it took {took} s");
    }
}

#[test]
fn a_gate_that_is_wrong_costs_no_comparison() {
    for estimate in [0.4, 0.8, 1.25, 2.5] {
        let mut scripted = at(2.0, estimate, 900);
        let finished = scripted.run();
        assert_eq!(told(&finished.record, "lenet-bn").least(), 2, "estimates of {estimate}");
        assert!(scripted.elapsed() < 1.05 * 900.0, "{}", scripted.elapsed());
    }
}

#[test]
fn in_one_minute_what_can_be_answered_is_and_the_rest_are_rows_with_their_reason() {
    let (mut scripted, finished) = run(1.0, 60);
    let compared: Vec<String> = summarize(&finished.record)
        .iter()
        .filter(|cell| cell.seconds_by_seed().len() > 1)
        .map(|cell| format!("{}/{}", cell.cell.backend, cell.cell.implementation))
        .collect();
    for name in ["handwritten/primitive", "handwritten/builtin", "tch/primitive", "tch/builtin"] {
        assert!(compared.contains(&name.to_owned()), "{compared:?}");
    }
    let left_out: Vec<_> =
        finished.record.failures().filter(|run| run.end.outcome == RunOutcome::LeftOut).collect();
    assert!(!left_out.is_empty() && left_out.iter().any(|run| run.cell.backend == "dfdx"));
    let reason = left_out[0].end.reason.as_deref().expect("each has a reason");
    assert!(reason.starts_with("the time budget of 60.0 s (--budget) had no room for it"), "{reason}");
    for cell in &finished.record.started.plan.cells {
        assert!(finished.record.samples_of(cell).next().is_some(), "{cell} has a row");
    }
    assert!(finished.went_well() && scripted.elapsed() < 66.0);
    // More budget, and the rest is made up for.
    scripted.request.schedule.budget = None;
    let finished = scripted.run();
    assert_eq!(finished.outcome, Outcome::Complete);
    for workload in ["lenet-bn", "lenet"] {
        let told = told(&finished.record, workload);
        assert_eq!(told.runs.keys().collect::<Vec<_>>(), [&3]);
        assert_eq!((told.whole, told.audited), (told.runs[&3], told.runs[&3]));
    }
    assert!(finished.record.failures().next().is_none());
    assert!(scripted.run().outcome == Outcome::Complete && scripted.jobs("train").is_empty());
}
