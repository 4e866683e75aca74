//! The job that times a single operation: differences of training steps.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use trainmark_plugin::{OpenRequest, Session, Split};

use super::calls::{self, named};
use super::protocol::{Message, Task};
use super::{Equipped, Harness};
use crate::operations::{self, BATCH, BATCHES, Call, FEWEST_SAMPLES, PREDICTED, Term, TermSamples};
use crate::workload::{Workload, initial_parameters};

const SEED: u64 = 1;

/// How often a call is announced that is made again and again: the harness's listening takes
/// time from the processors that the call computes on.
const ANNOUNCED_EVERY: Duration = Duration::from_millis(100);

/// Steps that a network is trained for before its predictions are timed, as those of a run are: a
/// running variance that has hardly left its initial zero makes activations so large that sigmoids
/// saturate and give subnormal numbers, with which processors compute many times more slowly.
const STEPS_BEFORE_PREDICTING: usize = 20;

pub(super) fn run(
    task: &Task,
    workloads: &[Workload],
    operation: &str,
    is_quick: bool,
    harness: &mut Harness,
) -> anyhow::Result<()> {
    let operation = operations::find(operation, workloads)?;
    let equipped = Equipped::new(task, harness)?;
    let samples = operation.terms.iter().map(|term| TermSamples::new(term, equipped.mapped.dataset()));
    let samples: Vec<TermSamples<'_>> = samples.collect::<Result<_, _>>()?;
    let mut announcer = SparseAnnouncer { harness, last: None };
    let terms = operation.terms.iter().zip(&samples);
    let models = terms.map(|(term, samples)| open(&equipped, term, samples, &mut announcer));
    let mut measurement = Measurement { models: models.collect::<Result<_, _>>()?, rounds: 0, announcer };
    let samples = measurement.samples(if is_quick { Effort::QUICK } else { Effort::FULL });
    // Closing must not fail or hang either, so it comes before the last word.
    measurement.close()?;
    let time = operations::median_interval(&samples?).context("no round was measured")?;
    let done = equipped.done()?;
    harness.send(&Message::Measured(time))?;
    harness.send(&Message::Done(Box::new(done)))
}

/// What is measured at least: so many rounds, and for so long.
#[derive(Debug, Clone, Copy)]
struct Effort {
    warm_up: Duration,
    rounds: usize,
    time: Duration,
}

impl Effort {
    const FULL: Self =
        Self { warm_up: Duration::from_millis(100), rounds: 10, time: Duration::from_millis(800) };
    const QUICK: Self = Self { rounds: FEWEST_SAMPLES, time: Duration::from_millis(300), ..Self::FULL };
}

/// Tells the harness which call is under way, and not of each one of many that are alike.
struct SparseAnnouncer<'h> {
    harness: &'h mut Harness,
    last: Option<(&'static str, Instant)>,
}

impl SparseAnnouncer<'_> {
    fn calling(&mut self, call: &'static str) -> anyhow::Result<()> {
        if self.last.is_some_and(|(last, since)| last == call && since.elapsed() < ANNOUNCED_EVERY) {
            return Ok(());
        }
        self.harness.calling(call)?;
        self.last = Some((call, Instant::now()));
        Ok(())
    }
}

/// An operation whose models are all open.
struct Measurement<'d, 'h> {
    models: Vec<OpenModel<'d>>,
    rounds: usize,
    announcer: SparseAnnouncer<'h>,
}

struct OpenModel<'d> {
    session: Box<dyn Session + 'd>,
    term: Term,
    /// Whether it computes on a device that may still be at work when a call returns.
    may_work_on: bool,
}

impl Measurement<'_, '_> {
    /// The operation's seconds per batch in every round after those that warm up. Noise may
    /// make them negative.
    fn samples(&mut self, effort: Effort) -> anyhow::Result<Vec<f64>> {
        for model in self.models.iter_mut().filter(|model| model.term.call == Call::Predict) {
            for step in 0..STEPS_BEFORE_PREDICTING {
                model.train_step(&batch(step), &mut self.announcer)?;
            }
        }
        // What is compiled, tuned or allocated at first is so in the first two rounds.
        let start = Instant::now();
        while self.rounds < 2 || start.elapsed() < effort.warm_up {
            self.round()?;
        }
        let (start, mut samples) = (Instant::now(), Vec::new());
        while samples.len() < effort.rounds || start.elapsed() < effort.time {
            samples.push(self.round()?);
        }
        Ok(samples)
    }

