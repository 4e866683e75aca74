//! The gate before timing: a backend must prove that it computes the same function
//! as the float64 [reference](crate::reference).
//!
//! [`run`] holds one backend, implementation and device against the reference with
//! one workload; [`judge`] looks at the learning curve after the timed epochs.
//! Every check has a name, and where it measures something, the error and its limit.

mod advice;
mod audit;
mod band;
mod batches;
mod deviation;
mod dropout;
mod foreseen;
pub mod operations;
mod parity;
mod prediction;
mod protocol;
mod report;
mod starts;
mod step;
mod trajectory;

#[cfg(test)]
mod tests;

pub use advice::advice;
pub(crate) use audit::{DECIDES, least_checks};
pub use audit::{HELD_STEPS, TimedEpoch, audit};
pub use band::judge;
pub use foreseen::Foreseen;
pub use parity::agree;
pub use report::{line, render};

use trainmark_plugin::{Dataset, Error, ErrorKind, OpenRequest, ParameterSpec, RunningVariance, Session};
use trainmark_reports::record::{CheckKind, CheckRecord, Conformance};

use crate::reference::{Batch, Reference};
use crate::workload::Workload;
use deviation::Deviation;

/// What is held against the reference.
#[derive(Debug, Clone)]
pub struct Subject<'d> {
    /// The workload.
    pub workload: Workload,
    /// The data set whose samples the checks use.
    pub dataset: Dataset<'d>,
    /// Name of the implementation; `none` for a model without batch norm.
    pub implementation: String,
    /// How the implementation says that its running variance starts and is updated.
    pub running_variance: RunningVariance,
    /// Device id.
    pub device: String,
    /// Threads to compute with.
    pub threads: usize,
    /// Chooses initial values and samples.
    pub seed: u64,
}

/// Opens a fresh session of the backend. [`trainmark_plugin::Backend::open`] fits.
pub type Open<'o, 'd> = dyn FnMut(OpenRequest<'d>) -> Result<Box<dyn Session + 'd>, Error> + 'o;

impl<'d> Subject<'d> {
    /// What its session is opened with.
    pub(crate) fn request(&self, learning_rate: f64) -> OpenRequest<'d> {
        OpenRequest::new(self.workload.model.clone(), self.dataset, self.workload.batch_size, learning_rate)
            .with_optimiser(self.workload.optimiser)
            .with_implementation(self.implementation.clone())
            .with_device(self.device.clone())
            .with_threads(self.threads)
    }

    fn specs(&self) -> Result<Vec<ParameterSpec>, Error> {
        self.workload.model.parameters()
    }

    fn reference(&self, learning_rate: f64, parameters: &[Vec<f32>]) -> Result<Reference, Error> {
        self.reference_following(self.running_variance, learning_rate, parameters)
    }

    /// The same, by another convention than the one that is declared.
    fn reference_following(
        &self,
        convention: RunningVariance,
        learning_rate: f64,
        parameters: &[Vec<f32>],
    ) -> Result<Reference, Error> {
        let model = self.workload.without_dropping().model;
        let mut reference = Reference::new(&model, convention, learning_rate)?
            .with_optimiser(self.workload.optimiser)
            .with_logit_margin(self.workload.tolerances.logit_margin);
        reference.set_parameters(parameters)?;
        Ok(reference)
    }

    /// Size of an epoch's last batch: 96 where the batch size is 256, as with
    /// Fashion-MNIST's 60,000 samples.
    fn tail(&self) -> usize {
        (self.workload.batch_size * 3 / 8).max(1)
    }
}

/// Runs every check with what was foreseen of the subject's workload, data set and seed, calling
/// `progress` as each one finishes.
///
/// A call of the backend that fails makes its check fail; the others still run.
/// Sessions are opened one after another, never two at a time. Prediction comes before
/// training, as in the order in which a backend is written. Dropout is looked at by itself, and lets
/// everything through in all other checks.
///
/// # Errors
/// Where no session can be opened, or a call is answered with `unsupported` that
/// every backend must be able to do: neither says anything about conformance. And
/// where the reference cannot compute the workload.
pub fn run<'d>(
    subject: &Subject<'d>,
    foreseen: &Foreseen,
    open: &mut Open<'_, 'd>,
    progress: &mut dyn FnMut(&CheckRecord),
) -> Result<Conformance, Error> {
    let Foreseen { steps, course } = foreseen;
    let mut recorder = Recorder::new(progress);
    let dropping = subject;
    let subject = &Subject { workload: subject.workload.without_dropping(), ..subject.clone() };
    let rate = subject.workload.learning_rate;
    protocol::check(subject, &mut *open(subject.request(rate))?, &mut recorder)?;

    let telling = &steps.telling(subject);
    let mut session = open(telling.request(steps.learning_rate))?;
    prediction::check(telling, &mut *session, &mut recorder)?;
    steps.check(telling, &mut *session, &mut recorder)?;
    drop(session);

    trajectory::check(subject, course, &mut *open(subject.request(rate))?, &mut recorder)?;
    dropout::check(dropping, open, &mut recorder)?;
    let passed = recorder.checks.iter().all(|check| check.passed);
    let losses = recorder.losses();
    Ok(Conformance { passed, checks: recorder.checks, losses })
}

