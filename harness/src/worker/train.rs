//! The job that is timed: one training of one cell.

use std::time::Instant;

use trainmark_plugin::{Dataset, Outcome, Role, Session, Split};
use trainmark_reports::record::FirstBatchNorm;

use super::calls::{self, named};
use super::evidence::{Evidence, Tensors};
use super::processor_time::ProcessorTime;
use super::protocol::{EpochMessage, Message, Task};
use super::{Equipped, Harness};
use crate::workload::{self, Workload};
use crate::{chance, conformance, parameters};

pub(super) fn run(task: &Task, harness: &mut Harness) -> anyhow::Result<()> {
    let workload = workload::find(&task.workload)?;
    let equipped = Equipped::new(task, harness)?;
    let subject = equipped.subject(workload);
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
    let Trained { parameters, logits, evidence } = trained?;
    let mut done = equipped.done()?;
    done.evidence = evidence.map(Box::new);
    harness.send(&Message::Checked(conformance::check_last_prediction(&subject, &parameters, &logits)?))?;
    done.first_batch_norm = first_batch_norm(&parameters, workload)?;
    harness.send(&Message::Done(Box::new(done)))
}

/// What is left of a training.
struct Trained {
    parameters: Vec<Vec<f32>>,
    /// Of the last prediction.
    logits: Vec<f32>,
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
    let (mut parameters, mut logits, mut evidence) = (initial, Vec::new(), None);
    for epoch in 1..=task.epochs {
        let ended = epochs.train(epoch, dataset.train.count(), session, harness)?;
        harness.send(&Message::Epoch(ended.measured))?;
        if !ended.outcome.loss.is_finite() {
            anyhow::bail!("train_epoch: the loss of epoch {epoch} is not finite");
        }
        // So each epoch of the run is as likely as any other to be the one that is kept, and
        // none is known before it has ended.
        if chance::below(epoch as usize)? == 0 {
            let Outcome { loss, correct, .. } = ended.outcome;
            let (start, end) = (Tensors(parameters), Tensors(ended.parameters.clone()));
            evidence = Some(Evidence { epoch, train_loss: loss, correct, start, end });
        }
        (parameters, logits) = (ended.parameters, ended.logits);
    }
    harness.calling("get_parameters")?;
    let parameters = parameters::get(session, &workload.model.parameters()?);
    let parameters = parameters.map_err(|error| named("get_parameters", error))?;
    Ok(Trained { parameters, logits, evidence })
}

/// An epoch that has ended.
struct EndedEpoch {
    measured: EpochMessage,
    outcome: Outcome,
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

        harness.calling("predict")?;
        let (logits, predict_seconds) =
            calls::predict_all(session, Split::Test, &self.test_indices, self.classes)?;
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
        Ok(EndedEpoch { measured, outcome, parameters, logits })
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
