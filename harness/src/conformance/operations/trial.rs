//! One case, tried with a backend.

use serde::{Deserialize, Serialize};
use trainmark_plugin::{
    Error, ErrorKind, OpenRequest, Outcome, ParameterSpec, RunningVariance, Session, Split,
};

use super::case::Case;
use super::values::OwnSamples;
use crate::conformance::step;
use crate::parameters;
use crate::reference::Batch;
use crate::reference::rounding::{Bounded, BoundedStep, Rounding};

/// Beyond, a parameter would leave float32 with the next operation.
const LARGEST_PARAMETER: f64 = 1e30;

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
    specs: Vec<ParameterSpec>,
    before: Vec<Vec<f32>>,
    learning_rate: f64,
    /// Those that are predicted, in an order that is not the split's.
    tests: Vec<u32>,
    logits: Bounded,
    step: BoundedStep,
    after: Vec<Bounded>,
}

/// What a backend has made of it.
struct Made {
    logits: Vec<f32>,
    outcome: Outcome,
    after: Vec<Vec<f32>>,
}

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
        let specs = rounding.specs().to_vec();
        let gradients: Vec<Vec<f64>> = step.tensors.iter().map(|tensor| tensor.values.clone()).collect();
        let learning_rate = rate(&specs, &wide, &gradients);
        let after = step.after(&specs, &wide, learning_rate);
        Ok(Self { specs, before, learning_rate, tests, logits, step, after, samples })
    }

    /// Has a backend make the same; else the call that failed.
    fn made_by<'d>(
        &self,
        request: OpenRequest<'d>,
        opens: &'d impl Opens,
    ) -> Result<Made, (&'static str, Error)> {
        let mut session = opens.open(request).map_err(|error| ("open", error))?;
        parameters::set(&mut *session, &self.before).map_err(|error| ("set_parameters", error))?;
        let mut logits = vec![f32::NAN; self.logits.values.len()];
        session
            .predict(Split::Test, &self.tests, self.tests.len().div_ceil(2), &mut logits)
            .map_err(|error| ("predict", error))?;
        let outcome = session.train_step(&self.samples.batch).map_err(|error| ("train_step", error))?;
        let after = parameters::get(&mut *session, &self.specs).map_err(|error| ("get_parameters", error))?;
        Ok(Made { logits, outcome, after })
    }

    fn against(&self, made: &Made) -> Tried {
        let mut found = vec![held("prediction", "logit", &self.logits, &made.logits)];
        let (expected, loss) = (self.step.score.loss, made.outcome.loss);
        found.push(Worst {
            share: share((loss - expected).abs(), self.step.loss_error),
            what: "loss",
            detail: off("the loss", loss, expected, self.step.loss_error),
        });
        let (expected, correct) = (self.step.score.correct, made.outcome.correct);
        if correct.abs_diff(expected) > self.step.score.undecided {
            let detail = format!("{correct} right answers, reference {expected}");
            found.push(Worst { share: f64::INFINITY, what: "right answers", detail });
        }
        let tensors = self.specs.iter().zip(&self.after).zip(&made.after);
        found.extend(tensors.map(|((spec, expected), after)| {
            let what = if spec.role.is_trainable() { "gradient" } else { "running statistics" };
            held(what, &spec.name, expected, after)
        }));
        // What comes first in a step is told of: a wrong loss makes wrong gradients.
        let first = found.iter().find(|worst| worst.share > 1.0);
        match first {
            Some(worst) => {
                let mut detail = worst.detail.clone();
                if worst.what == "gradient" {
                    detail.push_str(&format!(" after a step of rate {}", self.learning_rate));
                }
                Tried::Failed(Finding { what: worst.what.to_owned(), detail })
            }
            None => Tried::Agreed { share: found.iter().fold(0.0, |most, worst| most.max(worst.share)) },
        }
    }
}

/// One that lifts gradients above the rounding of the parameters through which they are seen.
fn rate(specs: &[ParameterSpec], parameters: &[Vec<f64>], gradients: &[Vec<f64>]) -> f64 {
    let trained = specs.iter().zip(gradients).filter(|(spec, _)| spec.role.is_trainable());
    let largest =
        trained.flat_map(|(_, tensor)| tensor).fold(0.0_f64, |largest, value| largest.max(value.abs()));
    let mut rate = step::measurable_rate(specs, parameters, gradients);
    while rate * largest > LARGEST_PARAMETER {
        rate /= 2.0;
    }
    rate
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
