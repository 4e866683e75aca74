//! How a batch lies in memory: sixteen samples side by side.
//!
//! A batch is cut into blocks of sixteen samples. Within a block, the sixteen
//! samples' values of one unit (one pixel of one channel, one feature) lie
//! next to each other, and the units follow in row-major order:
//!
//! ```text
//!                 lane  0   1   2        15
//!   block 0  unit 0   [s0, s1, s2, …, s15]
//!            unit 1   [s0, s1, s2, …, s15]
//!            …
//!   block 1  unit 0   [s16, s17,  …, s31]
//!            …
//!   last     unit 0   [s32,  0,  0, …,  0]    the rest is padding
//! ```
//!
//! Every formula is then written for one sample and holds for sixteen: its
//! innermost loop runs over the lanes, which the compiler turns into vector
//! instructions, whatever the layer's shape. Padding lanes are computed along;
//! a [`mask`] keeps them out of sums over the batch, and their
//! gradients are zero.

use std::array;

use crate::part::Part;

/// Samples in a block.
pub(super) const LANES: usize = 16;

/// The values of one unit in the sixteen samples of a block.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(align(64))]
pub(super) struct Lanes(pub(super) [f32; LANES]);

impl Lanes {
    pub(super) const ZERO: Self = Self([0.0; LANES]);

    /// The same value in every lane.
    #[inline(always)]
    pub(super) fn splat(value: f32) -> Self {
        Self([value; LANES])
    }

    /// f(self) lane by lane.
    #[inline(always)]
    pub(super) fn map(self, f: impl Fn(f32) -> f32) -> Self {
        Self(self.0.map(f))
    }

    /// f(self, other) lane by lane.
    #[inline(always)]
    pub(super) fn zip(self, other: &Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Self(array::from_fn(|lane| f(self.0[lane], other.0[lane])))
    }

    /// self += x
    #[inline(always)]
    pub(super) fn add(&mut self, x: &Self) {
        for (sum, x) in self.0.iter_mut().zip(&x.0) {
            *sum += x;
        }
    }

    /// self += w·x, the same w for every lane.
    #[inline(always)]
    pub(super) fn add_scaled(&mut self, w: f32, x: &Self) {
        for (sum, x) in self.0.iter_mut().zip(&x.0) {
            *sum += w * x;
        }
    }

    /// self += a·b, lane by lane.
    #[inline(always)]
    pub(super) fn add_product(&mut self, a: &Self, b: &Self) {
        for ((sum, a), b) in self.0.iter_mut().zip(&a.0).zip(&b.0) {
            *sum += a * b;
        }
    }

    /// Sum of the lanes.
    // By value and not inlined, so that the sums of a loop before it stay in
    // vector registers: twice as fast for weight gradients.
    #[inline(never)]
    pub(super) fn total(self) -> f32 {
        let mut sums = self.0;
        for half in [8, 4, 2, 1] {
            for lane in 0..half {
                sums[lane] += sums[lane + half];
            }
        }
        sums[0]
    }
}

/// Σₖ term(k) over `count` units and all lanes. Short stretches are added in
/// float32 lane by lane, the stretches in float64.
#[inline(always)]
pub(super) fn sum_over(count: usize, term: impl Fn(usize) -> Lanes) -> f64 {
    const STRETCH: usize = 32;
    let mut sum = 0.0;
    for start in (0..count).step_by(STRETCH) {
        let mut stretch = Lanes::ZERO;
        for k in start..count.min(start + STRETCH) {
            stretch.add(&term(k));
        }
        sum += f64::from(stretch.total());
    }
    sum
}

/// 1 in the lanes of a block that hold a sample, 0 in its padding lanes.
pub(super) fn mask(part: &Part<'_>, block: usize) -> Lanes {
    let samples = part.block(block).len();
    Lanes(array::from_fn(|lane| if lane < samples { 1.0 } else { 0.0 }))
}

/// Writes the part's samples into blocks: x\[u] = pixel\[u]/255, and 0 in
/// padding lanes. `pixels` holds the split's samples of `units` bytes each.
pub(super) fn load(part: &Part<'_>, pixels: &[u8], units: usize, x: &mut [Lanes]) {
    for (samples, block) in part.samples.chunks(LANES).zip(x.chunks_exact_mut(units)) {
        block.fill(Lanes::ZERO);
        for (lane, &sample) in samples.iter().enumerate() {
            let sample = &pixels[sample as usize * units..][..units];
            for (x, &pixel) in block.iter_mut().zip(sample) {
                x.0[lane] = f32::from(pixel) / 255.0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loading_scales_pixels_and_clears_padding() {
        let pixels = [0, 51, 255, 102, 204, 153];
        let part = Part { samples: &[2, 0], batch: 2, lanes: LANES };
        let mut x = [Lanes::splat(f32::NAN); 2];
        load(&part, &pixels, 2, &mut x);
        assert_eq!(x[0].0[..3], [204.0 / 255.0, 0.0, 0.0]);
        assert_eq!(x[1].0[..3], [153.0 / 255.0, 51.0 / 255.0, 0.0]);
        assert_eq!(x[1].0[2..], [0.0; LANES - 2]);
        assert_eq!(mask(&part, 0).total(), 2.0);
    }

    #[test]
    fn sums_run_over_all_units_and_lanes() {
        assert_eq!(sum_over(100, |k| Lanes::splat(k as f32)), 16.0 * 4950.0);
    }
}
