//! Check 5: five steps stay on the reference's loss, and an epoch is its steps.

use serde::{Deserialize, Serialize};
use trainmark_plugin::{Error, Outcome, ParameterSpec, Session};
use trainmark_reports::record::CheckKind;

use super::deviation::{Change, Deviation, Vanishing};
use super::step::running_statistics;
use super::{Recorder, Subject, batches, starts};
use crate::parameters;

/// Four whole batches and a tail.
const STEPS: usize = 5;
/// Rounding that five steps carried on may change the places of logits this close.
const LOGIT_MARGIN: f64 = 1e-2;

pub(super) fn check(
    subject: &Subject<'_>,
    course: &Course,
    session: &mut dyn Session,
    recorder: &mut Recorder<'_>,
) -> Result<(), Error> {
    let tolerances = subject.workload.tolerances;
    let trial = Trial::of(course, subject)?;
    let steps = trial.steps(session);
    let losses = steps.as_ref().map(|(outcomes, _)| course.losses(outcomes)).map_err(Clone::clone);
    recorder.measured(CheckKind::Trajectory, "five steps: loss", losses, tolerances.trajectory);
    if let Ok((outcomes, _)) = &steps {
        recorder.losses.extend(outcomes.iter().map(|outcome| outcome.loss));
    }

    let epoch = trial.epoch(session);
    let (steps, epoch) = match (steps, epoch) {
        (Ok(steps), Ok(epoch)) => (steps, epoch),
        (_, Err(error)) => {
            recorder.stated(CheckKind::Epoch, "train_epoch", Err(error.to_string()));
            return Ok(());
        }
        (Err(_), _) => {
            recorder.stated(
                CheckKind::Epoch,
                "train_epoch",
                Err("its steps failed, so that there is nothing to compare".into()),
            );
            return Ok(());
        }
    };
    let total = trial.total(&steps.0);
    let loss = Deviation::of_losses(epoch.0.loss, total.loss);
    recorder.measured(
        CheckKind::EpochLoss,
        "train_epoch: loss",
        Ok(loss.against("its steps")),
        tolerances.trajectory,
    );
    recorder.stated(
        CheckKind::EpochCorrect,
        "train_epoch: correct",
        correct(epoch.0.correct, total.correct, course.undecided),
    );
    let change = trial.difference(&steps.1, &epoch.1, tolerances.epoch);
    recorder.measured(CheckKind::EpochParameters, "train_epoch: parameters", Ok(change), tolerances.epoch);
    if subject.workload.model.has_batch_norm() {
        let found = running_statistics(&trial.specs, &steps.1, &epoch.1);
        let name = "train_epoch: running statistics";
        recorder.measured(CheckKind::EpochRunningStatistics, name, Ok(found), tolerances.epoch);
    }
    Ok(())
}

fn correct(found: u64, steps: u64, undecided: u64) -> Result<String, String> {
    let text = format!("{found}, its steps {steps}");
    if found.abs_diff(steps) <= undecided { Ok(text) } else { Err(text) }
}

/// A short epoch from the workload's own initial values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Course {
    order: Vec<u32>,
    /// The reference's loss at every step.
    losses: Vec<f64>,
    /// Samples whose two largest logits lie closer than [`LOGIT_MARGIN`].
    undecided: u64,
}

impl Course {
    /// Lets the reference take the steps. Each batch is chosen where the reference
    /// then stands: a single near-tie sends the losses 2e-4 apart, without it they
    /// agree to 1e-6.
    pub(super) fn new(subject: &Subject<'_>) -> Result<Self, Error> {
        let batch_size = subject.workload.batch_size;
        let start = starts::initial(subject)?;
        let mut reference =
            subject.reference(subject.workload.learning_rate, &start)?.with_logit_margin(LOGIT_MARGIN);
        let mut candidates = batches::samples(subject);
        let (mut order, mut losses, mut undecided) = (Vec::new(), Vec::new(), 0);
        for step in 1..=STEPS {
            let size = if step == STEPS { subject.tail() } else { batch_size };
            let chosen = batches::choose(&reference, subject.dataset.train, &mut candidates, size);
            let score = reference.train_step(&chosen.batch).score;
            order.extend(chosen.indices);
            losses.push(score.loss);
            undecided += score.undecided;
        }
        Ok(Self { order, losses, undecided })
    }

    fn losses(&self, outcomes: &[Outcome]) -> Deviation {
        let found = outcomes.iter().zip(&self.losses).enumerate().map(|(place, (outcome, expected))| {
            let found = Deviation::of_losses(outcome.loss, *expected);
            Deviation { detail: format!("step {}: {}", place + 1, found.detail), ..found }
        });
        Deviation::worst(found)
    }
}

/// That epoch as a backend trains it.
struct Trial<'c> {
    course: &'c Course,
    specs: Vec<ParameterSpec>,
    start: Vec<Vec<f32>>,
    batch_size: usize,
}

impl<'c> Trial<'c> {
    fn of(course: &'c Course, subject: &Subject<'_>) -> Result<Self, Error> {
        let (specs, start) = (subject.specs()?, starts::initial(subject)?);
        Ok(Self { course, specs, start, batch_size: subject.workload.batch_size })
    }

    fn batches(&self) -> impl Iterator<Item = &[u32]> {
        self.course.order.chunks(self.batch_size)
    }

    fn steps(&self, session: &mut dyn Session) -> Result<(Vec<Outcome>, Vec<Vec<f32>>), Error> {
        parameters::set(session, &self.start)?;
        let outcomes = self.batches().map(|batch| session.train_step(batch)).collect::<Result<_, _>>()?;
        Ok((outcomes, parameters::get(session, &self.specs)?))
    }

    fn epoch(&self, session: &mut dyn Session) -> Result<(Outcome, Vec<Vec<f32>>), Error> {
        parameters::set(session, &self.start)?;
        let outcome = session.train_epoch(&self.course.order, self.batch_size)?;
        Ok((outcome, parameters::get(session, &self.specs)?))
    }

    /// What an epoch of these steps is to report.
    fn total(&self, outcomes: &[Outcome]) -> Outcome {
        Outcome::of_steps(outcomes.iter().copied().zip(self.batches().map(<[u32]>::len)))
    }

    fn difference(&self, steps: &[Vec<f32>], epoch: &[Vec<f32>], limit: f64) -> Deviation {
        let changes = steps.iter().zip(&self.start).map(|(after, before)| {
            after.iter().zip(before).map(|(a, b)| f64::from(*a) - f64::from(*b)).collect()
        });
        let expected: Vec<Vec<f64>> = changes.collect();
        let (specs, before) = (&self.specs, &self.start);
        Change { specs, before, after: epoch, expected: &expected, limit, vanishing: Vanishing::InFloat32 }
            .deviation()
    }
}
