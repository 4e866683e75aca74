//! Parameters that checks start from.

use trainmark_plugin::{Error, Model, Role, RunningVariance};

use super::Subject;
use crate::workload::{initial_parameters, uniform_generator};

/// The workload's own initial values.
pub(super) fn initial(subject: &Subject<'_>) -> Result<Vec<Vec<f32>>, Error> {
    initial_parameters(&subject.workload.model, subject.running_variance, subject.seed)
}

/// Initial values in which no mistake hides: γ away from 1 and, for every third
/// channel, negative; β and running means away from 0; running variances so small
/// that a batch's share in them shows.
pub(super) fn telling(subject: &Subject<'_>) -> Result<Vec<Vec<f32>>, Error> {
    telling_of(&subject.workload.model, subject.running_variance, subject.seed)
}

/// The same of a model that is no workload's.
pub(super) fn telling_of(
    model: &Model,
    running_variance: RunningVariance,
    seed: u64,
) -> Result<Vec<Vec<f32>>, Error> {
    let mut values = initial_parameters(model, running_variance, seed)?;
    for (slot, (spec, tensor)) in model.parameters()?.iter().zip(&mut values).enumerate() {
        let random = uniform_generator("conformance parameters", seed, slot as u64);
        for (place, (value, u)) in tensor.iter_mut().zip(random).enumerate() {
            *value = match spec.role {
                Role::Weight | Role::Bias => *value,
                Role::Gamma if place % 3 == 2 => -1.0 - 0.5 * u,
                Role::Gamma => 1.0 + 0.5 * u,
                Role::Beta => 0.5 * u,
                Role::RunningMean => 0.1 * u,
                Role::RunningVariance => 0.15 + 0.1 * u,
            };
        }
    }
    Ok(values)
}
