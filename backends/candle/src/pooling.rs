//! Pooling over square windows of 1 × channels × (pixels·samples).

use candle_core::{Device, Result, Tensor};

use crate::network::Mode;
use crate::windows::{Unfolding, Windows};

/// Max pooling whose gradient goes to a window's first maximum.
///
/// Candle's `max_pool2d` scales its gradient by one over the window's size, and
/// the gradient of `max` goes to every tied maximum in full. Here `argmax` finds
/// the first maximum, and `gather` takes it: its gradient is added there and
/// nowhere else.
#[derive(Debug)]
pub(crate) struct MaxPooling {
    unfolding: Unfolding,
    /// Pixels from a window's first tap to each tap.
    steps: Tensor,
    /// The pixel under each window's first tap, windows × 1.
    corners: Tensor,
}

impl MaxPooling {
    pub(crate) fn new(windows: Windows, device: &Device) -> Result<Self> {
        Ok(Self {
            unfolding: Unfolding::new(windows, device)?,
            steps: Tensor::from_vec(windows.steps(), windows.taps(), device)?,
            corners: Tensor::from_vec(windows.corners(), (windows.count(), 1), device)?,
        })
    }

    pub(crate) fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let taps = self.unfolding.taps(&x.detach())?;
        match mode {
            Mode::Train => x.gather(&self.places(&taps.argmax(1)?)?, 2),
            Mode::Predict => taps.max(1)?.unsqueeze(0),
        }
    }

    /// Where each window's first maximum lies among its channel's values: behind
    /// the same sample's value of the first pixel by whole pixels.
    fn places(&self, first: &Tensor) -> Result<Tensor> {
        let (channels, values) = first.dims2()?;
        let samples = values / self.corners.dim(0)?;
        let steps = self.steps.index_select(&first.flatten_all()?, 0)?.reshape((1, channels, values))?;
        let sample = Tensor::arange(0, samples as u32, first.device())?;
        let start = (&self.corners * samples as f64)?.broadcast_add(&sample.unsqueeze(0)?)?;
        (steps * samples as f64)?.broadcast_add(&start.reshape((1, 1, values))?)
    }
}

/// The mean of each window.
#[derive(Debug)]
pub(crate) struct AvgPooling(Unfolding);

impl AvgPooling {
    pub(crate) fn new(windows: Windows, device: &Device) -> Result<Self> {
        Unfolding::new(windows, device).map(Self)
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.0.taps(x)?.mean(1)?.unsqueeze(0)
    }
}
