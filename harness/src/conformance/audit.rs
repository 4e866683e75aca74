//! The audit: an epoch that was timed is trained once more, step by step. Some of the steps are
//! held against the reference, and the epoch against its steps.

use trainmark_plugin::{Error, Outcome, ParameterSpec, Session};
use trainmark_reports::record::{CheckKind, CheckRecord};

mod held;
mod idle;

use self::held::{HeldSteps, Row};
use self::idle::IdleSteps;
use super::deviation::{Deviation, finite_or_infinite, norm};
use super::step::LEAST_STATISTIC;
use super::{Open, Recorder, Subject, starts};
use crate::parameters;
use crate::workload::{Workload, epoch_order};

/// Steps of an audited epoch that are held against the reference.
pub const HELD_STEPS: usize = 4;

/// An epoch this near to its steps was made of them: one batch less of 235 leads further.
const REPRODUCED: f64 = 1e-3;
/// How far an epoch may be from its steps beside its parameters.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Relative L2 error of each tensor of running statistics; none where rounding explains any.
    statistics: Option<f64>,
    /// Relative error of the loss.
    loss: f64,
    /// Share of the samples by which the right answers may differ.
    correct: f64,
}

impl Limits {
    /// Of an epoch that was made of its steps.
    const TIGHT: Self = Self { statistics: Some(1e-2), loss: 1e-4, correct: 5e-4 };

    /// Of one of this workload in which rounding was carried on.
    fn carried_on(workload: &Workload) -> Self {
        let loss = workload.tolerances.audit_loss;
        Self { statistics: None, loss, correct: 0.6 * loss }
    }
}

/// The checks that an audit of a workload makes whatever comes of it, by name, each with the most that its
/// limit may be.
pub(crate) fn least_checks(workload: &Workload) -> Vec<(&'static str, Option<f64>)> {
    let mut checks = held::checks(workload);
    let limits = Limits::carried_on(workload);
    checks.extend([
        (EVERY_STEP, None),
        (PARAMETERS, Some(REPRODUCED.max(workload.tolerances.audit))),
        (LOSS, Some(limits.loss)),
        (CORRECT, Some(limits.correct)),
    ]);
    checks
}

/// The check that decides whether rounding must be explained, and the limit beyond which it must.
pub(crate) const DECIDES: (&str, f64) = (PARAMETERS, REPRODUCED);

const EVERY_STEP: &str = "audit: every step trains";
const PARAMETERS: &str = "audit: parameters";
const LOSS: &str = "audit: loss";
const CORRECT: &str = "audit: correct, of all samples";

/// Share of the learning rate at which a network carries no rounding on.
const CALM_RATE: f64 = 0.01;
/// Limit of the epoch's distance from its steps at that rate.
const CALM: f64 = 2e-3;

/// What a run has said of an epoch, and where it began.
#[derive(Debug, Clone, Copy)]
pub struct TimedEpoch<'t> {
    /// 1-based.
    pub number: u32,
    /// Every parameter when it began.
    pub start: &'t [Vec<f32>],
    /// Every parameter when it had ended.
    pub end: &'t [Vec<f32>],
    /// Its loss and right answers.
    pub outcome: Outcome,
}

/// Trains a timed epoch of the subject's seed once more by `train_step`, holds the steps at the
/// places `held` against the reference, and the epoch against all of them.
///
/// Where the epoch is not what its steps make of it up to rounding, and rounding alone could
/// explain that, another whole epoch is trained at a learning rate so small that it cannot.
///
/// What dropout has chosen nobody can choose again: of such a workload an epoch is trained from the
/// same parameters with dropout that lets everything through, and held against its steps.
///
/// An optimiser's state cannot be set: where there is one, the steps begin with the run's own initial
/// values, and go through all epochs before the timed one.
///
/// # Errors
/// Where a call of the backend fails, or the reference cannot compute the workload.
pub fn audit<'d>(
    subject: &Subject<'d>,
    timed: TimedEpoch<'_>,
    held: &[usize],
    open: &mut Open<'_, 'd>,
    progress: &mut dyn FnMut(&CheckRecord),
) -> Result<Vec<CheckRecord>, Error> {
    if subject.workload.drops() {
        let still = Subject { workload: subject.workload.without_dropping(), ..subject.clone() };
        let course = Course::new(&still, timed)?;
        let (outcome, end) = course.epoch(&mut *open(still.request(still.workload.learning_rate))?)?;
        let trained = TimedEpoch { end: &end, outcome, ..timed };
        return Course::new(&still, trained)?.audit(&still, held, open, progress);
    }
    let course = match subject.workload.optimiser.has_state() {
        true => Course::from_the_start(subject, timed)?,
        false => Course::new(subject, timed)?,
    };
    course.audit(subject, held, open, progress)
}

