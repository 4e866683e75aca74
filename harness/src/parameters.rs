//! Parameters, a tensor each, on their way in and out of a session.

use trainmark_plugin::{Error, ParameterSpec, Session};

/// Gives them to a session.
///
/// # Errors
/// The session's.
pub(crate) fn set(session: &mut dyn Session, values: &[Vec<f32>]) -> Result<(), Error> {
    let slices: Vec<&[f32]> = values.iter().map(Vec::as_slice).collect();
    session.set_parameters(&slices)
}

/// A buffer for each, filled with what is no number.
pub(crate) fn unread(specs: &[ParameterSpec]) -> Vec<Vec<f32>> {
    specs.iter().map(|spec| vec![f32::NAN; spec.len()]).collect()
}

/// Every parameter of a session; NaN where it left a value unwritten.
///
/// # Errors
/// The session's.
pub(crate) fn get(session: &mut dyn Session, specs: &[ParameterSpec]) -> Result<Vec<Vec<f32>>, Error> {
    let mut values = unread(specs);
    let mut slices: Vec<&mut [f32]> = values.iter_mut().map(Vec::as_mut_slice).collect();
    session.get_parameters(&mut slices)?;
    Ok(values)
}

/// The same values in float64.
pub(crate) fn widened(values: &[Vec<f32>]) -> Vec<Vec<f64>> {
    values.iter().map(|tensor| tensor.iter().copied().map(f64::from).collect()).collect()
}

/// The first tensor that differs in any bit.
pub(crate) fn first_difference(specs: &[ParameterSpec], a: &[Vec<f32>], b: &[Vec<f32>]) -> Option<String> {
    let bits = |tensor: &[f32]| tensor.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    specs.iter().zip(a.iter().zip(b)).find_map(|(spec, (a, b))| {
        let place = bits(a).iter().zip(bits(b)).position(|(x, y)| *x != y)?;
        Some(format!("{}[{place}] is {:?} instead of {:?}", spec.name, b[place], a[place]))
    })
}
