//! Parameters that checks start from, and how they get in and out of a session.

use trainmark_plugin::{Error, ParameterSpec, Role, Session};

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
    let mut values = initial(subject)?;
    for (slot, (spec, tensor)) in subject.specs()?.iter().zip(&mut values).enumerate() {
        let random = uniform_generator("conformance parameters", subject.seed, slot as u64);
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

pub(super) fn set(session: &mut dyn Session, values: &[Vec<f32>]) -> Result<(), Error> {
    let slices: Vec<&[f32]> = values.iter().map(Vec::as_slice).collect();
    session.set_parameters(&slices)
}

/// Every parameter; NaN where the session left a value unwritten.
pub(super) fn get(session: &mut dyn Session, specs: &[ParameterSpec]) -> Result<Vec<Vec<f32>>, Error> {
    let mut values: Vec<Vec<f32>> = specs.iter().map(|spec| vec![f32::NAN; spec.len()]).collect();
    let mut slices: Vec<&mut [f32]> = values.iter_mut().map(Vec::as_mut_slice).collect();
    session.get_parameters(&mut slices)?;
    Ok(values)
}

/// The first tensor that differs in any bit.
pub(super) fn first_difference(specs: &[ParameterSpec], a: &[Vec<f32>], b: &[Vec<f32>]) -> Option<String> {
    let bits = |tensor: &[f32]| tensor.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    specs.iter().zip(a.iter().zip(b)).find_map(|(spec, (a, b))| {
        let place = bits(a).iter().zip(bits(b)).position(|(x, y)| *x != y)?;
        Some(format!("{}[{place}] is {:?} instead of {:?}", spec.name, b[place], a[place]))
    })
}
