//! Steps in a row, some of which are held against the reference.

use std::collections::HashSet;

use trainmark_plugin::{Error, Optimiser, Outcome, ParameterSpec, Session};
use trainmark_reports::record::CheckKind;

use super::super::deviation::{Change, Deviation, Vanishing, finite_or_infinite};
use super::super::step::{Compared, Step};
use super::super::{Recorder, Subject};
use crate::parameters;
use crate::reference::Batch;
use crate::workload::Workload;

/// Limits for steps whose batches were not chosen: a near-tie in a max pool may send a gradient
/// elsewhere, and trained networks compute with larger numbers.
const STEP_GRADIENTS: f64 = 5e-2;
const STEP_STATISTICS: f64 = 1e-3;
/// Limit of the share of a step of Adam that goes against the gradient; of a step by other gradients it is a half.
const AGAINST: f64 = 0.2;

const LOSS: &str = "audit, some steps: loss";
const RIGHT: &str = "audit, some steps: correct";
const STATISTICS: &str = "audit, some steps: running statistics";

/// What is checked of the steps of a workload, by name, each with its limit.
pub(super) fn checks(workload: &Workload) -> Vec<(&'static str, Option<f64>)> {
    let (name, limit) = change(workload);
    let mut checks = vec![(LOSS, Some(workload.tolerances.loss)), (RIGHT, None), (name, Some(limit))];
    if workload.model.has_batch_norm() {
        checks.push((STATISTICS, Some(STEP_STATISTICS)));
    }
    checks
}

/// What of a step's change is held against the reference.
fn change(workload: &Workload) -> (&'static str, f64) {
    match workload.optimiser {
        Optimiser::Adam { .. } => ("audit, some steps: directions", AGAINST),
        _ => ("audit, some steps: gradients", STEP_GRADIENTS),
    }
}

/// Steps one after another in a session.
pub(super) struct Row<'s> {
    session: &'s mut dyn Session,
    specs: &'s [ParameterSpec],
    /// Every parameter before the step before the last one, before the last one, and after it.
    states: [Vec<Vec<f32>>; 3],
    steps: i32,
}

impl<'s> Row<'s> {
    /// Of a session that has been given these parameters.
    pub(super) fn new(session: &'s mut dyn Session, specs: &'s [ParameterSpec], start: &[Vec<f32>]) -> Self {
        Self { session, specs, states: [start.to_vec(), start.to_vec(), start.to_vec()], steps: 0 }
    }

    pub(super) fn step(&mut self, batch: &[u32]) -> Result<Outcome, Error> {
        let outcome = self.session.train_step(batch)?;
        self.states.rotate_left(1);
        self.states[2] = parameters::get(self.session, self.specs)?;
        self.steps += 1;
        Ok(outcome)
    }

    /// Every parameter.
    pub(super) fn now(&self) -> &[Vec<f32>] {
        &self.states[2]
    }

    pub(super) fn last_was_idle(&self) -> bool {
        parameters::first_difference(self.specs, &self.states[1], &self.states[2]).is_none()
    }

    /// What the last step has added beside what its optimiser's state carries on of the step before, against
    /// the gradient of the loss and the decay.
    fn added(&self, optimiser: Optimiser, rate: f64, gradients: &[Vec<f64>], still: &[usize]) -> Deviation {
        match optimiser {
            Optimiser::Sgd => self.descended(0.0, rate, gradients, still),
            Optimiser::Momentum { momentum, .. } => self.descended(momentum, rate, gradients, still),
            Optimiser::Adam { beta1, beta2, .. } => self.directed([beta1, beta2], gradients),
        }
    }

    /// w − momentum·(the change before) − rate·g, as each tensor's relative error.
    fn descended(&self, momentum: f64, rate: f64, gradients: &[Vec<f64>], still: &[usize]) -> Deviation {
        let [earlier, before, after] = &self.states;
        let carried = before.iter().zip(earlier).map(|(before, earlier)| {
            let carried = |(w, earlier): (&f32, &f32)| w + momentum as f32 * (w - earlier);
            before.iter().zip(earlier).map(carried).collect()
        });
        let expected = gradients.iter().map(|tensor| tensor.iter().map(|g| -rate * g).collect());
        Change {
            specs: self.specs,
            before: &carried.collect::<Vec<_>>(),
            after,
            expected: &expected.collect::<Vec<_>>(),
            still,
            limit: STEP_GRADIENTS,
            vanishing: Vanishing::InFloat64,
        }
        .deviation()
    }

