//! Pooling over square windows of channels × positions × samples.

use candle_core::{Device, Result, Tensor};

use crate::windows::Windows;

/// Max pooling whose gradient goes to a window's first maximum.
///
/// Candle's `max_pool2d` scales its gradient by one over the window's size, and
/// the gradient of `max` goes to every tied maximum in full. Here `argmax` finds
/// the first maximum, and `gather` takes it: its gradient is added there and
/// nowhere else.
#[derive(Debug)]
pub(crate) struct MaxPooling {
    windows: Windows,
    pixels: Tensor,
}

impl MaxPooling {
    pub(crate) fn new(windows: Windows, device: &Device) -> Result<Self> {
        Ok(Self { windows, pixels: windows.pixels(device)? })
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (channels, _, samples) = x.dims3()?;
        let positions = self.windows.count();
        let taps = x.index_select(&self.pixels, 1)?;
        let taps = taps.reshape((channels, self.windows.taps(), positions * samples))?;
        let first = taps.argmax_keepdim(1)?;
        taps.gather(&first, 1)?.reshape((channels, positions, samples))
    }
}

/// The mean of each window.
#[derive(Debug)]
pub(crate) struct AvgPooling {
    windows: Windows,
    pixels: Tensor,
}

impl AvgPooling {
    pub(crate) fn new(windows: Windows, device: &Device) -> Result<Self> {
        Ok(Self { windows, pixels: windows.pixels(device)? })
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (channels, _, samples) = x.dims3()?;
        let positions = self.windows.count();
        let taps = x.index_select(&self.pixels, 1)?;
        let taps = taps.reshape((channels, self.windows.taps(), positions * samples))?;
        taps.mean(1)?.reshape((channels, positions, samples))
    }
}
