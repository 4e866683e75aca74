//! One case, tried with a backend.

use serde::{Deserialize, Serialize};
use trainmark_plugin::{
    Error, ErrorKind, OpenRequest, Optimiser, Outcome, ParameterSpec, RunningVariance, Session, Split,
};

use super::case::Case;
use super::values::OwnSamples;
use crate::conformance::step;
use crate::parameters;
use crate::reference::Batch;
use crate::reference::rounding::{Bounded, BoundedStep, BoundedUpdates, Rounding};

/// Beyond, a parameter would leave float32 with the next operation.
const LARGEST_PARAMETER: f64 = 1e30;
/// By which a first step changes a parameter, where a second one follows.
const LARGEST_CHANGE: f64 = 0.25;

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "tried", rename_all = "snake_case")]
pub enum Tried {
    /// All is within its bound.
    Agreed {
        /// The largest error as a share of its bound.
        share: f64,
    },
    /// The backend does not do it.
    Declined {
        /// Its reason.
        reason: String,
    },
    /// Something is wrong.
    Failed(Finding),
}

/// What is wrong with a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What was looked at: `prediction`, `loss`, `gradient`, …, or the call that failed.
    pub what: String,
    /// In one line, how far it is off or why the call failed.
    pub detail: String,
}

/// Opens sessions on samples that live shorter than whoever opens them.
pub trait Opens {
    /// Opens one.
    ///
    /// # Errors
    /// The backend's.
    fn open<'d>(&'d self, request: OpenRequest<'d>) -> Result<Box<dyn Session + 'd>, Error>;
}

/// Who computes a case, and how.
#[derive(Debug, Clone)]
pub struct Computing<'s> {
    /// Name of the implementation.
    pub implementation: &'s str,
    /// How it says that its running variance starts and is updated.
    pub running_variance: RunningVariance,
    /// Device id.
    pub device: &'s str,
    /// Threads to compute with.
    pub threads: usize,
}

/// The largest error, as a share of its bound, and where.
#[derive(Debug, Clone, PartialEq)]
struct Worst {
    share: f64,
    what: &'static str,
    detail: String,
}

impl Case {
    /// Opens a session, predicts, makes a step, and holds all of it against the reference.
    ///
    /// # Errors
    /// Where the reference cannot compute the model.
    pub fn attempt(&self, computing: &Computing<'_>, opens: &impl Opens) -> Result<Tried, Error> {
        let expected = Expected::of(self, computing.running_variance)?;
        let request = OpenRequest::new(
            self.model.clone(),
            expected.samples.dataset(),
            self.batch,
            expected.learning_rate,
        )
        .with_optimiser(self.optimiser)
        .with_implementation(computing.implementation.to_owned())
        .with_device(computing.device.to_owned())
        .with_threads(computing.threads);
        Ok(match expected.made_by(request, opens) {
            Ok(made) => expected.against(&made),
            Err((call, error)) => self.unmade(call, &error),
        })
    }

    /// What it means that a call was answered with an error.
    fn unmade(&self, call: &'static str, error: &Error) -> Tried {
        let is_refusal = match error.kind {
            ErrorKind::Unsupported => true,
            ErrorKind::Invalid => call == "train_step" && self.has_single_values(),
            _ => false,
        };
        let reason = error.message.trim();
        match is_refusal && !reason.is_empty() {
            true => Tried::Declined { reason: reason.to_owned() },
            false => Tried::Failed(Finding { what: call.to_owned(), detail: error.to_string() }),
        }
    }
}

/// What the reference makes of a case.
struct Expected {
    samples: OwnSamples,
    rounding: Rounding,
    optimiser: Optimiser,
    before: Vec<Vec<f32>>,
    learning_rate: f64,
    /// Those that are predicted, in an order that is not the split's.
    tests: Vec<u32>,
    logits: Bounded,
    step: BoundedStep,
    /// As it is before the step.
    updates: BoundedUpdates,
}

/// What a backend has made of it.
struct Made {
    logits: Vec<f32>,
    outcome: Outcome,
    after: Vec<Vec<f32>>,
    /// The same once more, of an optimiser that goes on from what it has made.
    again: Option<Box<Made>>,
}

