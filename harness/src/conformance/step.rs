//! Checks 2 and 3: loss, gradients and running statistics of one training step, and
//! that prediction uses what the step left behind.

use serde::{Deserialize, Serialize};
use trainmark_plugin::{
    Error, ErrorKind, Layer, Optimiser, Outcome, ParameterSpec, Role, RunningVariance, Session, Split,
};
use trainmark_reports::record::CheckKind;

use super::batches::{self, Chosen};
use super::deviation::{Change, Deviation, Vanishing, finite_or_infinite, norm};
use super::{Recorder, Subject, starts, stop_if_unsupported};
use crate::parameters;
use crate::reference::{Batch, Pass, Reference, Score};
use crate::workload::Workload;

/// The rounding of a stored parameter shall be at most this share of its change.
const ROUNDING_SHARE: f64 = 1e-4;
/// Running statistics nearer to 0 than this are compared absolutely.
pub(super) const LEAST_STATISTIC: f64 = 1e-2;
/// Test samples predicted after a step.
const PREDICTED: usize = 64;

/// The steps that are checked: on which batches, and at which learning rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Steps {
    /// At least 1, and a power of two so large that every tensor's change stands
    /// far above the rounding of float32: a gradient is only seen through w − rate·g.
    pub(super) learning_rate: f64,
    /// Adam's ε, where the workload is trained by Adam.
    epsilon: Option<f64>,
    batches: Vec<Taken>,
}

/// The batch of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Taken {
    indices: Vec<u32>,
    /// What a reader of its gradients' error should know.
    remark: Option<String>,
}

impl From<&Chosen> for Taken {
    fn from(chosen: &Chosen) -> Self {
        Self { remark: chosen.remark(), indices: chosen.indices.clone() }
    }
}

impl Steps {
    /// Those that tell most of a subject.
    ///
    /// # Errors
    /// Where the reference cannot compute the workload.
    pub(super) fn choose(subject: &Subject<'_>) -> Result<Self, Error> {
        let start = starts::telling(subject)?;
        let reference = subject.reference(1.0, &start)?;
        let mut candidates = batches::samples(subject);
        let sizes = [subject.workload.batch_size, subject.tail(), 1];
        let chosen =
            sizes.map(|size| batches::choose(&reference, subject.dataset.train, &mut candidates, size));
        let epsilon = telling_epsilon(subject, &reference, &chosen);
        let batches = chosen.iter().map(Taken::from).collect();
        let mut steps = Self { learning_rate: 1.0, epsilon, batches };
        let mut probe = steps.telling(subject).reference(1.0, &start)?;
        probe.train_step(&chosen[0].batch);
        steps.learning_rate = measurable_rate(reference.specs(), reference.parameters(), probe.change());
        Ok(steps)
    }

    /// The subject with an optimiser through which gradients are seen.
    pub(super) fn telling<'d>(&self, subject: &Subject<'d>) -> Subject<'d> {
        let own = subject.workload.optimiser;
        let optimiser = match (own, self.epsilon) {
            (Optimiser::Adam { beta1, beta2, weight_decay, .. }, Some(epsilon)) => {
                Optimiser::Adam { beta1, beta2, epsilon, weight_decay }
            }
            _ => own,
        };
        Subject { workload: Workload { optimiser, ..subject.workload.clone() }, ..subject.clone() }
    }

    /// Has the backend make each and holds it against the reference's.
    ///
    /// # Errors
    /// Where the reference cannot compute the workload, or the first step is unsupported.
    pub(super) fn check(
        &self,
        subject: &Subject<'_>,
        session: &mut dyn Session,
        recorder: &mut Recorder<'_>,
    ) -> Result<(), Error> {
        let start = starts::telling(subject)?;
        for taken in &self.batches {
            let mut reference = subject.reference(self.learning_rate, &start)?;
            let size = taken.indices.len();
            let name = format!("train_step batch {size}");
            let made = Step::make(session, &start, &taken.indices, reference.specs());
            let is_whole = size == subject.workload.batch_size;
            if is_whole {
                stop_if_unsupported("train_step", &made)?;
            }
            match made {
                Ok(step) => {
                    let limit = subject.workload.tolerances.gradients;
                    let batch = Batch::gather(subject.dataset.train, &taken.indices);
                    let mut found = step.against(&mut reference, &batch, limit);
                    self.remark(subject, taken, &mut found.gradients);
                    if found.statistics.error > subject.workload.tolerances.running_statistics {
                        let fitting = self.conventions_that_fit(subject, &batch, &step)?;
                        name_conventions(subject.running_variance, &fitting, &mut found.statistics);
                    }
                    found.record(subject, &name, recorder);
                    if is_whole {
                        let predicted = predict(subject, session, &reference);
                        let name = format!("{name}: prediction afterwards");
                        let limit = subject.workload.tolerances.logits;
                        recorder.measured(CheckKind::StepPrediction, name, predicted, limit);
                    }
                }
                Err(error) if size == 1 && is_refusal(&error) => {
                    let told = format!("refused, as a backend may: {error}");
                    recorder.stated(CheckKind::Step, name, Ok(told));
                }
                Err(error) => recorder.stated(CheckKind::Step, name, Err(error.to_string())),
            }
        }
        Ok(())
    }

    /// The conventions that the running statistics behind a step follow.
    fn conventions_that_fit(
        &self,
        subject: &Subject<'_>,
        batch: &Batch,
        step: &Step<'_>,
    ) -> Result<Vec<RunningVariance>, Error> {
        let mut fitting = Vec::new();
        for convention in RunningVariance::ALL {
            let mut reference = subject.reference_following(convention, self.learning_rate, step.before)?;
            reference.train_step(batch);
            let error = running_statistics(reference.specs(), reference.parameters(), &step.after).error;
            if error <= subject.workload.tolerances.running_statistics {
                fitting.push(convention);
            }
        }
        Ok(fitting)
    }

    /// Says what a reader of the gradients' error should know.
    fn remark(&self, subject: &Subject<'_>, taken: &Taken, gradients: &mut Deviation) {
        gradients.detail.push_str(&format!(", rate {}", self.learning_rate));
        if let Some(remark) = &taken.remark {
            gradients.detail.push_str(&format!("; {remark}"));
        }
        let mut layers = subject.workload.model.layers.iter();
        if gradients.error > subject.workload.tolerances.gradients
            && layers.any(|layer| matches!(layer, Layer::MaxPool2d { .. }))
        {
            gradients.detail.push_str(
                "; where only layers before a max pool are off, suspect ties: the gradient goes once, \
                 to the first maximum, and equal inputs must give equal values",
            );
        }
    }
}

