//! Check 5: five steps stay on the reference's loss, and an epoch is its steps.

use serde::{Deserialize, Serialize};
use trainmark_plugin::{Error, Outcome, ParameterSpec, Session, Split};
use trainmark_reports::record::CheckKind;

use super::deviation::{Change, Deviation, Vanishing, norm};
use super::step::running_statistics;
use super::{Recorder, Subject, batches, starts};
use crate::parameters;
use crate::reference::Pass;

/// Four whole batches and a tail.
const STEPS: usize = 5;
/// Rounding that five steps carried on may change the places of logits this close.
const LOGIT_MARGIN: f64 = 1e-2;
/// Steps of the first of two epochs, between which an optimiser's state is kept.
const FIRST_STEPS: usize = 3;
/// Values of a tensor whose way is foreseen: so many tell of an optimiser as well as all.
const SPREAD: usize = 512;
/// Adam divides a gradient by its own size: of one that nearly cancels, or is zero but for rounding, rounding decides
/// the step. Below this share of its tensor's root mean square gradient one tells nothing.
const TELLING: f64 = 1e-3;
/// Relative L2 error of each tensor's way over the five steps, of such values. Every mistake in an
/// optimiser's state leads further.
const WAY: f64 = 5e-2;

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

    if let (Some(ways), Ok((_, end))) = (&course.ways, &steps) {
        let way = ways.deviation(&trial.specs, &trial.start, end);
        recorder.measured(CheckKind::Trajectory, "five steps: parameters", Ok(way), WAY);
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
    /// Where an optimiser's state leads the parameters.
    ways: Option<Ways>,
}

/// By how much the steps change some of the parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Ways {
    /// Of each tensor, which of its values.
    places: Vec<Vec<usize>>,
    /// By how much each of these changes.
    changes: Vec<Vec<f64>>,
}

impl Ways {
    /// Those between two places of the reference, of values that had telling gradients.
    fn new(start: &[Vec<f32>], end: &[Vec<f64>], telling: &[Vec<bool>]) -> Self {
        let places = telling.iter().map(|telling| {
            let all: Vec<usize> = (0..telling.len()).filter(|&place| telling[place]).collect();
            let count = all.len().min(SPREAD);
            (0..count).map(|place| all[place * all.len() / count]).collect()
        });
        let places: Vec<Vec<usize>> = places.collect();
        let ends = places.iter().zip(start.iter().zip(end));
        let changes = ends.map(|(places, (start, end))| {
            places.iter().map(|&place| end[place] - f64::from(start[place])).collect()
        });
        Self { changes: changes.collect(), places }
    }

    fn of<T: Copy>(&self, tensors: &[Vec<T>]) -> Vec<Vec<T>> {
        let tensors = self.places.iter().zip(tensors);
        tensors.map(|(places, tensor)| places.iter().map(|&place| tensor[place]).collect()).collect()
    }

    fn deviation(&self, specs: &[ParameterSpec], start: &[Vec<f32>], end: &[Vec<f32>]) -> Deviation {
        let (before, after) = (&self.of(start), &self.of(end));
        let (expected, vanishing) = (&self.changes, Vanishing::InFloat64);
        Change { specs, before, after, expected, still: &[], limit: WAY, vanishing }.deviation()
    }
}

/// Takes out the values whose gradient tells nothing.
fn keep_telling(telling: &mut [Vec<bool>], pass: &Pass) {
    let moved: Vec<usize> = pass.with_gradients().collect();
    for (slot, (telling, gradients)) in telling.iter_mut().zip(&pass.gradients).enumerate() {
        let size = norm(gradients.iter().copied()) / (gradients.len() as f64).sqrt();
        let is_telling = |gradient: f64| moved.contains(&slot) && gradient.abs() >= TELLING * size;
        telling.iter_mut().zip(gradients).for_each(|(telling, gradient)| *telling &= is_telling(*gradient));
    }
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
        let mut telling: Vec<Vec<bool>> = start.iter().map(|tensor| vec![true; tensor.len()]).collect();
        for step in 1..=STEPS {
            let size = if step == STEPS { subject.tail() } else { batch_size };
            let chosen = batches::choose(&reference, subject.dataset.train, &mut candidates, size);
            let pass = reference.train_step(&chosen.batch);
            keep_telling(&mut telling, &pass);
            let score = pass.score;
            order.extend(chosen.indices);
            losses.push(score.loss);
            undecided += score.undecided;
        }
        let has_state = subject.workload.optimiser.has_state();
        let ways = has_state.then(|| Ways::new(&start, reference.parameters(), &telling));
        Ok(Self { order, losses, undecided, ways })
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
    classes: usize,
}

impl<'c> Trial<'c> {
    fn of(course: &'c Course, subject: &Subject<'_>) -> Result<Self, Error> {
        let (specs, start) = (subject.specs()?, starts::initial(subject)?);
        let classes = subject.workload.model.classes()?;
        Ok(Self { course, specs, start, batch_size: subject.workload.batch_size, classes })
    }

    fn batches(&self) -> impl Iterator<Item = &[u32]> {
        self.course.order.chunks(self.batch_size)
    }

    fn steps(&self, session: &mut dyn Session) -> Result<(Vec<Outcome>, Vec<Vec<f32>>), Error> {
        parameters::set(session, &self.start)?;
        let outcomes = self.batches().map(|batch| session.train_step(batch)).collect::<Result<_, _>>()?;
        Ok((outcomes, parameters::get(session, &self.specs)?))
    }

    /// Where an optimiser has state the epoch is trained as two, between which parameters are read and
    /// samples predicted, as between the epochs of a run.
    fn epoch(&self, session: &mut dyn Session) -> Result<(Outcome, Vec<Vec<f32>>), Error> {
        parameters::set(session, &self.start)?;
        let order = &self.course.order;
        if self.course.ways.is_none() {
            let outcome = session.train_epoch(order, self.batch_size)?;
            return Ok((outcome, parameters::get(session, &self.specs)?));
        }
        let (first, second) = order.split_at(FIRST_STEPS * self.batch_size);
        let one = session.train_epoch(first, self.batch_size)?;
        parameters::get(session, &self.specs)?;
        let mut logits = vec![f32::NAN; self.classes];
        session.predict(Split::Test, &[0], self.batch_size, &mut logits)?;
        let other = session.train_epoch(second, self.batch_size)?;
        let outcome = Outcome::of_steps([(one, first.len()), (other, second.len())]);
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
        let (before, after) = (self.start.clone(), epoch.to_vec());
        let (before, after, expected) = match &self.course.ways {
            Some(ways) => (ways.of(&before), ways.of(&after), ways.of(&expected)),
            None => (before, after, expected),
        };
        let (specs, still, vanishing) = (&self.specs, &[][..], Vanishing::InFloat32);
        Change { specs, before: &before, after: &after, expected: &expected, still, limit, vanishing }
            .deviation()
    }
}
