//! The tensors of a model.

use trainmark_plugin::{Error, Model};

/// Row-major tensors in the order of [`Model::parameters`].
#[derive(Debug)]
pub(crate) struct Parameters(pub(crate) Vec<Vec<f32>>);

impl Parameters {
    /// All 0.
    ///
    /// # Errors
    /// `invalid` where a layer does not fit.
    pub(crate) fn zero(model: &Model) -> Result<Self, Error> {
        Ok(Self(model.parameters()?.iter().map(|spec| vec![0.0; spec.len()]).collect()))
    }

    pub(crate) fn set(&mut self, values: &[&[f32]]) {
        for (parameter, values) in self.0.iter_mut().zip(values) {
            parameter.copy_from_slice(values);
        }
    }

    pub(crate) fn copy_to(&self, values: &mut [&mut [f32]]) {
        for (values, parameter) in values.iter_mut().zip(&self.0) {
            values.copy_from_slice(parameter);
        }
    }
}
