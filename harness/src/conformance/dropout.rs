//! Dropout, whose choices nobody can foresee: a step shows them, and they are held to what they
//! can be.
//!
//! Behind [linear, dropout, linear] the gradient of the last weight is δ·a and that of its bias δ:
//! of one sample their ratio is what dropout has let through. The first weight is 0, so that what
//! dropout is given is the first bias. Where the last weight is 0, too, every sample's δ is known,
//! and a batch of one sample per class but one shows the choices of each.

use trainmark_plugin::{Error, ErrorKind, Layer, Model, OpenRequest, Outcome, ParameterSpec, Session, Split};
use trainmark_reports::record::CheckKind;

use super::deviation::Deviation;
use super::{Open, Recorder, Subject};
use crate::parameters;
use crate::reference::{Batch, Reference};
use crate::workload::{Workload, initial_parameters};

/// Values that dropout is given of a sample: so many that no two choices agree by chance.
const FEATURES: usize = 256;
/// Steps of one sample.
const STEPS: usize = 24;
/// What is read off may be wrong by so much of what it can be: a gradient is seen through float32.
const LIMIT: f64 = 1e-3;
/// Standard deviations by which the number of values that were let through may be off.
const DEVIATIONS: f64 = 5.0;

impl Workload {
    /// Every rate of dropout in the model, once each.
    fn dropout_rates(&self) -> Vec<f64> {
        let mut rates: Vec<f64> = Vec::new();
        for layer in &self.model.layers {
            if let Layer::Dropout { rate } = *layer
                && rate > 0.0
                && !rates.contains(&rate)
            {
                rates.push(rate);
            }
        }
        rates
    }

    /// Whether a step of it hangs on chance.
    pub(super) fn drops(&self) -> bool {
        !self.dropout_rates().is_empty()
    }

    /// The same with dropout that lets everything through, as a reference can foresee it.
    pub(crate) fn without_dropping(&self) -> Self {
        Self { model: without_dropping(&self.model), ..self.clone() }
    }
}

fn without_dropping(model: &Model) -> Model {
    let still = |layer: &Layer| match *layer {
        Layer::Dropout { .. } => Layer::Dropout { rate: 0.0 },
        other => other,
    };
    let mut without = model.clone();
    without.layers = model.layers.iter().map(still).collect();
    without
}

/// Looks at dropout, with each rate that the workload has.
///
/// # Errors
/// Where the model does not fit, or a backend does no dropout at all.
pub(super) fn check<'d>(
    subject: &Subject<'d>,
    open: &mut Open<'_, 'd>,
    recorder: &mut Recorder<'_>,
) -> Result<(), Error> {
    for rate in subject.workload.dropout_rates() {
        Trial::new(subject, rate)?.check(open, recorder)?;
    }
    Ok(())
}

/// The small model, with one rate.
struct Trial<'s, 'd> {
    subject: &'s Subject<'d>,
    rate: f64,
    model: Model,
    specs: Vec<ParameterSpec>,
    classes: usize,
    /// A training sample of each class that there is, but of one.
    samples: Vec<u32>,
}

/// What was let through of one sample.
type Mask = Vec<bool>;

/// Parameters before a step: first weight, first bias, last weight, last bias.
type Values = Vec<Vec<f32>>;

impl<'s, 'd> Trial<'s, 'd> {
    fn new(subject: &'s Subject<'d>, rate: f64) -> Result<Self, Error> {
        let classes = subject.workload.model.classes()?;
        let layers = vec![
            Layer::Flatten,
            Layer::Linear { out_features: FEATURES, bias: true },
            Layer::Dropout { rate },
            Layer::Linear { out_features: classes, bias: true },
        ];
        let model = Model::new("dropout", subject.workload.model.input, layers);
        let labels = subject.dataset.train.labels;
        let of_class = |class: usize| labels.iter().position(|&label| usize::from(label) == class);
        let samples = (0..classes - 1).filter_map(of_class).map(|place| place as u32).collect();
        let specs = model.parameters()?;
        Ok(Self { subject, rate, model, specs, classes, samples })
    }

