//! The job before timing: the conformance gate, and an estimate of an epoch's time.

use std::time::Instant;

use anyhow::Context;
use trainmark_plugin::host::Plugin;
use trainmark_plugin::{Dataset, Error, ErrorKind, Split};
use trainmark_reports::record::{CheckKind, Conformance};

use super::announced::Announcer;
use super::calls::{self, named};
use super::protocol::{Message, Task};
use super::{Harness, Loaded, done};
use crate::conformance;
use crate::workload::{self, Workload};

/// Training steps that are timed for the estimate, after one that warms up: so many, and for so
/// long, since the fastest of a few says little of a machine that does other things, too.
const TIMED_STEPS: usize = 3;
const TIMED_SECONDS: f64 = 0.25;

pub(super) fn run(task: &Task, harness: &mut Harness) -> anyhow::Result<()> {
    let workload = workload::find(&task.workload)?;
    let mapped = task.dataset.map().context("cannot map the data set")?;
    let Loaded { plugin, description, file } = task.load(harness)?;
    let convention = calls::convention(&description, &task.implementation)?;
    let subject = calls::subject(task, &workload, mapped.dataset(), convention);
    let announcer = Announcer::new(harness);
    let conformance =
        conformance::run(&subject, &mut |request| announcer.open(&plugin, &request), &mut |check| {
            announcer.tell(check);
        })?;
    if let Some(failure) = failure(&announcer, &conformance) {
        return Err(failure.into());
    }
    let (open_seconds, epoch_seconds) = estimate(task, &workload, mapped.dataset(), &plugin, &announcer)?;
    let mut done = done(&file, &mapped)?;
    (done.open_estimate_seconds, done.epoch_estimate_seconds) = (Some(open_seconds), Some(epoch_seconds));
    done.losses = conformance.losses;
    announcer.send(&Message::Done(Box::new(done)))
}

/// The failed call that says more than the checks that failed of it: not that
/// another function is computed, but that none is.
fn failure(announcer: &Announcer<'_>, conformance: &Conformance) -> Option<Error> {
    let error = announcer.take_failure()?;
    // These checks provoke errors; one of a wrong kind is theirs to report.
    let mut failed = conformance.checks.iter().filter(|check| !check.passed).filter_map(|check| check.kind);
    let is_provoked = failed.any(CheckKind::provokes_errors);
    let is_grave = matches!(error.kind, ErrorKind::Panic | ErrorKind::OutOfMemory | ErrorKind::Device);
    (is_grave || !is_provoked).then_some(error)
}

/// Seconds of opening a session, and of an epoch by the mean of a few steps and one prediction.
fn estimate(
    task: &Task,
    workload: &Workload,
    dataset: Dataset<'_>,
    plugin: &Plugin,
    announcer: &Announcer<'_>,
) -> anyhow::Result<(f64, f64)> {
    let start = Instant::now();
    let mut session = announcer.open(plugin, &calls::request(task, workload, dataset))?;
    let convention = trainmark_plugin::RunningVariance::UnbiasedFromOne;
    let values = workload::initial_parameters(&workload.model, convention, task.seed)?;
    let slices: Vec<&[f32]> = values.iter().map(Vec::as_slice).collect();
    session.set_parameters(&slices).map_err(|error| named("set_parameters", error))?;
    let open_seconds = start.elapsed().as_secs_f64();

    let batch: Vec<u32> = (0..workload.batch_size.min(dataset.train.count()) as u32).collect();
    session.train_step(&batch).map_err(|error| named("train_step", error))?;
    let (start, mut timed) = (Instant::now(), 0);
    while timed < TIMED_STEPS || start.elapsed().as_secs_f64() < TIMED_SECONDS {
        session.train_step(&batch).map_err(|error| named("train_step", error))?;
        timed += 1;
    }
    let step_seconds = start.elapsed().as_secs_f64() / timed as f64;
    let indices: Vec<u32> = (0..calls::PREDICTION_BATCH.min(dataset.test.count()) as u32).collect();
    let classes = workload.model.classes()?;
    // The first one warms up, too.
    calls::predict_all(&mut *session, Split::Test, &indices, classes)?;
    let (_, batch_seconds) = calls::predict_all(&mut *session, Split::Test, &indices, classes)?;
    let steps = dataset.train.count().div_ceil(workload.batch_size);
    let predictions = dataset.test.count().div_ceil(calls::PREDICTION_BATCH);
    Ok((open_seconds, steps as f64 * step_seconds + predictions as f64 * batch_seconds))
}
