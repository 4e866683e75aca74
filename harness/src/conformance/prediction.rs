//! Check 4: prediction uses the running statistics, does not depend on the company
//! that a sample is in, and changes nothing.

use trainmark_plugin::{Error, Session, Split};
use trainmark_reports::record::CheckKind;

use super::batches::samples;
use super::deviation::Deviation;
use super::{Recorder, Subject, starts, stop_if_unsupported};
use crate::parameters;
use crate::reference::Batch;
use crate::workload::epoch_order;

pub(super) fn check(
    subject: &Subject<'_>,
    session: &mut dyn Session,
    recorder: &mut Recorder<'_>,
) -> Result<(), Error> {
    let tolerances = subject.workload.tolerances;
    let start = starts::telling(subject)?;
    if let Err(error) = parameters::set(session, &start) {
        recorder.stated(
            CheckKind::PredictionParameters,
            "prediction: set_parameters",
            Err(error.to_string()),
        );
        return Ok(());
    }
    let mut asked = Asked { subject, session, classes: subject.workload.model.classes()? };
    let size = subject.workload.batch_size;
    let splits =
        [(Split::Test, CheckKind::TestLogits, "test"), (Split::Train, CheckKind::TrainingLogits, "training")];
    for (split, kind, name) in splits {
        let indices = chosen(subject, split);
        let reference = subject.reference(1.0, &start)?;
        let expected = reference.predict(&Batch::gather(subject.dataset.split(split), &indices).inputs);
        let found = asked.predict(split, &indices, size);
        stop_if_unsupported("predict", &found)?;
        if let (Split::Test, Ok(logits)) = (split, &found) {
            let labels = indices.iter().map(|&index| subject.dataset.test.labels[index as usize]);
            recorder.losses.push(loss(logits, labels, asked.classes));
        }
        let deviation = found.map(|logits| Deviation::of_logits(&logits, &expected, asked.classes));
        recorder.measured(
            kind,
            format!("prediction: logits of {name} samples"),
            deviation,
            tolerances.logits,
        );
    }
    recorder.measured(
        CheckKind::AnyBatchSize,
        "prediction: any batch size",
        asked.batch_sizes(),
        tolerances.independence,
    );
    recorder.measured(CheckKind::AnyOrder, "prediction: any order", asked.orders(), tolerances.independence);
    let specs = subject.specs()?;
    let after = parameters::get(asked.session, &specs);
    let verdict =
        after.map_err(|error| error.to_string()).and_then(|after| {
            match parameters::first_difference(&specs, &start, &after) {
                Some(difference) => Err(difference),
                None => Ok("every bit as it was".into()),
            }
        });
    recorder.stated(CheckKind::ParametersUntouched, "prediction: parameters untouched", verdict);
    Ok(())
}

/// Mean cross-entropy of logits.
fn loss(logits: &[f32], labels: impl Iterator<Item = u8>, classes: usize) -> f64 {
    let of_sample = |(logits, label): (&[f32], u8)| {
        let largest = logits.iter().fold(f32::NEG_INFINITY, |largest, z| largest.max(*z));
        let sum: f64 = logits.iter().map(|z| f64::from(z - largest).exp()).sum();
        sum.ln() - f64::from(logits[usize::from(label)] - largest)
    };
    let samples = logits.len() / classes;
    logits.chunks_exact(classes).zip(labels).map(of_sample).sum::<f64>() / samples as f64
}

/// One batch of a split, in a seeded order.
fn chosen(subject: &Subject<'_>, split: Split) -> Vec<u32> {
    let size = subject.workload.batch_size;
    match split {
        Split::Train => samples(subject).take(size).collect(),
        Split::Test => {
            let count = subject.dataset.test.count() as u32;
            epoch_order(count, subject.seed, 0).into_iter().take(size).collect()
        }
    }
}

struct Asked<'a, 'd> {
    subject: &'a Subject<'d>,
    session: &'a mut (dyn Session + 'd),
    classes: usize,
}

impl Asked<'_, '_> {
    /// Logits; NaN where the session left one unwritten.
    fn predict(&mut self, split: Split, indices: &[u32], batch_size: usize) -> Result<Vec<f32>, Error> {
        let mut logits = vec![f32::NAN; indices.len() * self.classes];
        self.session.predict(split, indices, batch_size, &mut logits)?;
        Ok(logits)
    }

    /// The same samples in whole batches, in batches of 100 (for 256), and one by one.
    fn batch_sizes(&mut self) -> Result<Deviation, Error> {
        let size = self.subject.workload.batch_size;
        let indices = chosen(self.subject, Split::Test);
        let whole = widened(&self.predict(Split::Test, &indices, size)?);
        let others = [(size * 25 / 64).max(1), 1];
        let found = others.iter().map(|&other| {
            let logits = self.predict(Split::Test, &indices, other)?;
            Ok(Deviation::of_logits(&logits, &whole, self.classes))
        });
        let worst = Deviation::worst(found.collect::<Result<Vec<_>, Error>>()?);
        Ok(Deviation { detail: format!("batches of {size}, {} and {}", others[0], others[1]), ..worst })
    }

    /// The same samples backwards.
    fn orders(&mut self) -> Result<Deviation, Error> {
        let size = self.subject.workload.batch_size;
        let mut indices = chosen(self.subject, Split::Test);
        let forwards = widened(&self.predict(Split::Test, &indices, size)?);
        indices.reverse();
        let backwards = self.predict(Split::Test, &indices, size)?;
        let restored: Vec<f32> = backwards.chunks_exact(self.classes).rev().flatten().copied().collect();
        let found = Deviation::of_logits(&restored, &forwards, self.classes);
        Ok(Deviation { detail: "forwards and backwards".into(), ..found })
    }
}

fn widened(logits: &[f32]) -> Vec<f64> {
    logits.iter().copied().map(f64::from).collect()
}

#[cfg(test)]
mod unit_tests {
    use super::*;

    #[test]
    fn the_loss_is_the_mean_cross_entropy() {
        let undecided = loss(&[3.0; 20], [0, 9].into_iter(), 10);
        assert!((undecided - 10.0_f64.ln()).abs() < 1e-12, "{undecided}");
        // ln(1 + e^-2) for the right class, 2 more for the wrong one.
        let decided = loss(&[500.0, 498.0, 500.0, 498.0], [0, 1].into_iter(), 2);
        assert!((decided - (1.0 + (-2.0_f64).exp().ln_1p())).abs() < 1e-12, "{decided}");
    }
}
