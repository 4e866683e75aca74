//! The job before timing: the conformance gate, and an estimate of an epoch's time.

use std::cell::RefCell;
use std::time::Instant;

use anyhow::Context;
use trainmark_plugin::host::Plugin;
use trainmark_plugin::{Dataset, EpochOutcome, Error, OpenRequest, Session, Split, StepOutcome};

use super::calls::{self, named};
use super::protocol::{Message, Task};
use super::{Harness, done, load};
use crate::conformance::{self, Subject};
use crate::workload::{self, Workload};

/// Training steps that are timed for the estimate, after one that warms up.
const TIMED_STEPS: usize = 3;

pub(super) fn run(task: &Task, harness: &mut Harness) -> anyhow::Result<()> {
    let workload = workload::find(&task.workload)?;
    let mapped = task.dataset.map().context("cannot map the data set")?;
    let (plugin, description) = load(&task.library, harness)?;
    let subject = Subject {
        workload: workload.clone(),
        dataset: mapped.dataset(),
        implementation: task.implementation.clone(),
        running_variance: calls::convention(&description, &task.implementation)?,
        device: task.device.clone(),
        threads: task.threads,
        seed: task.seed,
    };
    let harness = RefCell::new(harness);
    conformance::run(&subject, &mut |request| announced(&plugin, &request, &harness), &mut |check| {
        // Where the harness is gone, the next call's announcement fails.
        let _ = harness.borrow_mut().send(&Message::Checked(check.clone()));
    })?;
    let estimate = estimate(task, &workload, mapped.dataset(), &plugin, &harness)?;
    let mut done = done();
    done.epoch_estimate_seconds = Some(estimate);
    harness.borrow_mut().send(&Message::Done(Box::new(done)))
}

/// Seconds of an epoch by the fastest of a few steps and one prediction.
fn estimate(
    task: &Task,
    workload: &Workload,
    dataset: Dataset<'_>,
    plugin: &Plugin,
    harness: &RefCell<&mut Harness>,
) -> anyhow::Result<f64> {
    harness.borrow_mut().calling("estimate")?;
    let mut session = calls::open(plugin, task, workload, dataset).map_err(|error| named("open", error))?;
    let convention = trainmark_plugin::RunningVariance::UnbiasedFromOne;
    let values = workload::initial_parameters(&workload.model, convention, task.seed)?;
    let slices: Vec<&[f32]> = values.iter().map(Vec::as_slice).collect();
    session.set_parameters(&slices).map_err(|error| named("set_parameters", error))?;

    let batch: Vec<u32> = (0..workload.batch_size.min(dataset.train.count()) as u32).collect();
    let mut step_seconds = f64::INFINITY;
    for _ in 0..=TIMED_STEPS {
        let start = Instant::now();
        session.train_step(&batch).map_err(|error| named("train_step", error))?;
        step_seconds = step_seconds.min(start.elapsed().as_secs_f64());
    }
    let indices: Vec<u32> = (0..calls::PREDICTION_BATCH.min(dataset.test.count()) as u32).collect();
    let start = Instant::now();
    calls::predict_all(&mut session, Split::Test, &indices, workload.model.classes()?)?;
    let batch_seconds = start.elapsed().as_secs_f64();
    let steps = dataset.train.count().div_ceil(workload.batch_size);
    let predictions = dataset.test.count().div_ceil(calls::PREDICTION_BATCH);
    Ok(steps as f64 * step_seconds + predictions as f64 * batch_seconds)
}

fn announced<'d>(
    plugin: &Plugin,
    request: &OpenRequest<'d>,
    harness: &'d RefCell<&mut Harness>,
) -> Result<Box<dyn Session + 'd>, Error> {
    let session = announce(harness, "open", || plugin.open(request))?;
    Ok(Box::new(Announced { session, harness }))
}

/// Tells the harness that a call begins, and that it has returned.
fn announce<T>(
    harness: &RefCell<&mut Harness>,
    name: &str,
    call: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    let gone = |error: anyhow::Error| Error::failed(format!("{error:#}"));
    harness.borrow_mut().calling(name).map_err(gone)?;
    let result = call();
    harness.borrow_mut().send(&Message::Returned).map_err(gone)?;
    result
}

/// A session that announces every call, so that the harness knows which one hangs.
struct Announced<'h, 'r, S> {
    session: S,
    harness: &'h RefCell<&'r mut Harness>,
}

impl<S: Session> Session for Announced<'_, '_, S> {
    fn set_parameters(&mut self, values: &[&[f32]]) -> Result<(), Error> {
        announce(self.harness, "set_parameters", || self.session.set_parameters(values))
    }

    fn get_parameters(&mut self, values: &mut [&mut [f32]]) -> Result<(), Error> {
        announce(self.harness, "get_parameters", || self.session.get_parameters(values))
    }

    fn train_step(&mut self, batch: &[u32]) -> Result<StepOutcome, Error> {
        announce(self.harness, "train_step", || self.session.train_step(batch))
    }

    fn train_epoch(&mut self, order: &[u32], batch_size: usize) -> Result<EpochOutcome, Error> {
        announce(self.harness, "train_epoch", || self.session.train_epoch(order, batch_size))
    }

    fn predict(
        &mut self,
        split: Split,
        indices: &[u32],
        batch_size: usize,
        logits: &mut [f32],
    ) -> Result<(), Error> {
        announce(self.harness, "predict", || {
            calls::predict_guarded(&mut self.session, split, indices, batch_size, logits)
        })
    }
}
