//! Convolution and linear layers: W·columns + b as one matrix product.

use candle_core::backprop::GradStore;
use candle_core::{Result, Tensor, Var};

use crate::network::Mode;
use crate::windows::Unfolding;

/// A linear layer, or a convolution: a linear layer on each window's values.
///
/// Candle's `conv2d` is not used: the gradient of its input goes through
/// `conv_transpose2d`, one short dot product per pixel and tap.
#[derive(Debug)]
pub(crate) struct Affine {
    pub(crate) weight: Var,
    pub(crate) bias: Option<Var>,
    /// The windows of a convolution.
    pub(crate) unfolding: Option<Unfolding>,
}

impl Affine {
    /// y(o, p, n) = b(o) + Σ w(o, c, t) · x(c, pixel(t, p), n).
    pub(crate) fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        self.of_columns(&self.columns(x)?, mode)
    }

    /// As the network's first layer in training: its input is data, whose gradient
    /// nobody wants, but Candle's matrix product computes the gradients of both
    /// sides. So the graph starts behind this layer.
    pub(crate) fn forward_first(&self, x: &Tensor) -> Result<First<'_>> {
        let columns = self.columns(x)?;
        let output = Var::from_tensor(&self.of_columns(&columns, Mode::Predict)?)?;
        Ok(First { layer: self, columns, output })
    }

    fn of_columns(&self, columns: &Tensor, mode: Mode) -> Result<Tensor> {
        let weight = mode.value(&self.weight).flatten_from(1)?.unsqueeze(0)?;
        let y = weight.matmul(columns)?;
        match &self.bias {
            Some(bias) => y.broadcast_add(&mode.value(bias).reshape((1, (), 1))?),
            None => Ok(y),
        }
    }

    fn columns(&self, x: &Tensor) -> Result<Tensor> {
        match &self.unfolding {
            Some(unfolding) => unfolding.columns(x),
            None => Ok(x.clone()),
        }
    }
}

/// A first layer's output, which is where the graph starts, and what its
/// parameters' gradients need.
#[derive(Debug)]
pub(crate) struct First<'a> {
    layer: &'a Affine,
    columns: Tensor,
    pub(crate) output: Var,
}

impl First<'_> {
    /// Adds the gradients of this layer's parameters: ∂L/∂W = ∂L/∂y · columnsᵀ and
    /// ∂L/∂b = Σ ∂L/∂y.
    pub(crate) fn complete(self, gradients: &mut GradStore) -> Result<()> {
        let Some(gradient) = gradients.remove(&self.output) else { return Ok(()) };
        let Affine { weight, bias, .. } = self.layer;
        let of_weight = gradient.matmul(&self.columns.t()?)?;
        gradients.insert(weight, of_weight.reshape(weight.shape())?);
        if let Some(bias) = bias {
            // Sums over trailing dimensions are many times faster than others.
            gradients.insert(bias, gradient.sum(2)?.squeeze(0)?);
        }
        Ok(())
    }
}
