//! Linear layers: y = W·x + b, a sample per column.

use dfdx::prelude::*;
use trainmark_plugin::Error;

use crate::{Values, failure};

pub(crate) struct Linear {
    /// (out, in)
    pub(crate) weight: Values,
    /// (out, 1)
    pub(crate) bias: Values,
}

impl Linear {
    pub(crate) fn new(in_features: usize, out_features: usize, device: &Cpu) -> Result<Self, Error> {
        Ok(Self {
            weight: device.try_zeros_like(&(out_features, in_features)).map_err(failure)?,
            bias: device.try_zeros_like(&(out_features, 1)).map_err(failure)?,
        })
    }

    pub(crate) fn forward<T>(&self, x: Values<T>) -> Result<Values<T>, CpuError>
    where
        T: Tape<f32, Cpu>,
    {
        let (out_features, _) = *self.bias.shape();
        let y = self.weight.retaped::<T>().try_matmul(x)?;
        let bias = self.bias.retaped::<T>().try_reshape_like(&(out_features,))?;
        let bias = bias.try_broadcast_like::<_, Axis<1>>(y.shape())?;
        y.try_add(bias)
    }
}
