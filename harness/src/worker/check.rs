//! The jobs before timing: the conformance gate, and an estimate of an epoch's time.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::time::Instant;

use anyhow::Context;
use trainmark_plugin::{Error, ErrorKind, RunningVariance, Split};
use trainmark_reports::record::{CheckKind, Conformance};

use super::announced::Announcer;
use super::calls::{self, named};
use super::protocol::{Done, Message, Task};
use super::{Equipped, Harness};
use crate::conformance::{self, Foreseen, Subject};
use crate::data::DecodedFiles;
use crate::workload::{self, Workload};

/// Training steps that are timed for the estimate, after one that warms up: so many, and for so
/// long, since the fastest of a few says little of a machine that does other things, too.
const TIMED_STEPS: RangeInclusive<usize> = 3..=50;
const TIMED_SECONDS: f64 = 0.25;

/// What the gate asks for of a workload; no plugin is loaded.
pub(super) fn foresee(
    workload: &Workload,
    dataset: &DecodedFiles,
    seed: u64,
    harness: &mut Harness,
) -> anyhow::Result<()> {
    // From here on it is the reference that takes its time.
    harness.send(&Message::Returned)?;
    let mapped = dataset.map().context("cannot map the data set")?;
    let foreseen = Foreseen::of(workload, workload.part_of(mapped.dataset()), seed)?;
    mapped.check_unchanged()?;
    let done = Done { foreseen: Some(Box::new(foreseen)), ..Done::default() };
    harness.send(&Message::Done(Box::new(done)))
}

pub(super) fn run(task: &Task, foreseen: Option<&Foreseen>, harness: &mut Harness) -> anyhow::Result<()> {
    let equipped = Equipped::new(task, harness)?;
    let subject = equipped.subject();
    let foreseen = match foreseen {
        Some(foreseen) => Cow::Borrowed(foreseen),
        None => Cow::Owned(Foreseen::of(&subject.workload, subject.dataset, subject.seed)?),
    };
    let announcer = Announcer::new(harness);
    let mut open = |request| announcer.open(&equipped.plugin, &request);
    let conformance = conformance::run(&subject, &foreseen, &mut open, &mut |check| announcer.tell(check))?;
    if let Some(failure) = failure(&announcer, &conformance) {
        return Err(failure.into());
    }
    if !conformance.passed {
        // A call that breaks down as a run makes it says more than the checks that failed.
        estimate(&subject, &equipped, &announcer)?;
    }
    let done = Done { losses: conformance.losses, ..equipped.done()? };
    announcer.send(&Message::Done(Box::new(done)))
}

/// The estimate, on a machine that does nothing else.
pub(super) fn run_estimate(task: &Task, harness: &mut Harness) -> anyhow::Result<()> {
    let equipped = Equipped::new(task, harness)?;
    let announcer = Announcer::new(harness);
    let estimate = estimate(&equipped.subject(), &equipped, &announcer)?;
    let done = estimate.told(equipped.done()?);
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

/// Seconds of a run, before there is one.
struct Estimate {
    /// Of loading the library, opening a session and setting its parameters.
    start: f64,
    /// Of an epoch, training and prediction.
    epoch: f64,
}

impl Estimate {
    /// The last message, with it.
    fn told(self, done: Done) -> Done {
        let Self { start, epoch } = self;
        Done { start_estimate_seconds: Some(start), epoch_estimate_seconds: Some(epoch), ..done }
    }
}

/// By the mean of a few steps and one prediction.
fn estimate(
    subject: &Subject<'_>,
    equipped: &Equipped<'_>,
    announcer: &Announcer<'_>,
) -> anyhow::Result<Estimate> {
    let Subject { workload, dataset, .. } = subject;
    let opening = Instant::now();
    let mut session = announcer.open(&equipped.plugin, &subject.request(workload.learning_rate))?;
    let convention = RunningVariance::UnbiasedFromOne;
    let values = workload::initial_parameters(&workload.model, convention, subject.seed)?;
    calls::set_parameters(&mut *session, &values)?;
    let start = equipped.load_seconds + opening.elapsed().as_secs_f64();

    let batch: Vec<u32> = (0..workload.batch_size.min(dataset.train.count()) as u32).collect();
    session.train_step(&batch).map_err(|error| named("train_step", error))?;
    let (stepping, mut timed) = (Instant::now(), 0);
    while timed < *TIMED_STEPS.start()
        || timed < *TIMED_STEPS.end() && stepping.elapsed().as_secs_f64() < TIMED_SECONDS
    {
        session.train_step(&batch).map_err(|error| named("train_step", error))?;
        timed += 1;
    }
    let step_seconds = stepping.elapsed().as_secs_f64() / timed as f64;
    let indices: Vec<u32> = (0..calls::PREDICTION_BATCH.min(dataset.test.count()) as u32).collect();
    let classes = workload.model.classes()?;
    // The first one warms up, too.
    calls::predict_all(&mut *session, Split::Test, &indices, classes)?;
    let (_, batch_seconds) = calls::predict_all(&mut *session, Split::Test, &indices, classes)?;
    let steps = dataset.train.count().div_ceil(workload.batch_size);
    let predictions = dataset.test.count().div_ceil(calls::PREDICTION_BATCH);
    Ok(Estimate { start, epoch: steps as f64 * step_seconds + predictions as f64 * batch_seconds })
}