impl Course<'_> {
    fn audit<'d>(
        &self,
        subject: &Subject<'d>,
        held: &[usize],
        open: &mut Open<'_, 'd>,
        progress: &mut dyn FnMut(&CheckRecord),
    ) -> Result<Vec<CheckRecord>, Error> {
        let timed = self.timed;
        let mut recorder = Recorder::new(progress);
        let mut session = open(subject.request(subject.workload.learning_rate))?;
        let mut steps = HeldSteps::new(subject, held);
        let replay = self.steps(&mut *session, &mut steps)?;
        drop(session);
        steps.record(&mut recorder);
        recorder.stated(CheckKind::AuditedSteps, EVERY_STEP, replay.idle.all_train(replay.steps));

        let found = self.distance(timed.end, &replay);
        let is_reproduced = found.error <= REPRODUCED && self.begins_alike(&replay);
        let limit = if is_reproduced { REPRODUCED } else { subject.workload.tolerances.audit };
        recorder.measured(CheckKind::AuditedEpoch, PARAMETERS, Ok(found), limit);
        let limits = if is_reproduced { Limits::TIGHT } else { Limits::carried_on(&subject.workload) };
        let epoch = Epoch { kind: CheckKind::AuditedEpoch, name: "audit", limits };
        epoch.record(self, timed.end, timed.outcome, &replay, &mut recorder);

        let is_explained = recorder.checks.iter().all(|check| check.passed);
        if !is_reproduced && is_explained {
            calm_epoch(subject, &Course::new(subject, timed)?, open, &mut recorder)?;
        }
        Ok(recorder.checks)
    }
}

/// Trains the epoch at a learning rate at which nothing but what is trained makes a difference.
fn calm_epoch<'d>(
    subject: &Subject<'d>,
    course: &Course<'_>,
    open: &mut Open<'_, 'd>,
    recorder: &mut Recorder<'_>,
) -> Result<(), Error> {
    let mut session = open(subject.request(CALM_RATE * subject.workload.learning_rate))?;
    let (outcome, end) = course.epoch(&mut *session)?;
    let mut none = HeldSteps::new(subject, &[]);
    let replay = course.steps(&mut *session, &mut none)?;
    let found = course.distance(&end, &replay);
    recorder.measured(CheckKind::CalmEpoch, "audit, small learning rate: parameters", Ok(found), CALM);
    let epoch =
        Epoch { kind: CheckKind::CalmEpoch, name: "audit, small learning rate", limits: Limits::TIGHT };
    epoch.record(course, &end, outcome, &replay, recorder);
    Ok(())
}

/// The epoch's order, and what comes before it.
struct Course<'t> {
    timed: TimedEpoch<'t>,
    specs: Vec<ParameterSpec>,
    /// What its steps begin with.
    start: Vec<Vec<f32>>,
    /// The orders of the epochs between that and the timed one.
    earlier: Vec<Vec<u32>>,
    order: Vec<u32>,
    batch_size: usize,
}

/// What the steps of an epoch came to.
struct Replay {
    outcome: Outcome,
    /// Every parameter when the epoch began.
    start: Vec<Vec<f32>>,
    end: Vec<Vec<f32>>,
    idle: IdleSteps,
    steps: usize,
}

impl<'t> Course<'t> {
    /// From the parameters with which the epoch began.
    fn new(subject: &Subject<'_>, timed: TimedEpoch<'t>) -> Result<Self, Error> {
        let order = epoch_order(subject.dataset.train.count() as u32, subject.seed, timed.number);
        let (specs, start, earlier) = (subject.specs()?, timed.start.to_vec(), Vec::new());
        Ok(Self { timed, specs, start, earlier, order, batch_size: subject.workload.batch_size })
    }

    /// From the run's initial values.
    fn from_the_start(subject: &Subject<'_>, timed: TimedEpoch<'t>) -> Result<Self, Error> {
        let count = subject.dataset.train.count() as u32;
        let earlier = (1..timed.number).map(|number| epoch_order(count, subject.seed, number)).collect();
        Ok(Self { start: starts::initial(subject)?, earlier, ..Self::new(subject, timed)? })
    }

    /// Trains the whole epoch at once.
    fn epoch(&self, session: &mut dyn Session) -> Result<(Outcome, Vec<Vec<f32>>), Error> {
        parameters::set(session, self.timed.start)?;
        let outcome = session.train_epoch(&self.order, self.batch_size)?;
        Ok((outcome, parameters::get(session, &self.specs)?))
    }

