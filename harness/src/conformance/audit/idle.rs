//! Steps that change no parameter, which a backend may only make where there is nothing to change: a network
//! that has learnt its batch, or a learning rate so small that float32 rounds its steps away.

use trainmark_plugin::{Error, Optimiser};

use super::super::Subject;
use crate::reference::Batch;

/// A mean loss up to this is what probabilities next to 1 are rounded by in float32.
const LEARNT: f64 = 8.0 * f32::EPSILON as f64;
/// A change by less than this share of ε₃₂·|w| is rounded away: half the distance of two numbers next to |w| is
/// between a quarter and a half of that, and gradients are rounded, too.
const ROUNDED_AWAY: f64 = 0.6;

/// The steps of an epoch that changed nothing.
#[derive(Debug, Default)]
pub(super) struct IdleSteps {
    count: usize,
    /// Why the last one that was looked at could change nothing, and which it was, from 1.
    reason: Option<(usize, String)>,
    /// The first one that should have changed something.
    at_fault: Option<usize>,
}

impl IdleSteps {
    /// Takes one that began, and ended, with these parameters. Of ever more of them ever fewer are looked at:
    /// the first, second, fourth, eighth and so on.
    ///
    /// # Errors
    /// Where the reference cannot compute the workload.
    pub(super) fn take(
        &mut self,
        number: usize,
        subject: &Subject<'_>,
        parameters: &[Vec<f32>],
        batch: &[u32],
    ) -> Result<(), Error> {
        self.count += 1;
        if self.at_fault.is_none() && self.count.is_power_of_two() {
            match nothing_to_change(subject, parameters, batch)? {
                Some(reason) => self.reason = Some((number, reason)),
                None => self.at_fault = Some(number),
            }
        }
        Ok(())
    }

    /// Whether all of so many steps have trained, as far as there was anything to train.
    pub(super) fn all_train(&self, steps: usize) -> Result<String, String> {
        let idle = self.count;
        match (&self.at_fault, &self.reason) {
            (Some(number), _) => Err(format!(
                "{idle} of {steps} steps changed nothing; the reference's step {number} changes something"
            )),
            (None, Some((number, reason))) => {
                Ok(format!("{steps} steps; {idle} changed nothing, such as step {number}: {reason}"))
            }
            (None, None) => Ok(format!("{steps} steps")),
        }
    }
}

/// Why a step from these parameters changes nothing in float32; `None` where it does.
fn nothing_to_change(
    subject: &Subject<'_>,
    before: &[Vec<f32>],
    batch: &[u32],
) -> Result<Option<String>, Error> {
    let mut reference = subject.reference(subject.workload.learning_rate, before)?;
    let pass = reference.train_step(&Batch::gather(subject.dataset.train, batch));
    if pass.score.loss <= LEARNT {
        return Ok(Some(format!(
            "the reference's loss is {:.1e}, so that nothing is left to learn",
            pass.score.loss
        )));
    }
    // Adam's step hardly depends on how large a gradient is, but on all those before it.
    if matches!(subject.workload.optimiser, Optimiser::Adam { .. }) {
        return Ok(None);
    }
    let tensors = reference.specs().iter().zip(before.iter().zip(reference.change()));
    let is_rounded_away =
        tensors.filter(|(spec, _)| spec.role.is_trainable()).all(|(_, (before, change))| {
            before.iter().zip(change).all(|(w, change)| {
                let least = ROUNDED_AWAY * f64::from(f32::EPSILON) * f64::from(w.abs());
                change.abs() <= least.max(f64::from(f32::MIN_POSITIVE))
            })
        });
    Ok(is_rounded_away.then(|| "float32 rounds all of the reference's changes away".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::starts;
    use crate::conformance::tests::{Patterns, small, subject};
    use trainmark_plugin::RunningVariance;

    /// What is said of an idle step of the first samples, all of one class, in a network of one linear layer at
    /// this rate, with these logits beside those of its initial weights.
    fn told(rate: f64, logit: f32) -> Result<String, String> {
        let patterns = Patterns::new(12, 400, 10);
        let mut workload = small();
        workload.model.layers.drain(..4);
        workload.model.layers.drain(1..4);
        workload.learning_rate = rate;
        let subject = subject(workload, &patterns, RunningVariance::UnbiasedFromOne);
        let labels: Vec<u8> = patterns.dataset().train.labels_at(&(0..400).collect::<Vec<u32>>()).collect();
        let batch: Vec<u32> = (0..400).filter(|&at| labels[at as usize] == labels[0]).take(16).collect();
        let mut parameters = starts::initial(&subject).unwrap();
        // Biases that no change is added to exactly.
        parameters[1].fill(1.0);
        parameters[1][usize::from(labels[0])] += logit;
        let mut idle = IdleSteps::default();
        idle.take(3, &subject, &parameters, &batch).unwrap();
        idle.all_train(25)
    }

    #[test]
    fn a_step_may_change_nothing_only_where_there_is_nothing_to_change() {
        let fault = "1 of 25 steps changed nothing; the reference's step 3 changes something";
        assert_eq!(told(0.1, 0.0), Err(fault.to_owned()));
        assert_eq!(told(1e-4, 6.0), Err(fault.to_owned()), "a loss of a few thousandths");
        assert!(told(0.1, 60.0).unwrap().ends_with("so that nothing is left to learn"));
        let rounded = told(1e-12, 0.0).unwrap();
        assert!(
            rounded.starts_with("25 steps; 1 changed nothing, such as step 3: float32 rounds"),
            "{rounded}"
        );
        assert_eq!(IdleSteps::default().all_train(25), Ok("25 steps".to_owned()));
    }

    #[test]
    fn one_of_many_idle_steps_that_should_have_trained_is_found() {
        let patterns = Patterns::new(12, 400, 10);
        let subject = subject(small(), &patterns, RunningVariance::UnbiasedFromOne);
        let parameters = starts::initial(&subject).unwrap();
        let mut idle = IdleSteps::default();
        for number in 1..=20 {
            idle.take(number, &subject, &parameters, &[0, 1, 2, 3]).unwrap();
        }
        assert!(idle.all_train(20).is_err_and(|told| told.starts_with("20 of 20 steps changed nothing")));
    }
}
