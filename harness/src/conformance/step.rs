//! Checks 2 and 3: loss, gradients and running statistics of one training step, and
//! that prediction uses what the step left behind.

use trainmark_plugin::{Error, ErrorKind, Layer, Outcome, ParameterSpec, Role, Session, Split};
use trainmark_reports::record::CheckKind;

use super::batches::{self, Chosen};
use super::deviation::{Change, Deviation, Vanishing, finite_or_infinite, norm};
use super::{Recorder, Subject, starts, stop_if_unsupported};
use crate::reference::{Batch, Pass, Reference, Score};

/// The rounding of a stored parameter shall be at most this share of its change.
const ROUNDING_SHARE: f64 = 1e-4;
/// Running statistics nearer to 0 than this are compared absolutely.
const LEAST_STATISTIC: f64 = 1e-2;
/// Losses nearer to 0 than this are compared absolutely.
pub(super) const LEAST_LOSS: f64 = 1e-2;
/// Test samples predicted after a step.
const PREDICTED: usize = 64;

/// The steps that are checked: where they start, on which batches, and at which learning rate.
pub(super) struct Steps {
    /// At least 1, and a power of two so large that every tensor's change stands
    /// far above the rounding of float32: a gradient is only seen through w − rate·g.
    pub(super) learning_rate: f64,
    start: Vec<Vec<f32>>,
    batches: Vec<Chosen>,
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
        let pass = reference.gradients(&chosen[0].batch);
        let learning_rate = measurable_rate(reference.specs(), reference.parameters(), &pass.gradients);
        Ok(Self { learning_rate, start, batches: chosen.into() })
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
        for chosen in &self.batches {
            let mut reference = subject.reference(self.learning_rate, &self.start)?;
            let pass = reference.train_step(&chosen.batch);
            let size = chosen.indices.len();
            let name = format!("train_step batch {size}");
            let found = self.make(session, &chosen.indices, reference.specs());
            let is_whole = size == subject.workload.batch_size;
            if is_whole {
                stop_if_unsupported("train_step", &found)?;
            }
            match found {
                Ok((outcome, after)) => {
                    let compared = Compared {
                        subject,
                        steps: self,
                        chosen,
                        reference: &reference,
                        pass: &pass,
                        outcome,
                    };
                    compared.record(&name, &after, recorder);
                    if is_whole {
                        compared.record_prediction(&name, session, recorder);
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

    fn make(
        &self,
        session: &mut dyn Session,
        indices: &[u32],
        specs: &[ParameterSpec],
    ) -> Result<(Outcome, Vec<Vec<f32>>), Error> {
        starts::set(session, &self.start)?;
        let outcome = session.train_step(indices)?;
        Ok((outcome, starts::get(session, specs)?))
    }
}

fn measurable_rate(specs: &[ParameterSpec], parameters: &[Vec<f64>], gradients: &[Vec<f64>]) -> f64 {
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

/// A backend's step beside the reference's.
struct Compared<'a> {
    subject: &'a Subject<'a>,
    steps: &'a Steps,
    chosen: &'a Chosen,
    /// After its step.
    reference: &'a Reference,
    pass: &'a Pass,
    outcome: Outcome,
}

impl Compared<'_> {
    fn record(&self, name: &str, after: &[Vec<f32>], recorder: &mut Recorder<'_>) {
        let tolerances = self.subject.workload.tolerances;
        let loss = Deviation::relative(self.outcome.loss, self.pass.score.loss, LEAST_LOSS);
        recorder.measured(CheckKind::StepLoss, format!("{name}: loss"), Ok(loss), tolerances.loss);
        let correct = correct(self.outcome.correct, &self.pass.score);
        recorder.stated(CheckKind::StepCorrect, format!("{name}: correct"), correct);
        let gradients = self.gradients(after, tolerances.gradients);
        recorder.measured(
            CheckKind::StepGradients,
            format!("{name}: gradients"),
            Ok(gradients),
            tolerances.gradients,
        );
        if self.subject.workload.model.has_batch_norm() {
            let name = format!("{name}: running statistics");
            recorder.measured(
                CheckKind::StepRunningStatistics,
                name,
                Ok(running_statistics(self.reference, after)),
                tolerances.running_statistics,
            );
        }
    }

    fn record_prediction(&self, name: &str, session: &mut dyn Session, recorder: &mut Recorder<'_>) {
        let predicted = predict(self.subject, session, self.reference);
        let limit = self.subject.workload.tolerances.logits;
        let name = format!("{name}: prediction afterwards");
        recorder.measured(CheckKind::StepPrediction, name, predicted, limit);
    }

    fn gradients(&self, after: &[Vec<f32>], limit: f64) -> Deviation {
        let rate = self.steps.learning_rate;
        let expected = self.pass.change(rate);
        let mut found = Change {
            specs: self.reference.specs(),
            before: &self.steps.start,
            after,
            expected: &expected,
            limit,
            vanishing: Vanishing::InFloat64,
        }
        .deviation();
        found.detail.push_str(&format!(", rate {rate}"));
        if let Some(remark) = self.chosen.remark() {
            found.detail.push_str(&format!("; {remark}"));
        }
        if found.error > limit && self.has_max_pool() {
            found.detail.push_str(
                "; where only layers before a max pool are off, suspect ties: the gradient goes once, \
                 to the first maximum, and equal inputs must give equal values",
            );
        }
        found
    }

    fn has_max_pool(&self) -> bool {
        self.subject.workload.model.layers.iter().any(|layer| matches!(layer, Layer::MaxPool2d { .. }))
    }
}

/// Right answers of a step against the reference's, but for those that rounding decides.
pub(super) fn correct(found: u64, score: &Score) -> Result<String, String> {
    let mut text = format!("{found}, reference {}", score.correct);
    if score.undecided > 0 {
        text.push_str(&format!(" ({} too close to call)", score.undecided));
    }
    if found.abs_diff(score.correct) <= score.undecided { Ok(text) } else { Err(text) }
}

/// Running statistics after a step against the reference's.
pub(super) fn running_statistics(reference: &Reference, after: &[Vec<f32>]) -> Deviation {
    let mut worst = Deviation { error: 0.0, detail: "equal".into() };
    for (spec, (expected, found)) in reference.specs().iter().zip(reference.parameters().iter().zip(after)) {
        if !matches!(spec.role, Role::RunningMean | Role::RunningVariance) {
            continue;
        }
        for (place, (e, f)) in expected.iter().zip(found).enumerate() {
            let error = finite_or_infinite((f64::from(*f) - e).abs() / e.abs().max(LEAST_STATISTIC));
            if error > worst.error {
                worst = Deviation { error, detail: format!("worst {}[{place}]", spec.name) };
            }
        }
    }
    worst
}

#[cfg(test)]
mod unit_tests {
    use super::*;
    use trainmark_plugin::{Model, Shape};

    #[test]
    fn the_rate_lifts_small_gradients_above_rounding() {
        let layers = vec![Layer::Linear { out_features: 1 }];
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