    /// Adam divides the mean m of the gradients by √v, which nobody sees but which is above zero and hardly moves
    /// in a step: m/√v of this step less β₁ times that of the step before has the gradient's sign.
    fn directed(&self, [beta1, beta2]: [f64; 2], gradients: &[Vec<f64>]) -> Deviation {
        let mean = |steps: i32| (1.0 - beta1.powi(steps)) / (1.0 - beta2.powi(steps)).sqrt();
        let (now, then) = (mean(self.steps), if self.steps > 1 { beta1 * mean(self.steps - 1) } else { 0.0 });
        let (mut all, mut against) = (0.0, 0.0);
        for slot in (0..self.specs.len()).filter(|&slot| self.specs[slot].role.is_trainable()) {
            let [earlier, before, after] = self.states.each_ref().map(|state| &state[slot]);
            for (place, gradient) in gradients[slot].iter().enumerate() {
                let [earlier, before, after] = [earlier, before, after].map(|state| f64::from(state[place]));
                let added = now * (after - before) - then * (before - earlier);
                all += added.abs();
                against += if added * gradient > 0.0 { added.abs() } else { 0.0 };
            }
        }
        let error = finite_or_infinite(against / f64::max(all, f64::MIN_POSITIVE));
        Deviation { error, detail: "share of what the step adds that goes up the gradient".into() }
    }
}

/// Steps at some places, held against the reference.
pub(super) struct HeldSteps<'s, 'd> {
    subject: &'s Subject<'d>,
    held: HashSet<usize>,
    /// Their numbers, from 1, and how far they are from it.
    found: Vec<(usize, Compared)>,
}

impl<'s, 'd> HeldSteps<'s, 'd> {
    pub(super) fn new(subject: &'s Subject<'d>, held: &[usize]) -> Self {
        Self { subject, held: held.iter().copied().collect(), found: Vec::new() }
    }

    /// What they are steps of.
    pub(super) fn subject(&self) -> &'s Subject<'d> {
        self.subject
    }

    /// Holds the last step of a row, if it is one of those.
    pub(super) fn look_at(
        &mut self,
        place: usize,
        batch: &[u32],
        row: &Row<'_>,
        outcome: Outcome,
    ) -> Result<(), Error> {
        if !self.held.contains(&place) {
            return Ok(());
        }
        let (rate, optimiser) = (self.subject.workload.learning_rate, self.subject.workload.optimiser);
        let [_, before, after] = &row.states;
        let mut reference = self.subject.reference(rate, before)?;
        let batch = Batch::gather(self.subject.dataset.train, batch);
        let step = Step { before, after: after.clone(), outcome };
        let mut compared = step.against(&mut reference, &batch, STEP_GRADIENTS);
        if optimiser.has_state() {
            let decayed = self.subject.reference(rate, before)?.decayed(&compared.pass);
            compared.gradients = row.added(optimiser, rate, &decayed, &compared.still);
        }
        self.found.push((place + 1, compared));
        Ok(())
    }

    pub(super) fn record(&self, recorder: &mut Recorder<'_>) {
        let kind = CheckKind::AuditedSteps;
        let limit = self.subject.workload.tolerances.loss;
        recorder.measured(kind, LOSS, Ok(self.worst(|one| &one.loss)), limit);
        recorder.stated(kind, RIGHT, self.correct());
        let gradients = self.worst(|one| &one.gradients);
        let (name, limit) = change(&self.subject.workload);
        recorder.measured(kind, name, Ok(gradients), limit);
        if self.subject.workload.model.has_batch_norm() {
            let statistics = self.worst(|one| &one.statistics);
            recorder.measured(kind, STATISTICS, Ok(statistics), STEP_STATISTICS);
        }
    }

    fn worst(&self, of: impl Fn(&Compared) -> &Deviation) -> Deviation {
        let worst = self.found.iter().max_by(|(_, a), (_, b)| of(a).error.total_cmp(&of(b).error));
        let Some((number, worst)) = worst else {
            return Deviation { error: 0.0, detail: "no step".into() };
        };
        let Deviation { error, detail } = of(worst);
        let numbers: Vec<String> = self.found.iter().map(|(number, _)| number.to_string()).collect();
        Deviation { error: *error, detail: format!("steps {}; step {number}: {detail}", numbers.join(", ")) }
    }

    fn correct(&self) -> Result<String, String> {
        let wrong = self.found.iter().find_map(|(number, one)| Some((number, one.correct.as_ref().err()?)));
        match wrong {
            Some((number, text)) => Err(format!("step {number}: {text}")),
            None => Ok(format!("{} steps", self.found.len())),
        }
    }
}
