//! Runs that began, went through their epochs one by one, and lost what their accuracy allows.

use std::f64::consts::LN_2;

use super::super::Finding;
use super::Subject;
use crate::number::count;
use crate::record::{Epoch, Record, Run};

const RUNS: &str = "runs";
/// By how much of itself a mean of float32 losses may be off.
const ROUNDING: f64 = 0.01;

/// Each run that counts has begun in a round with its cell, with as many epochs as are planned, of which each
/// is there once; one that was made once more has a first; and each epoch's loss is one that its accuracy allows.
pub(super) fn whole(subject: &Subject<'_>) -> Finding {
    let record = subject.record;
    let mut wrong = Vec::new();
    for run in record.runs.iter().filter(|run| run.is_ok()) {
        let what = beginning(record, run).or_else(|| course(record, run)).or_else(|| audited(run));
        let what = what.or_else(|| run.epochs.iter().find_map(too_low));
        wrong.extend(what.map(|what| format!("{} seed {}: {what}", run.cell, run.seed)));
    }
    let strange = record.rounds.iter().find(|round| !record.started.plan.seeds.contains(&round.seed));
    wrong.extend(
        strange.map(|round| format!("there is a round of seed {}, which is not planned", round.seed)),
    );
    Finding::of(
        RUNS,
        &wrong,
        format!("{} of {} epochs", count(record.runs.len(), "run"), record.started.plan.epochs),
    )
}

fn beginning(record: &Record, run: &Run) -> Option<String> {
    let plan = &record.started.plan;
    let Some(begun) = &run.begun else { return Some("it counts and has not begun".to_owned()) };
    let is_other = |epochs: u32| epochs > plan.epochs || (run.is_whole() && epochs < plan.epochs);
    if let Some(epochs) = begun.epochs.filter(|epochs| is_other(*epochs)) {
        return Some(format!("it began with {epochs} epochs, planned are {}", plan.epochs));
    }
    if !run.is_sample() && record.repeated_by(run).is_none() {
        return Some("it was made once more, and there is no first".to_owned());
    }
    let place = plan.cells.iter().position(|cell| *cell == run.cell);
    let mut rounds = record.rounds.iter().filter(|round| round.seed == run.seed);
    // A merged record keeps no rounds.
    let is_drawn = !record.started.merged.is_empty()
        || !run.is_sample()
        || rounds.any(|round| place.is_some_and(|place| round.order.contains(&place)));
    (!is_drawn).then(|| "there is no round with it".to_owned())
}

/// Epochs are 1, 2, 3, …, as many as it began with.
fn course(record: &Record, run: &Run) -> Option<String> {
    let odd = run.epochs.iter().zip(1..).find(|(epoch, number)| epoch.number != *number);
    if let Some((epoch, number)) = odd {
        return Some(format!("its epoch {number} has the number {}", epoch.number));
    }
    let own = run.begun.as_ref().and_then(|begun| begun.epochs);
    let planned = own.or_else(|| run.is_whole().then_some(record.started.plan.epochs))? as usize;
    (run.epochs.len() != planned).then(|| format!("it has {} of {planned} epochs", run.epochs.len()))
}

fn audited(run: &Run) -> Option<String> {
    let epoch = run.audit.as_ref()?.epoch;
    let is_there = run.epochs.iter().any(|own| own.number == epoch);
    (!is_there).then(|| format!("its audit is of epoch {epoch}, which it has not"))
}

/// A sample that is taken for another class has at most half of the probability, and costs ln 2 at least.
fn too_low(epoch: &Epoch) -> Option<String> {
    let (loss, accuracy) = (epoch.train_loss?, epoch.train_accuracy?);
    let least = (1.0 - accuracy) * LN_2;
    (loss < least * (1.0 - ROUNDING)).then(|| {
        format!(
            "epoch {}: a loss of {loss:.3e} at the accuracy {accuracy}, which costs {least:.3} at least",
            epoch.number
        )
    })
}