    /// Calls every model once; the signed sum of their seconds per batch.
    fn round(&mut self) -> anyhow::Result<f64> {
        let (count, round) = (self.models.len(), self.rounds);
        self.rounds += 1;
        let batch = batch(round);
        let mut difference = 0.0;
        for place in 0..count {
            // Another model begins each round: none always follows the largest.
            let model = &mut self.models[(round + place) % count];
            let seconds = model.seconds(&batch, &mut self.announcer)?;
            difference += model.term.sign.factor() * seconds / model.term.call.batches() as f64;
        }
        Ok(difference)
    }

    fn close(mut self) -> anyhow::Result<()> {
        self.announcer.calling("close")?;
        self.models.clear();
        Ok(())
    }
}

/// The samples that a round's or step's model is trained on.
fn batch(round: usize) -> Vec<u32> {
    let first = (round % BATCHES) * BATCH;
    (first..first + BATCH).map(|index| index as u32).collect()
}

impl OpenModel<'_> {
    /// Seconds of one call, with the work that it leaves on a device.
    fn seconds(&mut self, batch: &[u32], announcer: &mut SparseAnnouncer<'_>) -> anyhow::Result<f64> {
        match self.term.call {
            Call::TrainStep => {
                let seconds = self.train_step(batch, announcer)?;
                // Else the next model would wait for it.
                let left =
                    self.may_work_on.then(|| calls::unfinished_seconds(&mut *self.session, &self.term.model));
                Ok(seconds + left.transpose()?.map_or(0.0, |(left, _)| left))
            }
            Call::Predict => {
                announcer.calling("predict")?;
                let indices: Vec<u32> = (0..PREDICTED as u32).collect();
                let classes = self.term.model.classes()?;
                Ok(calls::predict_all(&mut *self.session, Split::Test, &indices, classes)?.1)
            }
        }
    }

    /// Seconds until the call returned.
    fn train_step(&mut self, batch: &[u32], announcer: &mut SparseAnnouncer<'_>) -> anyhow::Result<f64> {
        announcer.calling("train_step")?;
        let start = Instant::now();
        let outcome = self.session.train_step(batch);
        let seconds = start.elapsed().as_secs_f64();
        if !outcome.map_err(|error| named("train_step", error))?.loss.is_finite() {
            bail!("train_step: the loss is not finite");
        }
        Ok(seconds)
    }
}