    fn request(&self) -> OpenRequest<'d> {
        let subject = self.subject;
        OpenRequest::new(self.model.clone(), subject.dataset, subject.workload.batch_size, 1.0)
            .with_implementation(trainmark_reports::record::Implementation::NONE)
            .with_device(subject.device.clone())
            .with_threads(subject.threads)
    }

    fn check(&self, open: &mut Open<'_, 'd>, recorder: &mut Recorder<'_>) -> Result<(), Error> {
        let rate = self.rate;
        let mut session = open(self.request())?;
        let predicted = self.predicted(&mut *session);
        let limit = self.subject.workload.tolerances.logits;
        let name = format!("dropout {rate}: identity in prediction");
        recorder.measured(CheckKind::DropoutPrediction, name, predicted, limit);
        let steps = self.steps(&mut *session);
        let (steps, samples) = match (steps, self.samples_masks(&mut *session)) {
            (Ok(steps), Ok(samples)) => (steps, samples),
            (Err(error), _) | (_, Err(error)) => {
                if error.kind == ErrorKind::Unsupported {
                    return Err(error);
                }
                recorder.stated(
                    CheckKind::DropoutValues,
                    format!("dropout {rate}: a step"),
                    Err(error.to_string()),
                );
                return Ok(());
            }
        };
        drop(session);
        let repeated = self.steps(&mut *open(self.request())?)?;
        let values = Deviation::worst(steps.iter().map(|step| step.values.clone()).chain([samples.values]));
        recorder.measured(
            CheckKind::DropoutValues,
            format!("dropout {rate}: nothing, or 1/(1 − rate) times the value"),
            Ok(values),
            LIMIT,
        );
        let losses = Deviation::worst(steps.iter().map(|step| step.loss.clone()));
        let limit = self.subject.workload.tolerances.loss;
        recorder.measured(
            CheckKind::DropoutLoss,
            format!("dropout {rate}: loss with what is left"),
            Ok(losses),
            limit,
        );
        let backward = Deviation::worst(steps.iter().map(|step| step.backward.clone()));
        let name = format!("dropout {rate}: the same values in the backward pass");
        recorder.measured(CheckKind::DropoutBackward, name, Ok(backward), LIMIT);
        let masks: Vec<&Mask> = steps.iter().map(|step| &step.mask).chain(&samples.masks).collect();
        recorder.stated(
            CheckKind::DropoutShare,
            format!("dropout {rate}: how many are dropped"),
            self.share(&masks),
        );
        let is_repeated = steps.iter().zip(&repeated).all(|(one, other)| one.mask == other.mask);
        let anew = self.anew(&masks).map(|told| {
            format!("{told}; another session {}", if is_repeated { "repeats them" } else { "has others" })
        });
        recorder.stated(
            CheckKind::DropoutAnew,
            format!("dropout {rate}: anew for each step and sample"),
            anew,
        );
        Ok(())
    }

    /// What dropout is given: different values, none near 0.
    fn inputs() -> Vec<f32> {
        (0..FEATURES).map(|feature| 1.0 + feature as f32 / FEATURES as f32).collect()
    }

    /// Initial values with which dropout is given [`Self::inputs`], and no bias is behind it.
    fn visible(&self) -> Result<Values, Error> {
        let mut values = self.initial()?;
        values[0].fill(0.0);
        values[1] = Self::inputs();
        values[3].fill(0.0);
        Ok(values)
    }

    fn initial(&self) -> Result<Values, Error> {
        initial_parameters(&self.model, self.subject.running_variance, self.subject.seed)
    }

    fn predicted(&self, session: &mut dyn Session) -> Result<Deviation, Error> {
        let values = self.initial()?;
        parameters::set(session, &values)?;
        let test = self.subject.dataset.test;
        let indices: Vec<u32> = (0..test.count().min(32) as u32).collect();
        let mut logits = vec![f32::NAN; indices.len() * self.classes];
        session.predict(Split::Test, &indices, indices.len(), &mut logits)?;
        let mut reference =
            Reference::new(&without_dropping(&self.model), self.subject.running_variance, 1.0)?;
        reference.set_parameters(&values)?;
        let expected = reference.predict(&Batch::gather(test, &indices).inputs);
        Ok(Deviation::of_logits(&logits, &expected, self.classes))
    }

    /// Steps of one sample, each from the same parameters.
    fn steps(&self, session: &mut dyn Session) -> Result<Vec<Seen>, Error> {
        let before = self.visible()?;
        (0..STEPS)
            .map(|_| {
                parameters::set(session, &before)?;
                let outcome = session.train_step(&self.samples[..1])?;
                let after = parameters::get(session, &self.specs)?;
                Ok(self.seen(&before, &after, outcome))
            })
            .collect()
    }

    /// A step of one sample, read from what it has changed.
    fn seen(&self, before: &Values, after: &Values, outcome: Outcome) -> Seen {
        let gradient =
            |tensor: usize, place: usize| f64::from(before[tensor][place]) - f64::from(after[tensor][place]);
        let label = usize::from(self.subject.dataset.train.labels[self.samples[0] as usize]);
        let delta: Vec<f64> = (0..self.classes).map(|class| gradient(3, class)).collect();
        let weight = |class: usize, feature: usize| f64::from(before[2][class * FEATURES + feature]);
        let factors = Self::inputs().into_iter().enumerate().map(|(feature, input)| {
            gradient(2, label * FEATURES + feature) / (delta[label] * f64::from(input))
        });
        let (mask, values) = self.read(&factors.collect::<Vec<_>>());
        let factor = |feature: usize| if mask[feature] { self.scale() } else { 0.0 };
        let backward = (0..FEATURES).map(|feature| {
            let terms = (0..self.classes).map(|class| weight(class, feature) * delta[class]);
            let magnitude: f64 = terms.clone().map(f64::abs).sum::<f64>() * self.scale();
            let error = (gradient(1, feature) - factor(feature) * terms.sum::<f64>()).abs() / magnitude;
            Deviation {
                error: super::deviation::finite_or_infinite(error),
                detail: format!("worst feature {feature}"),
            }
        });
        let backward = Deviation::worst(backward);
        let logits: Vec<f64> = (0..self.classes)
            .map(|class| {
                let terms = before[1].iter().enumerate();
                terms
                    .map(|(feature, input)| weight(class, feature) * f64::from(*input) * factor(feature))
                    .sum()
            })
            .collect();
        let sum: f64 = logits.iter().map(|z| (z - logits[label]).exp()).sum();
        let loss = Deviation::of_losses(outcome.loss, sum.ln());
        Seen { mask, values, backward, loss }
    }

    /// One step of several samples of different classes, with a last weight of 0: then δ is
    /// 1/classes, and 1/classes − 1 for the label.
    fn samples_masks(&self, session: &mut dyn Session) -> Result<SeenSamples, Error> {
        let mut before = self.visible()?;
        before[2].fill(0.0);
        parameters::set(session, &before)?;
        session.train_step(&self.samples)?;
        let after = parameters::get(session, &self.specs)?;
        let count = self.samples.len() as f64;
        let gradient = |class: usize, feature: usize| -f64::from(after[2][class * FEATURES + feature]);
        let mut seen =
            SeenSamples { masks: Vec::new(), values: Deviation { error: 0.0, detail: "equal".into() } };
        for &sample in &self.samples {
            let label = usize::from(self.subject.dataset.train.labels[sample as usize]);
            // The last class is no sample's label.
            let factors = Self::inputs().into_iter().enumerate().map(|(feature, input)| {
                count * (gradient(self.classes - 1, feature) - gradient(label, feature)) / f64::from(input)
            });
            let (mask, values) = self.read(&factors.collect::<Vec<_>>());
            seen.masks.push(mask);
            seen.values = Deviation::worst([seen.values, values]);
        }
        Ok(seen)
    }

    fn scale(&self) -> f64 {
        1.0 / (1.0 - self.rate)
    }

    /// What was let through, and how far the worst factor is from 0 and from 1/(1 − rate), as a share of that.
    fn read(&self, factors: &[f64]) -> (Mask, Deviation) {
        let scale = self.scale();
        let mask = factors.iter().map(|factor| *factor > scale / 2.0).collect();
        let off = factors.iter().enumerate().map(|(feature, factor)| {
            let error = factor.abs().min((factor - scale).abs()) / scale;
            let detail = format!("feature {feature} times {factor:.4}, not 0 or {scale:.4}");
            Deviation { error: super::deviation::finite_or_infinite(error), detail }
        });
        (mask, Deviation::worst(off))
    }

    /// Whether as many values were dropped as the rate says.
    fn share(&self, masks: &[&Mask]) -> Result<String, String> {
        let count = (masks.len() * FEATURES) as f64;
        let dropped = masks.iter().flat_map(|mask| mask.iter()).filter(|is_kept| !**is_kept).count() as f64;
        let (expected, deviation) = (count * self.rate, (count * self.rate * (1.0 - self.rate)).sqrt());
        let told = format!("{dropped} of {count}, expected {expected:.0} ± {:.0}", DEVIATIONS * deviation);
        if (dropped - expected).abs() <= DEVIATIONS * deviation + 1.0 { Ok(told) } else { Err(told) }
    }

    /// Whether choices differ as often as they would by chance.
    fn anew(&self, masks: &[&Mask]) -> Result<String, String> {
        let pairs = (0..masks.len()).flat_map(|one| (0..one).map(move |other| (one, other)));
        let alike = pairs.clone().filter(|&(one, other)| masks[one] == masks[other]).count();
        // Two values are chosen alike with this chance, and all of them with its power.
        let chance = (self.rate.powi(2) + (1.0 - self.rate).powi(2)).powi(FEATURES as i32);
        let expected = chance * pairs.clone().count() as f64;
        let told = format!("{alike} of {} pairs of choices are alike", pairs.count());
        if alike as f64 <= 3.0 * expected + 6.0 * expected.sqrt() { Ok(told) } else { Err(told) }
    }
}

/// One sample's step.
struct Seen {
    mask: Mask,
    values: Deviation,
    backward: Deviation,
    loss: Deviation,
}

/// One step of several samples.
struct SeenSamples {
    masks: Vec<Mask>,
    values: Deviation,
}
