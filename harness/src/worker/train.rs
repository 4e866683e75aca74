//! The job that is timed: one training of one cell.

use std::time::Instant;

use anyhow::Context;
use trainmark_plugin::{Dataset, Outcome, Role, Session, Split};
use trainmark_reports::record::FirstBatchNorm;

use super::calls::{self, named};
use super::evidence::{Evidence, Tensors};
use super::processor_time::ProcessorTime;
use super::protocol::{EpochMessage, Message, Task};
use super::{Equipped, Harness};
use crate::conformance::{Subject, TimedPrediction};
use crate::workload::{self, Workload};
use crate::{chance, parameters};

pub(super) fn run(task: &Task, harness: &mut Harness) -> anyhow::Result<()> {
    let equipped = Equipped::new(task, harness)?;
    let subject = equipped.subject();
    let workload = &subject.workload;
    let values = workload::initial_parameters(&workload.model, equipped.convention, task.seed)?;

    harness.calling("open")?;
    let start = Instant::now();
    let opened = equipped.plugin.open(&subject.request(workload.learning_rate));
    let mut session = opened.map_err(|error| named("open", error))?;
    calls::set_parameters(&mut session, &values)?;
    harness.send(&Message::Opened { seconds: start.elapsed().as_secs_f64() })?;

    let trained = train(task, workload, subject.dataset, values, &mut session, harness);
    // Closing is part of what must not fail or hang, so it comes before the last word.
    harness.calling("close")?;
    drop(session);
    harness.send(&Message::Returned)?;
    let Trained { last, drawn, evidence } = trained?;
    let mut done = equipped.done()?;
    done.evidence = evidence.map(Box::new);
    check_prediction(&last, true, &subject, harness)?;
    if let Some(drawn) = drawn {
        check_prediction(&drawn, false, &subject, harness)?;
    }
    done.first_batch_norm = first_batch_norm(&last.parameters, workload)?;
    harness.send(&Message::Done(Box::new(done)))
}

/// A mean loss beyond this is of logits that float32 tells apart by steps of 0.06 and more: nothing that is
/// computed of them can be held against anything.
const LOST: f64 = 1e6;

/// Holds a batch of a prediction's samples, which nobody can foresee, against the reference.
fn check_prediction(
    timed: &TimedPrediction,
    is_last: bool,
    subject: &Subject<'_>,
    harness: &mut Harness,
) -> anyhow::Result<()> {
    let samples = chance::some_of(subject.workload.batch_size, subject.dataset.test.count())?;
    harness.send(&Message::Checked(timed.check(subject, is_last, &samples)?))
}

/// What is left of a training.
struct Trained {
    last: TimedPrediction,
    /// Of those before it.
    drawn: Option<TimedPrediction>,
    /// Of one of the epochs.
    evidence: Option<Evidence>,
}

/// Trains all epochs from the parameters that the session has been given.
fn train(
    task: &Task,
    workload: &Workload,
    dataset: Dataset<'_>,
    initial: Vec<Vec<f32>>,
    session: &mut dyn Session,
    harness: &mut Harness,
) -> anyhow::Result<Trained> {
    let epochs = Epochs::new(workload, dataset.test.labels, task.seed)?;
    let (mut last, mut drawn, mut evidence) = (None::<TimedPrediction>, None, None);
    for epoch in 1..=task.epochs {
        let ended = epochs.train(epoch, dataset.train.count(), session, harness)?;
        harness.send(&Message::Epoch(ended.measured))?;
        if let Some(diverged) = ended.diverged {
            anyhow::bail!(diverged);
        }
        // So each epoch of the run is as likely as any other to be the one that is kept, and
        // none is known before it has ended.
        if chance::below(epoch as usize)? == 0 {
            let Outcome { loss, correct, .. } = ended.outcome;
            let start = last.as_ref().map_or(&initial, |before| &before.parameters);
            let (start, end) = (Tensors(start.clone()), Tensors(ended.parameters.clone()));
            evidence = Some(Evidence { epoch, train_loss: loss, correct, start, end });
        }
        let ended = TimedPrediction { epoch, parameters: ended.parameters, logits: ended.logits };
        if let Some(before) = last.replace(ended)
            && chance::below(before.epoch as usize)? == 0
        {
            drawn = Some(before);
        }
    }
    let mut last = last.context("there is no epoch to train")?;
    harness.calling("get_parameters")?;
    let parameters = parameters::get(session, &workload.model.parameters()?);
    last.parameters = parameters.map_err(|error| named("get_parameters", error))?;
    Ok(Trained { last, drawn, evidence })
}