/// An ε with which Adam's first step tells of gradients: that step is g/(|g| + ε), the sign of a gradient that is
/// much larger than ε whatever its size. From the largest gradient on, a gradient's relative error shows by a half
/// of itself at least. Not 1, at which a decay beside the gradient is nearly one within it.
fn telling_epsilon(subject: &Subject<'_>, reference: &Reference, chosen: &[Chosen]) -> Option<f64> {
    if !matches!(subject.workload.optimiser, Optimiser::Adam { .. }) {
        return None;
    }
    let gradients = chosen.iter().flat_map(|chosen| reference.decayed(&reference.gradients(&chosen.batch)));
    let largest = gradients.flatten().fold(0.0, |largest: f64, g| largest.max(g.abs()));
    let epsilon = largest.max(f64::from(f32::MIN_POSITIVE)).log2().ceil().exp2();
    Some(if epsilon == 1.0 { 2.0 } else { epsilon })
}

/// Those that differ in nothing but their start cannot be told apart: the harness sets it.
fn name_conventions(declared: RunningVariance, computed: &[RunningVariance], statistics: &mut Deviation) {
    if computed.is_empty() {
        return;
    }
    let computed: Vec<&str> = computed.iter().map(|convention| convention.name()).collect();
    let told = format!("; declared {}, computes {}", declared.name(), computed.join(" or "));
    statistics.detail.push_str(&told);
}

/// The least power of two, from 1 on, at which the change of every tensor with a gradient stands far above the
/// rounding of float32.
pub(super) fn measurable_rate(
    specs: &[ParameterSpec],
    parameters: &[Vec<f64>],
    gradients: &[Vec<f64>],
) -> f64 {
    let norm = |tensor: &[f64]| norm(tensor.iter().copied());
    let trained = (0..specs.len()).filter(|&slot| specs[slot].role.is_trainable());
    let largest = gradients.iter().map(|tensor| norm(tensor)).fold(0.0, f64::max);
    // What is zero but for rounding needs no rate: no rate makes it measurable.
    let present = trained.filter(|&slot| norm(&gradients[slot]) > 1e-9 * largest);
    let needed = present.map(|slot| {
        f64::from(f32::EPSILON) * norm(&parameters[slot]) / (ROUNDING_SHARE * norm(&gradients[slot]))
    });
    needed.fold(1.0, f64::max).log2().ceil().exp2()
}

/// Logits of test samples in prediction mode, from what the step left behind.
fn predict(
    subject: &Subject<'_>,
    session: &mut dyn Session,
    reference: &Reference,
) -> Result<Deviation, Error> {
    let count = subject.dataset.test.count().min(PREDICTED);
    let indices: Vec<u32> = (0..count as u32).collect();
    let classes = subject.workload.model.classes()?;
    let mut logits = vec![f32::NAN; count * classes];
    session.predict(Split::Test, &indices, subject.workload.batch_size, &mut logits)?;
    let expected = reference.predict(&Batch::gather(subject.dataset.test, &indices).inputs);
    Ok(Deviation::of_logits(&logits, &expected, classes))
}

/// Normalising a single value leaves nothing of it: a backend may decline, with its reason.
fn is_refusal(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::Unsupported | ErrorKind::Invalid) && !error.message.trim().is_empty()
}

