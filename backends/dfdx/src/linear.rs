//! Linear layers: y = W·x + b, a sample per column.

use dfdx::prelude::*;
use trainmark_plugin::Error;

use crate::Values;
use crate::machine::Machine;

pub(crate) struct Linear<D: Machine> {
    /// (out, in)
    pub(crate) weight: Values<D>,
    /// (out, 1); none where the layer adds none.
    pub(crate) bias: Option<Values<D>>,
}

impl<D: Machine> Linear<D> {
    pub(crate) fn new(
        in_features: usize,
        out_features: usize,
        bias: bool,
        device: &D,
    ) -> Result<Self, Error> {
        let zeros = || device.try_zeros_like(&(out_features, 1)).map_err(D::failure);
        Ok(Self {
            weight: device.try_zeros_like(&(out_features, in_features)).map_err(D::failure)?,
            bias: bias.then(zeros).transpose()?,
        })
    }

    pub(crate) fn forward<T>(&self, x: Values<D, T>) -> Result<Values<D, T>, D::Err>
    where
        T: Tape<f32, D>,
    {
        affine(&self.weight, self.bias.as_ref(), x)
    }
}

/// weight · x, and bias, as (rows, 1).
pub(crate) fn affine<D: Machine, T, U>(
    weight: &Values<D>,
    bias: Option<&Values<D>>,
    x: Values<D, U>,
) -> Result<Values<D, T>, D::Err>
where
    T: Tape<f32, D> + Merge<U>,
    U: Tape<f32, D>,
{
    let y = weight.retaped::<T>().try_matmul(x)?;
    let Some(bias) = bias else { return Ok(y) };
    let (out_features, _) = *bias.shape();
    let bias = bias.retaped::<T>().try_reshape_like(&(out_features,))?;
    let bias = bias.try_broadcast_like::<_, Axis<1>>(y.shape())?;
    y.try_add(bias)
}