/// An epoch that has ended.
struct EndedEpoch {
    measured: EpochMessage,
    outcome: Outcome,
    /// Why no further epoch is trained.
    diverged: Option<String>,
    /// After training.
    parameters: Vec<Vec<f32>>,
    /// Of the test split.
    logits: Vec<f32>,
}

/// State that is kept between epochs.
struct Epochs<'w> {
    workload: &'w Workload,
    classes: usize,
    test_labels: &'w [u8],
    test_indices: Vec<u32>,
    seed: u64,
}

impl<'w> Epochs<'w> {
    fn new(workload: &'w Workload, test_labels: &'w [u8], seed: u64) -> anyhow::Result<Self> {
        let test_indices = (0..test_labels.len() as u32).collect();
        let classes = workload.model.classes()?;
        Ok(Self { workload, classes, test_labels, test_indices, seed })
    }

    fn train(
        &self,
        epoch: u32,
        train_count: usize,
        session: &mut dyn Session,
        harness: &mut Harness,
    ) -> anyhow::Result<EndedEpoch> {
        let order = workload::epoch_order(train_count as u32, self.seed, epoch);
        harness.calling("train_epoch")?;
        let processor_time = ProcessorTime::start();
        let start = Instant::now();
        let outcome = session.train_epoch(&order, self.workload.batch_size);
        let train_seconds = start.elapsed().as_secs_f64();
        let train_cpu_seconds = processor_time.seconds();
        let outcome = outcome.map_err(|error| named("train_epoch", error))?;
        let train_accuracy = calls::check_correct("train_epoch", outcome.correct, train_count)?;

        // Before anything else makes the backend wait for its device.
        harness.calling("get_parameters")?;
        let (unfinished_seconds, parameters) = calls::unfinished_seconds(session, &self.workload.model)?;

        let diverged = self.diverged(epoch, outcome.loss);
        harness.calling("predict")?;
        let predicted = calls::predict_all(session, Split::Test, &self.test_indices, self.classes);
        if let (Err(_), Some(diverged)) = (&predicted, &diverged) {
            // What it predicts then is not what went wrong.
            anyhow::bail!(diverged.clone());
        }
        let (logits, predict_seconds) = predicted?;
        let measured = EpochMessage {
            epoch,
            train_seconds,
            unfinished_seconds,
            train_cpu_seconds,
            predict_seconds,
            train_loss: outcome.loss.is_finite().then_some(outcome.loss),
            train_accuracy,
            test_accuracy: crate::score::accuracy(&logits, self.classes, self.test_labels),
            rss_bytes: crate::machine::rss_bytes(std::process::id()),
        };
        Ok(EndedEpoch { measured, outcome, diverged, parameters, logits })
    }

    /// Why an epoch of this loss is one of a training that has diverged; `None` where it is not.
    fn diverged(&self, epoch: u32, loss: f64) -> Option<String> {
        let rate = self.workload.learning_rate;
        let end =
            format!("training diverged at learning rate {rate}, unless it does not with other backends");
        if !loss.is_finite() {
            return Some(format!("train_epoch: the loss of epoch {epoch} is not finite: {end}"));
        }
        (loss > LOST).then(|| format!("train_epoch: the loss of epoch {epoch} is {loss:.1e}: {end}"))
    }
}

fn first_batch_norm(values: &[Vec<f32>], workload: &Workload) -> anyhow::Result<Option<FirstBatchNorm>> {
    let specs = workload.model.parameters()?;
    let [gamma, beta] = [Role::Gamma, Role::Beta].map(|role| {
        let position = specs.iter().position(|spec| spec.role == role)?;
        Some(values[position].clone())
    });
    Ok(gamma.zip(beta).map(|(gamma, beta)| FirstBatchNorm { gamma, beta }))
}