/// A prediction of the whole test split that was timed.
#[derive(Debug)]
pub struct TimedPrediction {
    /// The epoch that it came after, from 1.
    pub epoch: u32,
    /// Every parameter that it was made with.
    pub parameters: Vec<Vec<f32>>,
    /// Samples × classes, in the split's order.
    pub logits: Vec<f32>,
}

impl TimedPrediction {
    /// Holds some of its samples, by their places in the split, against the reference with the same
    /// parameters: what is timed must be what was checked.
    ///
    /// # Errors
    /// Where the reference cannot compute the workload.
    pub fn check(
        &self,
        subject: &Subject<'_>,
        is_last: bool,
        samples: &[usize],
    ) -> Result<CheckRecord, Error> {
        let classes = subject.workload.model.classes()?;
        let indices: Vec<u32> = samples.iter().map(|&sample| sample as u32).collect();
        let reference = subject.reference(1.0, &self.parameters)?;
        let expected = reference.predict(&Batch::gather(subject.dataset.test, &indices).inputs);
        let rows = samples.iter().flat_map(|&sample| &self.logits[sample * classes..][..classes]);
        let rows: Vec<f32> = rows.copied().collect();
        let mut found = Deviation::of_logits_of(samples, &rows, &expected, classes);
        found.detail.push_str(&format!(", of {} after epoch {}", samples.len(), self.epoch));
        let limit = subject.workload.tolerances.logits;
        let (kind, name) = match is_last {
            true => (CheckKind::LastPrediction, "timed run: last prediction"),
            false => (CheckKind::EarlierPrediction, "timed run: earlier prediction"),
        };
        Ok(found.held(kind, name, limit))
    }
}

/// Ends the checks where a call that the later ones need is not there at all.
fn stop_if_unsupported<T>(call: &str, result: &Result<T, Error>) -> Result<(), Error> {
    match result {
        Err(error) if error.kind == ErrorKind::Unsupported => {
            Err(Error::unsupported(format!("{call}: {}", error.message)))
        }
        _ => Ok(()),
    }
}

/// Collects the checks and announces each.
struct Recorder<'p> {
    checks: Vec<CheckRecord>,
    /// The backend's own losses, for [`agree`].
    losses: Vec<f64>,
    progress: &'p mut dyn FnMut(&CheckRecord),
}

impl<'p> Recorder<'p> {
    fn new(progress: &'p mut dyn FnMut(&CheckRecord)) -> Self {
        Self { checks: Vec::new(), losses: Vec::new(), progress }
    }

    /// All losses, or none where one is missing or no number.
    fn losses(&self) -> Vec<f64> {
        let are_whole =
            self.losses.len() == parity::LOSSES && self.losses.iter().all(|loss| loss.is_finite());
        if are_whole { self.losses.clone() } else { Vec::new() }
    }

    /// A check that measures an error; a failed call fails it.
    fn measured(
        &mut self,
        kind: CheckKind,
        name: impl Into<String>,
        found: Result<Deviation, Error>,
        limit: f64,
    ) {
        match found {
            Ok(deviation) => self.push(deviation.held(kind, name, limit)),
            Err(error) => self.stated(kind, name, Err(error.to_string())),
        }
    }

    /// A check that holds or does not; either way with its reason.
    fn stated(&mut self, kind: CheckKind, name: impl Into<String>, found: Result<String, String>) {
        let passed = found.is_ok();
        let detail = found.unwrap_or_else(|why| why);
        self.push(CheckRecord {
            name: name.into(),
            kind: Some(kind),
            passed,
            measured: None,
            limit: None,
            detail,
        });
    }

    fn push(&mut self, check: CheckRecord) {
        (self.progress)(&check);
        self.checks.push(check);
    }
}