/// What is held of a first step, and of one more.
const FIRST: [&str; 5] = ["prediction", "loss", "right answers", "gradient", "running statistics"];
const SECOND: [&str; 5] = [
    "prediction after a step",
    "second step's loss",
    "second step's right answers",
    "second step",
    "second step's running statistics",
];

impl Expected {
    fn of(case: &Case, convention: RunningVariance) -> Result<Self, Error> {
        let rounding = Rounding::new(&case.model, convention)?;
        let samples = OwnSamples::new(case, case.model.classes()?);
        let dataset = samples.dataset();
        let batch = Batch::gather(dataset.train, &samples.batch);
        let before = case.initial(convention, &rounding, &batch.inputs)?;
        let wide = parameters::widened(&before);
        let tests: Vec<u32> = (0..case.tests() as u32).rev().collect();
        let logits = rounding.predict(&wide, &Batch::gather(dataset.test, &tests).inputs);
        let step = rounding.pass(&wide, &batch);
        let gradients: Vec<Vec<f64>> = step.tensors.iter().map(|tensor| tensor.values.clone()).collect();
        let learning_rate = rate(case.optimiser, rounding.specs(), &wide, &gradients);
        let updates = BoundedUpdates::new(case.optimiser, learning_rate);
        let optimiser = case.optimiser;
        Ok(Self { samples, rounding, optimiser, before, learning_rate, tests, logits, step, updates })
    }

    /// Has a backend make the same; else the call that failed.
    fn made_by<'d>(
        &self,
        request: OpenRequest<'d>,
        opens: &'d impl Opens,
    ) -> Result<Made, (&'static str, Error)> {
        let mut session = opens.open(request).map_err(|error| ("open", error))?;
        parameters::set(&mut *session, &self.before).map_err(|error| ("set_parameters", error))?;
        let mut made = self.step_made_by(&mut *session)?;
        if self.optimiser.has_state() {
            made.again = Some(Box::new(self.step_made_by(&mut *session)?));
        }
        Ok(made)
    }

    fn step_made_by(&self, session: &mut dyn Session) -> Result<Made, (&'static str, Error)> {
        let mut logits = vec![f32::NAN; self.logits.values.len()];
        session
            .predict(Split::Test, &self.tests, self.tests.len().div_ceil(2), &mut logits)
            .map_err(|error| ("predict", error))?;
        let outcome = session.train_step(&self.samples.batch).map_err(|error| ("train_step", error))?;
        let specs = self.rounding.specs();
        let after = parameters::get(session, specs).map_err(|error| ("get_parameters", error))?;
        Ok(Made { logits, outcome, after, again: None })
    }

    fn against(&self, made: &Made) -> Tried {
        let mut updates = self.updates.clone();
        let before = parameters::widened(&self.before);
        let mut found = self.held(FIRST, &before, (&self.logits, &self.step), &mut updates, made);
        // From where the backend stands then, not the reference: so the second step's bounds are of one step.
        if let (Some(again), true) = (&made.again, found.iter().all(|worst| worst.share <= 1.0)) {
            let (dataset, before) = (self.samples.dataset(), parameters::widened(&made.after));
            let logits = self.rounding.predict(&before, &Batch::gather(dataset.test, &self.tests).inputs);
            let step = self.rounding.pass(&before, &Batch::gather(dataset.train, &self.samples.batch));
            found.extend(self.held(SECOND, &before, (&logits, &step), &mut updates, again));
        }
        // What comes first in a step is told of: a wrong loss makes wrong gradients.
        let first = found.iter().find(|worst| worst.share > 1.0);
        match first {
            Some(worst) => Tried::Failed(Finding {
                what: worst.what.to_owned(),
                detail: format!("{}{}", worst.detail, self.remark(worst.what)),
            }),
            None => Tried::Agreed { share: found.iter().fold(0.0, |most, worst| most.max(worst.share)) },
        }
    }

    /// What a reader of a parameter's error should know.
    fn remark(&self, what: &str) -> String {
        match [FIRST[3], SECOND[3]].iter().position(|updated| *updated == what) {
            Some(0) => format!(" after a step of rate {}", self.learning_rate),
            Some(_) => format!(" after a second step of rate {}", self.learning_rate),
            None => String::new(),
        }
    }

    /// Logits, loss, right answers and every tensor of a step against what the reference makes from the same
    /// parameters.
    fn held(
        &self,
        names: [&'static str; 5],
        before: &[Vec<f64>],
        (logits, step): (&Bounded, &BoundedStep),
        updates: &mut BoundedUpdates,
        made: &Made,
    ) -> Vec<Worst> {
        let [prediction, of_loss, answers, gradient, statistics] = names;
        let mut found = vec![held(prediction, "logit", logits, &made.logits)];
        let (expected, loss) = (step.score.loss, made.outcome.loss);
        found.push(Worst {
            share: share((loss - expected).abs(), step.loss_error),
            what: of_loss,
            detail: off("the loss", loss, expected, step.loss_error),
        });
        let (expected, correct) = (step.score.correct, made.outcome.correct);
        if correct.abs_diff(expected) > step.score.undecided {
            let detail = format!("{correct} right answers, reference {expected}");
            found.push(Worst { share: f64::INFINITY, what: answers, detail });
        }
        let specs = self.rounding.specs();
        let after = updates.after(specs, before, step);
        let tensors = specs.iter().zip(&after).zip(&made.after);
        found.extend(tensors.map(|((spec, expected), after)| {
            let what = if spec.role.is_trainable() { gradient } else { statistics };
            held(what, &spec.name, expected, after)
        }));
        found
    }
}