fn open<'d>(
    equipped: &Equipped<'_>,
    term: &Term,
    samples: &'d TermSamples<'_>,
    announcer: &mut SparseAnnouncer<'_>,
) -> anyhow::Result<OpenModel<'d>> {
    let task = equipped.task;
    let request = OpenRequest::new(term.model.clone(), samples.dataset(), BATCH, term.learning_rate)
        .with_optimiser(term.optimiser)
        .with_implementation(&*task.implementation)
        .with_device(&*task.device)
        .with_threads(task.threads);
    announcer.calling("open")?;
    let mut session = equipped.plugin.open(&request).map_err(|error| named("open", error))?;
    let values = initial_parameters(&term.model, equipped.convention, SEED)?;
    announcer.calling("set_parameters")?;
    calls::set_parameters(&mut session, &values)?;
    let may_work_on = !task.device.is_cpu();
    Ok(OpenModel { session: Box::new(session), term: term.clone(), may_work_on })
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::os::unix::net::UnixStream;

    use trainmark_plugin::{Error, Outcome};

    use super::*;
    use crate::failure::{Failure, FailureKind};
    use crate::operations::Sign;

    /// Takes its time, leaves work, and fails or diverges at a step. Untrained it predicts slowly.
    #[derive(Clone, Copy, Default)]
    struct Slow {
        time: Duration,
        left: Duration,
        is_at_work: bool,
        steps: usize,
        fails_at: usize,
        diverges_at: usize,
    }

    impl Session for Slow {
        fn set_parameters(&mut self, _values: &[&[f32]]) -> Result<(), Error> {
            Ok(())
        }

        fn get_parameters(&mut self, _values: &mut [&mut [f32]]) -> Result<(), Error> {
            if std::mem::take(&mut self.is_at_work) {
                std::thread::sleep(self.left);
            }
            Ok(())
        }

        fn train_step(&mut self, batch: &[u32]) -> Result<Outcome, Error> {
            assert_eq!(batch.len(), BATCH);
            self.steps += 1;
            self.is_at_work = true;
            std::thread::sleep(self.time);
            if self.steps == self.fails_at {
                return Err(Error::unsupported("no more"));
            }
            let loss = if self.steps == self.diverges_at { f64::NAN } else { 1.0 };
            Ok(Outcome::new(loss, 0))
        }

        fn predict(
            &mut self,
            _split: Split,
            indices: &[u32],
            _batch_size: usize,
            logits: &mut [f32],
        ) -> Result<(), Error> {
            assert_eq!(indices.len(), PREDICTED);
            let is_trained = self.steps >= STEPS_BEFORE_PREDICTING;
            std::thread::sleep(self.time * if is_trained { 1 } else { 20 });
            logits.fill(0.5);
            Ok(())
        }
    }

    fn model(session: Slow, operation: &str, sign: Sign) -> OpenModel<'static> {
        let term = Term { sign, ..operations::find(operation, &[]).unwrap().terms[0].clone() };
        let may_work_on = !session.left.is_zero();
        OpenModel { session: Box::new(session), term, may_work_on }
    }

    fn slow(milliseconds: u64) -> Slow {
        Slow { time: Duration::from_millis(milliseconds), ..Slow::default() }
    }

    /// What a measurement of these models gives, and what it tells the harness.
    fn measured<T>(
        models: Vec<OpenModel<'static>>,
        measure: impl FnOnce(&mut Measurement<'_, '_>) -> T,
    ) -> (T, Vec<String>) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut harness = Harness { stream: theirs };
        let mut measurement = Measurement {
            models,
            rounds: 0,
            announcer: SparseAnnouncer { harness: &mut harness, last: None },
        };
        let result = measure(&mut measurement);
        measurement.close().unwrap();
        drop(harness);
        let lines = BufReader::new(ours).lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap());
        let calls = lines.map(|message| match message {
            Message::Calling { call } => call,
            other => panic!("{other:?}"),
        });
        (result, calls.collect())
    }

    #[test]
    fn a_sample_is_the_signed_sum_of_the_models_times() {
        let models =
            vec![model(slow(120), "train_step", Sign::Plus), model(slow(20), "train_step", Sign::Minus)];
        let (sample, _) = measured(models, |measurement| measurement.round().unwrap());
        assert!((0.04..1.0).contains(&sample), "{sample}");
    }

    #[test]
    fn a_prediction_is_told_per_batch() {
        let models = vec![model(Slow { steps: STEPS_BEFORE_PREDICTING, ..slow(40) }, "predict", Sign::Plus)];
        let (sample, _) = measured(models, |measurement| measurement.round().unwrap());
        assert!((0.01..0.04).contains(&sample), "{sample}");
    }

    #[test]
    fn what_predicts_is_trained_first() {
        let models = vec![model(slow(2), "predict", Sign::Plus)];
        let (samples, _) = measured(models, |measurement| measurement.samples(Effort::QUICK).unwrap());
        let time = operations::median_interval(&samples).unwrap();
        assert!(time.seconds < 0.005, "2 ms of a call of four batches, not 40: {time:?}");
    }

    #[test]
    fn work_that_a_device_is_left_with_belongs_to_its_step() {
        let session = Slow { left: Duration::from_millis(50), ..slow(1) };
        let models = vec![model(session, "train_step", Sign::Plus)];
        let (sample, _) = measured(models, |measurement| measurement.round().unwrap());
        assert!((0.05..0.5).contains(&sample), "{sample}");
    }

    #[test]
    fn enough_is_measured_and_fast_calls_are_announced_sparingly() {
        let models = vec![model(slow(1), "train_step", Sign::Plus)];
        let (samples, calls) = measured(models, |measurement| measurement.samples(Effort::QUICK).unwrap());
        assert!(samples.len() > 20, "300 ms of steps of 1 ms: {}", samples.len());
        assert!((3..=20).contains(&calls.len()), "{calls:?}");
        assert_eq!(calls.last().unwrap(), "close");

        let models = vec![model(slow(110), "train_step", Sign::Plus)];
        let (samples, calls) = measured(models, |measurement| measurement.samples(Effort::QUICK).unwrap());
        assert_eq!(samples.len(), FEWEST_SAMPLES);
        assert_eq!(calls.len(), 2 + FEWEST_SAMPLES + 1, "each slow one, since its time limit runs anew");
    }

    #[test]
    fn what_fails_says_in_which_call() {
        let session = Slow { fails_at: 2, diverges_at: 3, ..Slow::default() };
        let models = vec![model(session, "train_step", Sign::Plus)];
        let (errors, _) = measured(models, |measurement| {
            measurement.round().unwrap();
            [(); 2].map(|()| Failure::from(measurement.round().unwrap_err()))
        });
        assert_eq!(errors[0], Failure::new(FailureKind::Unsupported, "train_step: no more"));
        assert_eq!(errors[1], Failure::new(FailureKind::Failed, "train_step: the loss is not finite"));
    }
}
