//! Calls of a session as all jobs need them: opened, announced, named in errors.

use std::time::Instant;

use anyhow::Context;
use trainmark_plugin::{Description, Error, Model, RunningVariance, Session, Split};

use crate::parameters;

/// Predictions are asked for in batches of this many samples.
pub(super) const PREDICTION_BATCH: usize = 256;

/// The running-variance convention that a task's implementation declares.
/// Without batch norm it does not matter.
///
/// # Errors
/// `Unsupported`, naming the implementations that there are.
pub(super) fn convention(description: &Description, implementation: &str) -> Result<RunningVariance, Error> {
    if implementation == trainmark_reports::record::Implementation::NONE {
        return Ok(RunningVariance::UnbiasedFromOne);
    }
    let found = description.implementations.iter().find(|one| one.name == implementation);
    found.map(|one| one.running_variance).ok_or_else(|| {
        let names: Vec<_> = description.implementations.iter().map(|one| one.name.as_str()).collect();
        let names = names.join(", ");
        Error::unsupported(format!("no implementation {implementation}; there are: {names}"))
    })
}

/// Names the call in an error, keeping the error's kind.
pub(super) fn named(call: &str, error: Error) -> anyhow::Error {
    anyhow::Error::from(in_call(call, error))
}

/// The same, as an error of a plugin.
pub(super) fn in_call(call: &str, error: Error) -> Error {
    Error::new(error.kind, format!("{call}: {}", error.message))
}

/// Sets parameters, naming the call in an error.
pub(super) fn set_parameters(session: &mut dyn Session, values: &[Vec<f32>]) -> anyhow::Result<()> {
    parameters::set(session, values).map_err(|error| named("set_parameters", error))
}

/// Logits of a whole split and the wall seconds that predicting them took,
/// checked: every value written and finite, nothing written behind the last.
pub(super) fn predict_all(
    session: &mut dyn Session,
    split: Split,
    indices: &[u32],
    classes: usize,
) -> anyhow::Result<(Vec<f32>, f64)> {
    // A value that no backend writes by chance marks what was left unwritten.
    let mut logits = vec![f32::from_bits(0x7FC0_1234); indices.len() * classes];
    let result = predict_guarded(session, split, indices, PREDICTION_BATCH, &mut logits);
    let seconds = result.map_err(|error| named("predict", error))?;
    let bad = logits.iter().position(|logit| !logit.is_finite());
    if let Some(position) = bad {
        let sample = position / classes;
        anyhow::bail!("predict left logit {} of sample {sample} unwritten or not finite", position % classes);
    }
    Ok((logits, seconds))
}

/// Predicts into memory with room behind it, so that a backend that writes too
/// much is told so instead of corrupting what lies there. Returns the wall seconds
/// of the call alone.
pub(super) fn predict_guarded(
    session: &mut dyn Session,
    split: Split,
    indices: &[u32],
    batch_size: usize,
    logits: &mut [f32],
) -> Result<f64, Error> {
    const GUARD: [f32; 64] = [-8.765_432e-21; 64];
    let length = logits.len();
    let mut room = Vec::with_capacity(length + GUARD.len());
    room.extend_from_slice(logits);
    room.extend_from_slice(&GUARD);
    let start = Instant::now();
    session.predict(split, indices, batch_size, &mut room[..length])?;
    let seconds = start.elapsed().as_secs_f64();
    if room[length..] != GUARD {
        return Err(Error::failed(format!("wrote beyond the {length} logits that it was given room for")));
    }
    logits.copy_from_slice(&room[..length]);
    Ok(seconds)
}

/// Checks what a training call claims before it is believed.
pub(super) fn check_correct(call: &str, correct: u64, samples: usize) -> anyhow::Result<f64> {
    if correct > samples as u64 {
        anyhow::bail!("{call} says that {correct} of {samples} samples were right");
    }
    Ok(correct as f64 / samples as f64)
}

/// Parameters, and seconds of work that was left when the call before returned: a device that
/// computes behind its caller's back must be done before parameters can be read, so what a first
/// read takes beyond a second one was waiting.
pub(super) fn unfinished_seconds(
    session: &mut dyn Session,
    model: &Model,
) -> anyhow::Result<(f64, Vec<Vec<f32>>)> {
    let specs = model.parameters().context("the model's layers do not fit")?;
    let mut values = parameters::unread(&specs);
    let first = read_parameters(session, &mut values)?;
    let second = read_parameters(session, &mut values)?;
    Ok(((first - second).max(0.0), values))
}

/// Reads the parameters; the wall seconds of the call.
fn read_parameters(session: &mut dyn Session, values: &mut [Vec<f32>]) -> anyhow::Result<f64> {
    let mut places: Vec<&mut [f32]> = values.iter_mut().map(Vec::as_mut_slice).collect();
    let start = Instant::now();
    let result = session.get_parameters(&mut places);
    let seconds = start.elapsed().as_secs_f64();
    result.map_err(|error| named("get_parameters", error))?;
    Ok(seconds)
}