/// A step that a backend has made.
pub(super) struct Step<'s> {
    /// Every parameter before it.
    pub(super) before: &'s [Vec<f32>],
    /// Every parameter after it.
    pub(super) after: Vec<Vec<f32>>,
    /// What it has reported.
    pub(super) outcome: Outcome,
}

/// How far a step is from the reference's.
pub(super) struct Compared {
    pub(super) loss: Deviation,
    pub(super) correct: Result<String, String>,
    pub(super) gradients: Deviation,
    pub(super) statistics: Deviation,
    /// The reference's gradients.
    pub(super) pass: Pass,
    /// The tensors that have none.
    pub(super) still: Vec<usize>,
}

impl<'s> Step<'s> {
    /// Has a backend make one on a batch.
    fn make(
        session: &mut dyn Session,
        before: &'s [Vec<f32>],
        indices: &[u32],
        specs: &[ParameterSpec],
    ) -> Result<Self, Error> {
        parameters::set(session, before)?;
        let outcome = session.train_step(indices)?;
        Ok(Self { before, after: parameters::get(session, specs)?, outcome })
    }

    /// Lets the reference, which stands where it began, make the same; gradients are held to the
    /// limit.
    pub(super) fn against(&self, reference: &mut Reference, batch: &Batch, limit: f64) -> Compared {
        let pass = reference.train_step(batch);
        let moved: Vec<usize> = pass.with_gradients().collect();
        let still: Vec<usize> = (0..self.after.len()).filter(|slot| !moved.contains(slot)).collect();
        let change = Change {
            specs: reference.specs(),
            before: self.before,
            after: &self.after,
            expected: reference.change(),
            still: &still,
            limit,
            vanishing: Vanishing::InFloat64,
        };
        let gradients = change.deviation();
        Compared {
            loss: Deviation::of_losses(self.outcome.loss, pass.score.loss),
            correct: correct(self.outcome.correct, &pass.score),
            gradients,
            statistics: running_statistics(reference.specs(), reference.parameters(), &self.after),
            pass,
            still,
        }
    }
}

impl Compared {
    fn record(self, subject: &Subject<'_>, name: &str, recorder: &mut Recorder<'_>) {
        let tolerances = subject.workload.tolerances;
        let loss = format!("{name}: loss");
        recorder.measured(CheckKind::StepLoss, loss, Ok(self.loss), tolerances.loss);
        recorder.stated(CheckKind::StepCorrect, format!("{name}: correct"), self.correct);
        let gradients = format!("{name}: gradients");
        recorder.measured(CheckKind::StepGradients, gradients, Ok(self.gradients), tolerances.gradients);
        if subject.workload.model.has_batch_norm() {
            let (name, limit) = (format!("{name}: running statistics"), tolerances.running_statistics);
            recorder.measured(CheckKind::StepRunningStatistics, name, Ok(self.statistics), limit);
        }
    }
}

/// Right answers of a step against the reference's, but for those that rounding decides.
fn correct(found: u64, score: &Score) -> Result<String, String> {
    let mut text = format!("{found}, reference {}", score.correct);
    if score.undecided > 0 {
        text.push_str(&format!(" ({} too close to call)", score.undecided));
    }
    if found.abs_diff(score.correct) <= score.undecided { Ok(text) } else { Err(text) }
}

/// Running statistics after training against those that are expected, which are the reference's or
/// a backend's own of another course.
pub(super) fn running_statistics<E: Copy + Into<f64>>(
    specs: &[ParameterSpec],
    expected: &[Vec<E>],
    found: &[Vec<f32>],
) -> Deviation {
    let tensors = specs.iter().zip(expected.iter().zip(found));
    let running = tensors.filter(|(spec, _)| matches!(spec.role, Role::RunningMean | Role::RunningVariance));
    Deviation::worst(running.flat_map(|(spec, (expected, found))| {
        expected.iter().zip(found).enumerate().map(|(place, (e, f))| {
            let e: f64 = (*e).into();
            let error = finite_or_infinite((f64::from(*f) - e).abs() / e.abs().max(LEAST_STATISTIC));
            Deviation { error, detail: format!("worst {}[{place}]", spec.name) }
        })
    }))
}

#[cfg(test)]
mod unit_tests {
    use super::*;
    use trainmark_plugin::{Model, Shape};

    #[test]
    fn the_rate_lifts_small_gradients_above_rounding() {
        let layers = vec![Layer::Linear { out_features: 1, bias: true }];
        let specs = Model::new("m", Shape::Vector(1), layers).parameters().unwrap();
        let rate = |weight: f64, bias: f64| {
            measurable_rate(&specs, &[vec![1.0], vec![1.0]], &[vec![weight], vec![bias]])
        };
        assert_eq!(rate(1.0, 0.5), 1.0);
        // ε₃₂ / 1e-4 = 1.19e-3 per unit of gradient.
        assert_eq!(rate(1.0, 1e-4), 16.0);
        assert_eq!(rate(1.0, 1e-16), 1.0);
    }
}
