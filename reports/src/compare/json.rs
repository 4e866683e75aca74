//! A comparison as JSON, for a script.

use serde::Serialize;

use super::{Check, Difference, Judgement, RunComparison, Side, notes};
use crate::csv::target_name;
use crate::formats::json::{Times, to_text};
use crate::record::Cell;
use crate::statistics::Comparison;
use crate::store::StoreError;
use crate::summary::TimeToTarget;

/// Version of the document's format.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Document<'c> {
    schema: u32,
    kind: &'static str,
    a: &'c Side,
    b: &'c Side,
    is_same_run: bool,
    noise_floor: Option<f64>,
    cells: Vec<Pair<'c>>,
    undecided: Option<Vec<Undecided<'c>>>,
    only_a: &'c [Cell],
    only_b: &'c [Cell],
    machines: &'c [String],
    differences: &'c [Difference],
    notes: Vec<String>,
}

#[derive(Serialize)]
struct Pair<'c> {
    cell: &'c Cell,
    verdict: Judgement,
    reason: Option<&'c str>,
    times: Option<f64>,
    comparison: Option<&'c Comparison>,
    seconds_a: Option<Times>,
    seconds_b: Option<Times>,
    targets: Vec<Target>,
    train_accuracy_a: Option<f64>,
    train_accuracy_b: Option<f64>,
    train_accuracy_difference: Option<Comparison>,
}

/// A cell that may be slower by more than the check allows.
#[derive(Serialize)]
struct Undecided<'c> {
    cell: &'c Cell,
    high: f64,
}

#[derive(Serialize)]
struct Target {
    target: String,
    a: Reached,
    b: Reached,
}

#[derive(Serialize)]
struct Reached {
    reached: usize,
    tried: usize,
    epochs: Option<f64>,
    seconds: Option<f64>,
}

/// The document, with what a check left undecided where one was asked for.
///
/// # Errors
/// When it cannot be encoded, which is a bug.
pub fn json(comparison: &RunComparison, check: Option<&Check<'_>>) -> Result<String, StoreError> {
    let [a, b] = &comparison.sides;
    let [only_a, only_b] = &comparison.only;
    let undecided = check.map(|check| {
        let cells = check.undecided.iter();
        cells.map(|(pair, high)| Undecided { cell: &pair.cell, high: *high }).collect()
    });
    to_text(&Document {
        schema: SCHEMA,
        kind: "comparison",
        a,
        b,
        is_same_run: comparison.is_same_run,
        noise_floor: comparison.noise_floor(),
        cells: comparison.cells.iter().map(pair).collect(),
        undecided,
        only_a,
        only_b,
        machines: &comparison.machines,
        differences: &comparison.differences,
        notes: notes(comparison),
    })
}

fn pair(pair: &super::CellPair) -> Pair<'_> {
    let [seconds_a, seconds_b] = pair.seconds.map(|seconds| seconds.map(Times::from));
    let [train_accuracy_a, train_accuracy_b] = pair.train_accuracy;
    let targets = pair.targets.iter().map(|(target, [a, b])| Target {
        target: target_name(target),
        a: reached(a),
        b: reached(b),
    });
    Pair {
        cell: &pair.cell,
        verdict: pair.judgement(),
        reason: pair.ratio.as_ref().err().map(String::as_str),
        times: pair.times(),
        comparison: pair.ratio.as_ref().ok(),
        seconds_a,
        seconds_b,
        targets: targets.collect(),
        train_accuracy_a,
        train_accuracy_b,
        train_accuracy_difference: pair.accuracy_difference,
    }
}

fn reached(target: &TimeToTarget) -> Reached {
    let TimeToTarget { reached, tried, epochs, seconds, .. } = *target;
    Reached { reached, tried, epochs, seconds }
}
