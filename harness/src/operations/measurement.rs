//! One operation of one cell under measurement.

use std::time::Instant;

use trainmark_plugin::host::Plugin;
use trainmark_plugin::{Error, ErrorKind, OpenRequest, RunningVariance, Session, Split};
use trainmark_reports::csv::one_line;
use trainmark_reports::record::RunOutcome;

use super::inputs::BATCHES;
use super::{BATCH, Call, Inputs, Operation, PREDICTED, Term};
use crate::workload::initial_parameters;

const SEED: u64 = 1;

/// What is measured: a loaded backend and how it is asked to compute.
#[derive(Clone, Copy)]
pub struct Subject<'p> {
    /// The backend.
    pub plugin: &'p Plugin,
    /// Of batch norm, or `none`.
    pub implementation: &'p str,
    /// What the implementation's running variance starts from.
    pub running_variance: RunningVariance,
    /// Device id.
    pub device: &'p str,
    /// Threads.
    pub threads: usize,
}

/// An operation whose models are all open, and the differences measured so far.
pub struct Measurement<'d> {
    models: Vec<OpenModel<'d>>,
    rounds: usize,
    samples: Vec<f64>,
}

struct OpenModel<'d> {
    session: Box<dyn Session + 'd>,
    call: Call,
    /// Of the call's time in the operation's time per batch.
    factor: f64,
    logits: Vec<f32>,
}

impl<'d> Measurement<'d> {
    /// Opens the models of an operation, each on its inputs (one per term).
    ///
    /// # Errors
    /// What the backend answers, with the call's name.
    pub fn open(
        subject: Subject<'_>,
        operation: &Operation,
        inputs: &'d [Inputs<'_>],
    ) -> Result<Self, Error> {
        let models = operation.terms.iter().zip(inputs).map(|(term, inputs)| open(subject, term, inputs));
        Ok(Self::new(models.collect::<Result<_, _>>()?))
    }

    fn new(models: Vec<OpenModel<'d>>) -> Self {
        Self { models, rounds: 0, samples: Vec::new() }
    }

    /// Calls every model once without keeping the times.
    ///
    /// # Errors
    /// As [`Measurement::round`].
    pub fn warm_up(&mut self) -> Result<(), Error> {
        self.difference().map(drop)
    }

    /// Calls every model once, and keeps and returns the operation's seconds per
    /// batch, which noise may make negative.
    ///
    /// # Errors
    /// What the backend answers, with the call's name; a loss that is not finite.
    pub fn round(&mut self) -> Result<f64, Error> {
        let difference = self.difference()?;
        self.samples.push(difference);
        Ok(difference)
    }

    /// Seconds per batch of every round.
    pub fn samples(&self) -> &[f64] {
        &self.samples
    }

    fn difference(&mut self) -> Result<f64, Error> {
        let (count, round) = (self.models.len(), self.rounds);
        self.rounds += 1;
        let first = (round % BATCHES) * BATCH;
        let batch: Vec<u32> = (first..first + BATCH).map(|index| index as u32).collect();
        let mut difference = 0.0;
        for place in 0..count {
            // Another model begins each round: none always follows the largest.
            let model = &mut self.models[(round + place) % count];
            difference += model.factor * model.seconds(&batch)?;
        }
        Ok(difference)
    }
}

impl OpenModel<'_> {
    fn seconds(&mut self, batch: &[u32]) -> Result<f64, Error> {
        match self.call {
            Call::TrainStep => {
                let start = Instant::now();
                let outcome = self.session.train_step(batch);
                let seconds = start.elapsed().as_secs_f64();
                let loss = outcome.map_err(|error| in_call("train_step", error))?.loss;
                if !loss.is_finite() {
                    return Err(Error::failed("train_step: the loss is not finite"));
                }
                Ok(seconds)
            }
            Call::Predict => {
                let indices: Vec<u32> = (0..PREDICTED as u32).collect();
                let start = Instant::now();
                let outcome = self.session.predict(Split::Test, &indices, BATCH, &mut self.logits);
                let seconds = start.elapsed().as_secs_f64();
                outcome.map_err(|error| in_call("predict", error))?;
                if !self.logits.iter().all(|logit| logit.is_finite()) {
                    return Err(Error::failed("predict: a logit is not finite"));
                }
                Ok(seconds)
            }
        }
    }
}