/// One that lifts gradients above the rounding of the parameters through which they are seen. Where a second
/// step follows, one after which the parameters are still of the size that they were.
fn rate(
    optimiser: Optimiser,
    specs: &[ParameterSpec],
    parameters: &[Vec<f64>],
    gradients: &[Vec<f64>],
) -> f64 {
    let trained = (0..specs.len()).filter(|&slot| specs[slot].role.is_trainable());
    let decay = optimiser.weight_decay();
    let values = trained.flat_map(|slot| gradients[slot].iter().zip(&parameters[slot]));
    let largest = values.map(|(gradient, w)| (gradient + decay * w).abs()).fold(0.0_f64, f64::max);
    let way = match optimiser {
        Optimiser::Sgd => {
            let mut rate = step::measurable_rate(specs, parameters, gradients);
            while rate * largest > LARGEST_PARAMETER {
                rate /= 2.0;
            }
            return rate;
        }
        Optimiser::Momentum { .. } => largest,
        Optimiser::Adam { epsilon, .. } => largest / (largest + epsilon),
    };
    (LARGEST_CHANGE / way.max(1.0 / LARGEST_PARAMETER)).log2().floor().exp2()
}

/// The value of a tensor that is farthest beyond its bound.
fn held(what: &'static str, name: &str, expected: &Bounded, found: &[f32]) -> Worst {
    let mut worst = Worst { share: 0.0, what, detail: String::new() };
    let values = expected.values.iter().zip(&expected.errors).zip(found);
    for (place, ((&value, &bound), &found)) in values.enumerate() {
        let share = share((f64::from(found) - value).abs(), bound);
        if share > worst.share {
            let detail = off(&format!("{name}[{place}]"), f64::from(found), value, bound);
            worst = Worst { share, what, detail };
        }
    }
    worst
}

/// An error as a share of its bound; what is no number is beyond every bound.
fn share(error: f64, bound: f64) -> f64 {
    match error {
        0.0 => 0.0,
        error if error.is_finite() => error / bound,
        _ => f64::INFINITY,
    }
}

fn off(name: &str, found: f64, expected: f64, bound: f64) -> String {
    format!("{name} is {}, reference {} ± {bound:.0e}", number(found), number(expected))
}

/// So many digits that a difference shows.
fn number(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-3..1e6).contains(&magnitude) {
        format!("{value:.6e}")
    } else {
        format!("{value:.7}")
    }
}
