//! Sliding windows over an image, as index lists for `index_select`.

use candle_core::{Device, Result, Tensor};

/// Candle's `index_select` gives zero for this index, and its gradient drops it.
const ZERO: u32 = u32::MAX;

/// Square windows that slide over an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Windows {
    pub(crate) height: usize,
    pub(crate) width: usize,
    /// Side of the window.
    pub(crate) side: usize,
    pub(crate) stride: usize,
    /// Zeros around the image.
    pub(crate) padding: usize,
}

impl Windows {
    fn rows(&self) -> usize {
        (self.height + 2 * self.padding - self.side) / self.stride + 1
    }

    fn columns(&self) -> usize {
        (self.width + 2 * self.padding - self.side) / self.stride + 1
    }

    /// Number of windows.
    pub(crate) fn count(&self) -> usize {
        self.rows() * self.columns()
    }

    /// Values in a window.
    pub(crate) fn taps(&self) -> usize {
        self.side * self.side
    }

    /// The pixel under each tap of each window, tap-major: taps × windows indices
    /// into the image's pixels, both in row-major order.
    pub(crate) fn pixels(&self, device: &Device) -> Result<Tensor> {
        let indices: Vec<u32> = product(self.side, self.side)
            .flat_map(|tap| product(self.rows(), self.columns()).map(move |window| self.pixel(tap, window)))
            .collect();
        Tensor::from_vec(indices, self.taps() * self.count(), device)
    }

    /// Pixels from a window's first tap to each tap, in row-major order.
    pub(crate) fn steps(&self) -> Vec<u32> {
        product(self.side, self.side).map(|(row, column)| (row * self.width + column) as u32).collect()
    }

    /// The pixel under each window's first tap, in row-major order.
    pub(crate) fn corners(&self) -> Vec<u32> {
        product(self.rows(), self.columns()).map(|window| self.pixel((0, 0), window)).collect()
    }

    fn pixel(&self, tap: (usize, usize), window: (usize, usize)) -> u32 {
        let (row, column) = (window.0 * self.stride + tap.0, window.1 * self.stride + tap.1);
        let inside =
            |place: usize, size: usize| place.checked_sub(self.padding).filter(|&place| place < size);
        match (inside(row, self.height), inside(column, self.width)) {
            // The contract keeps every tensor below 2³² values.
            (Some(row), Some(column)) => (row * self.width + column) as u32,
            _ => ZERO,
        }
    }
}

/// Takes the values under each tap of windows that slide over an image.
#[derive(Debug)]
pub(crate) struct Unfolding {
    windows: Windows,
    pixels: Tensor,
}

impl Unfolding {
    pub(crate) fn new(windows: Windows, device: &Device) -> Result<Self> {
        Ok(Self { windows, pixels: windows.pixels(device)? })
    }

    /// 1 × channels × (pixels·samples) to channels × taps × (windows·samples).
    pub(crate) fn taps(&self, x: &Tensor) -> Result<Tensor> {
        self.select(x, |channels, taps, values| (channels, taps, values))
    }

    /// 1 × channels × (pixels·samples) to 1 × (channels·taps) × (windows·samples).
    pub(crate) fn columns(&self, x: &Tensor) -> Result<Tensor> {
        self.select(x, |channels, taps, values| (1, channels * taps, values))
    }

    /// Whole rows of samples are copied, and their gradients added, one per tap and window.
    fn select(
        &self,
        x: &Tensor,
        shape: impl Fn(usize, usize, usize) -> (usize, usize, usize),
    ) -> Result<Tensor> {
        let (_, channels, values) = x.dims3()?;
        let pixels = self.windows.height * self.windows.width;
        let samples = values / pixels;
        let rows = x.reshape((channels, pixels, samples))?.index_select(&self.pixels, 1)?;
        rows.reshape(shape(channels, self.windows.taps(), self.windows.count() * samples))
    }
}

/// Pairs (row, column) in row-major order.
fn product(rows: usize, columns: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..rows).flat_map(move |row| (0..columns).map(move |column| (row, column)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_of_two_on_a_padded_row() {
        let windows = Windows { height: 1, width: 3, side: 2, stride: 2, padding: 1 };
        assert_eq!((windows.count(), windows.taps()), (2, 4));
        let pixels = windows.pixels(&Device::Cpu).unwrap().to_vec1::<u32>().unwrap();
        // Two windows: padding above; to the left of the first one too.
        assert_eq!(pixels, [ZERO, ZERO, ZERO, ZERO, ZERO, 1, 0, 2]);
    }
}