fn open<'d>(subject: Subject<'_>, term: &Term, inputs: &'d Inputs<'_>) -> Result<OpenModel<'d>, Error> {
    let request = OpenRequest {
        model: term.model.clone(),
        dataset: inputs.dataset(),
        implementation: subject.implementation.to_owned(),
        device: subject.device.to_owned(),
        threads: subject.threads,
        learning_rate: term.learning_rate,
        batch_size: BATCH,
    };
    let mut session = subject.plugin.open(&request).map_err(|error| in_call("open", error))?;
    let values = initial_parameters(&term.model, subject.running_variance, SEED)?;
    let slices: Vec<&[f32]> = values.iter().map(Vec::as_slice).collect();
    session.set_parameters(&slices).map_err(|error| in_call("set_parameters", error))?;
    let logits = match term.call {
        Call::TrainStep => 0,
        Call::Predict => PREDICTED * term.model.classes()?,
    };
    Ok(OpenModel {
        session: Box::new(session),
        call: term.call,
        factor: term.sign.factor() / term.call.batches() as f64,
        logits: vec![f32::NAN; logits],
    })
}

fn in_call(call: &str, error: Error) -> Error {
    Error::new(error.kind, format!("{call}: {}", error.message))
}

/// What a record says of an operation that a backend did not do.
pub fn outcome(error: &Error) -> (RunOutcome, String) {
    let outcome = match error.kind {
        ErrorKind::Unsupported => RunOutcome::Unsupported,
        ErrorKind::OutOfMemory => RunOutcome::OutOfMemory,
        _ => RunOutcome::Failed,
    };
    (outcome, one_line(&error.message))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use trainmark_plugin::StepOutcome;

    use super::*;

    /// Takes its time, and fails or diverges at a step.
    struct Slow {
        time: Duration,
        steps: usize,
        fails_at: usize,
        diverges_at: usize,
    }

    impl Session for Slow {
        fn set_parameters(&mut self, _values: &[&[f32]]) -> Result<(), Error> {
            Ok(())
        }

        fn get_parameters(&mut self, _values: &mut [&mut [f32]]) -> Result<(), Error> {
            Ok(())
        }

        fn train_step(&mut self, batch: &[u32]) -> Result<StepOutcome, Error> {
            assert_eq!(batch.len(), BATCH);
            self.steps += 1;
            std::thread::sleep(self.time);
            if self.steps == self.fails_at {
                return Err(Error::unsupported("no more"));
            }
            let loss = if self.steps == self.diverges_at { f64::NAN } else { 1.0 };
            Ok(StepOutcome { loss, correct: 0 })
        }

        fn predict(
            &mut self,
            _split: Split,
            indices: &[u32],
            _batch_size: usize,
            logits: &mut [f32],
        ) -> Result<(), Error> {
            assert_eq!(indices.len(), PREDICTED);
            std::thread::sleep(self.time);
            logits.fill(0.5);
            Ok(())
        }
    }

    fn model(milliseconds: u64, call: Call, factor: f64, fails_at: usize) -> OpenModel<'static> {
        let time = Duration::from_millis(milliseconds);
        let session = Box::new(Slow { time, steps: 0, fails_at, diverges_at: 3 });
        OpenModel { session, call, factor, logits: vec![f32::NAN; 10] }
    }

    #[test]
    fn a_sample_is_the_signed_sum_of_the_models_times() {
        let models = vec![model(120, Call::TrainStep, 1.0, 0), model(20, Call::TrainStep, -1.0, 0)];
        let mut measurement = Measurement::new(models);
        measurement.warm_up().unwrap();
        let sample = measurement.round().unwrap();
        assert!((0.04..1.0).contains(&sample), "{sample}");
        assert_eq!(measurement.samples(), [sample], "the warm-up is not kept");
    }

    #[test]
    fn a_prediction_is_told_per_batch() {
        let mut measurement = Measurement::new(vec![model(40, Call::Predict, 0.25, 0)]);
        let sample = measurement.round().unwrap();
        assert!((0.01..0.04).contains(&sample), "{sample}");
    }

    #[test]
    fn what_fails_says_in_which_call() {
        let mut measurement = Measurement::new(vec![model(0, Call::TrainStep, 1.0, 2)]);
        measurement.round().unwrap();
        let error = measurement.round().unwrap_err();
        assert_eq!(outcome(&error), (RunOutcome::Unsupported, "train_step: no more".to_owned()));
        let error = measurement.round().unwrap_err();
        assert_eq!(outcome(&error), (RunOutcome::Failed, "train_step: the loss is not finite".to_owned()));
    }
}