    /// Takes every step. The parameters are read after each, so that none of them tells the
    /// backend whether it is one that is held against the reference.
    fn steps(&self, session: &mut dyn Session, held: &mut HeldSteps<'_, '_>) -> Result<Replay, Error> {
        parameters::set(session, &self.start)?;
        let mut row = Row::new(session, &self.specs, &self.start);
        for batch in self.earlier.iter().flat_map(|order| order.chunks(self.batch_size)) {
            row.step(batch)?;
        }
        let start = row.now().to_vec();
        let (mut outcomes, mut idle) = (Vec::new(), IdleSteps::default());
        for (place, batch) in self.order.chunks(self.batch_size).enumerate() {
            let outcome = row.step(batch)?;
            if row.last_was_idle() {
                idle.take(place + 1, held.subject(), row.now(), batch)?;
            }
            held.look_at(place, batch, &row, outcome)?;
            outcomes.push((outcome, batch.len()));
        }
        let steps = outcomes.len();
        Ok(Replay { outcome: Outcome::of_steps(outcomes), start, end: row.now().to_vec(), idle, steps })
    }

    /// ‖one − other‖₂ over all trained parameters.
    fn between(&self, one: &[Vec<f32>], other: &[Vec<f32>]) -> f64 {
        let trained = (0..self.specs.len()).filter(|&slot| self.specs[slot].role.is_trainable());
        let values = trained.flat_map(|slot| one[slot].iter().zip(&other[slot]));
        norm(values.map(|(a, b)| f64::from(*a) - f64::from(*b)))
    }

    /// Whether the epoch has begun where its steps begin, up to rounding.
    fn begins_alike(&self, replay: &Replay) -> bool {
        self.between(self.timed.start, &replay.start) <= REPRODUCED * self.between(&replay.end, &replay.start)
    }

    /// How far the epoch's end is from that of its steps, of the way that they lead:
    /// (‖found − replayed‖₂ − d) / ‖replayed − where the steps begin‖₂. How far that is from where the epoch
    /// has begun, d, is nothing unless other epochs lie before.
    fn distance(&self, found: &[Vec<f32>], replay: &Replay) -> Deviation {
        let before = self.between(self.timed.start, &replay.start);
        let more = (self.between(found, &replay.end) - before).abs();
        let way = self.between(&replay.end, &replay.start);
        let (number, steps) = (self.timed.number, self.count());
        let mut detail = format!("epoch {number}, of the way that its {steps} steps lead");
        if !self.earlier.is_empty() {
            detail.push_str(" after those of the epochs before");
        }
        Deviation { error: finite_or_infinite(more / way.max(f64::MIN_POSITIVE)), detail }
    }

    /// The worst tensor's ‖found − replayed‖₂ / ‖replayed‖₂ among running statistics.
    fn statistics_distance(&self, found: &[Vec<f32>], replayed: &[Vec<f32>]) -> Deviation {
        let slots = (0..self.specs.len()).filter(|&slot| !self.specs[slot].role.is_trainable());
        Deviation::worst(slots.map(|slot| {
            let (found, replayed) = (&found[slot], &replayed[slot]);
            let between = norm(found.iter().zip(replayed).map(|(a, b)| f64::from(*a) - f64::from(*b)));
            let least = LEAST_STATISTIC * (replayed.len() as f64).sqrt();
            let error = between / norm(replayed.iter().copied().map(f64::from)).max(least);
            Deviation { error: finite_or_infinite(error), detail: format!("worst {}", self.specs[slot].name) }
        }))
    }

    fn count(&self) -> usize {
        self.order.len().div_ceil(self.batch_size)
    }

    fn has_statistics(&self) -> bool {
        self.specs.iter().any(|spec| !spec.role.is_trainable())
    }
}

/// Running statistics, loss and right answers of an epoch, against those of its steps.
struct Epoch {
    kind: CheckKind,
    name: &'static str,
    limits: Limits,
}

impl Epoch {
    fn record(
        &self,
        course: &Course<'_>,
        end: &[Vec<f32>],
        found: Outcome,
        replay: &Replay,
        recorder: &mut Recorder<'_>,
    ) {
        let (name, limits, steps) = (self.name, self.limits, replay.outcome);
        if let (Some(limit), true) = (limits.statistics, course.has_statistics()) {
            let statistics = course.statistics_distance(end, &replay.end);
            recorder.measured(self.kind, format!("{name}: running statistics"), Ok(statistics), limit);
        }
        let loss = Deviation::of_losses(found.loss, steps.loss).against("its steps");
        recorder.measured(self.kind, format!("{name}: loss"), Ok(loss), limits.loss);
        let share = found.correct.abs_diff(steps.correct) as f64 / course.order.len() as f64;
        let correct =
            Deviation { error: share, detail: format!("{}, its steps {}", found.correct, steps.correct) };
        recorder.measured(self.kind, format!("{name}: correct, of all samples"), Ok(correct), limits.correct);
    }
}
