//! Convolution as one matrix product over the image's windows.

use candle_core::{Device, Result, Tensor};

use crate::windows::Windows;

/// A convolution whose input and output are channels × positions × samples.
///
/// Candle's `conv2d` is not used: the gradient of its input goes through
/// `conv_transpose2d`, one short dot product per pixel and tap.
#[derive(Debug)]
pub(crate) struct Convolution {
    windows: Windows,
    pixels: Tensor,
}

impl Convolution {
    pub(crate) fn new(windows: Windows, device: &Device) -> Result<Self> {
        Ok(Self { windows, pixels: windows.pixels(device)? })
    }

    /// y(o, p, n) = b(o) + Σ w(o, c, t) · x(c, pixel(t, p), n), with the weight as
    /// out × (in·k·k) and the bias as out × 1.
    pub(crate) fn forward(&self, x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
        let (channels, _, samples) = x.dims3()?;
        let positions = self.windows.count();
        let out_channels = weight.dim(0)?;
        let columns = x.index_select(&self.pixels, 1)?;
        let columns = columns.reshape((channels * self.windows.taps(), positions * samples))?;
        let weight = weight.flatten_from(1)?;
        let y = weight.matmul(&columns)?.broadcast_add(&bias.unsqueeze(1)?)?;
        y.reshape((out_channels, positions, samples))
    }
}
