//! Pooling over square windows of 1 × channels × (pixels·samples).

use candle_core::{Device, Result, Tensor};

use crate::network::Mode;
use crate::windows::{Unfolding, Windows};

/// Max pooling whose gradient goes to a window's first maximum.
///
/// Candle's `max_pool2d` scales its gradient by one over the window's size, and
/// the gradient of `max` goes to every tied maximum in full.
#[derive(Debug)]
pub(crate) enum MaxPooling {
    Gathered(Gathered),
    Compared(Compared),
}

impl MaxPooling {
    pub(crate) fn new(windows: Windows, device: &Device) -> Result<Self> {
        if device.is_cuda() {
            return Compared::new(windows, device).map(Self::Compared);
        }
        Gathered::new(windows, device).map(Self::Gathered)
    }

    pub(crate) fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        match self {
            Self::Gathered(pooling) => pooling.forward(x, mode),
            Self::Compared(pooling) => pooling.forward(x),
        }
    }
}

/// On the CPU: `argmax` finds the first maximum, and `gather` takes it: its gradient is
/// added there and nowhere else.
#[derive(Debug)]
pub(crate) struct Gathered {
    unfolding: Unfolding,
    /// Pixels from a window's first tap to each tap.
    steps: Tensor,
    /// The pixel under each window's first tap, windows × 1.
    corners: Tensor,
}

impl Gathered {
    fn new(windows: Windows, device: &Device) -> Result<Self> {
        Ok(Self {
            unfolding: Unfolding::new(windows, device)?,
            steps: Tensor::from_vec(windows.steps(), windows.taps(), device)?,
            corners: Tensor::from_vec(windows.corners(), (windows.count(), 1), device)?,
        })
    }

    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
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

/// On a GPU: of each window the larger of its first two taps, of that and the third, and
/// so on, chosen by `where_cond`, whose gradient goes where the value came from.
///
/// There `argmax` names any one of tied maxima, and the gradient of `gather` is added by
/// one thread per channel.
#[derive(Debug)]
pub(crate) struct Compared {
    pixels: usize,
    windows: usize,
    /// For each tap the pixel under it in each window.
    taps: Vec<Tensor>,
}

impl Compared {
    pub(crate) fn new(windows: Windows, device: &Device) -> Result<Self> {
        let count = windows.count();
        let all = windows.pixels(device)?;
        let taps = (0..windows.taps()).map(|tap| all.narrow(0, tap * count, count)?.copy());
        let pixels = windows.height * windows.width;
        Ok(Self { pixels, windows: count, taps: taps.collect::<Result<_>>()? })
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (_, channels, values) = x.dims3()?;
        let samples = values / self.pixels;
        let rows = x.reshape((channels, self.pixels, samples))?;
        let mut taps = self.taps.iter().map(|pixels| rows.index_select(pixels, 1));
        let first = taps.next().unwrap_or_else(|| Ok(rows.clone()))?;
        let largest = taps.try_fold(first, |largest, tap| {
            let tap = tap?;
            tap.detach().gt(&largest.detach())?.where_cond(&tap, &largest)
        })?;
        largest.reshape((1, channels, self.windows * samples))
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

#[cfg(test)]
mod tests {
    use candle_core::Var;

    use super::*;

    /// Values and gradient of Σ (i + 1)·yᵢ.
    fn pass(x: &Var, y: &Tensor) -> Result<[Vec<f32>; 2]> {
        let weights = Tensor::arange(1_f32, (y.elem_count() + 1) as f32, &Device::Cpu)?;
        let gradients = (y.flatten_all()? * weights)?.sum_all()?.backward()?;
        let Some(gradient) = gradients.get(x) else { candle_core::bail!("no gradient of x") };
        Ok([y.flatten_all()?.to_vec1()?, gradient.flatten_all()?.to_vec1()?])
    }

    #[test]
    fn both_ways_choose_the_same_value_and_send_its_gradient_there() -> Result<()> {
        for (side, stride, height, width) in [(2, 2, 4, 6), (2, 1, 4, 4), (3, 2, 7, 5)] {
            let windows = Windows { height, width, side, stride, padding: 0 };
            let (channels, samples) = (2, 3);
            // Few different values, so that most windows hold ties.
            let values: Vec<f32> =
                (0..channels * height * width * samples).map(|i| (i * i % 3) as f32).collect();
            let x = Var::from_slice(&values, (1, channels, height * width * samples), &Device::Cpu)?;
            let gathered = Gathered::new(windows, &Device::Cpu)?.forward(&x, Mode::Train)?;
            let compared = Compared::new(windows, &Device::Cpu)?.forward(&x)?;
            assert_eq!(gathered.shape(), compared.shape());
            assert_eq!(pass(&x, &gathered)?, pass(&x, &compared)?, "window {side}, stride {stride}");
        }
        Ok(())
    }
}
