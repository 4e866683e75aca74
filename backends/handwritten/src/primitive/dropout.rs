//! Dropout: in training each value is left out with a chance of `rate`, and the others are scaled.

use std::array;

use super::layout::{LANES, Lanes};
use crate::part::Part;

/// Whether a value is let through is a hash of the step, the layer, the sample and the unit: the
/// backward pass finds the same choices without having kept them, and so does any number of threads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dropout {
    /// The layer's place in the model: two of them choose differently.
    pub(super) layer: usize,
    /// Values of one sample.
    pub(super) units: usize,
    /// The share that is left out.
    pub(super) rate: f64,
}

impl Dropout {
    /// out = in · m, with m = 1/(1 − rate) where a value is let through, else 0. As
    /// ∂L/∂in = ∂L/∂out · m, the backward pass is the same, of gradients.
    pub(super) fn apply(&self, step: u64, part: &Part<'_>, input: &[Lanes], output: &mut [Lanes]) {
        let scale = (1.0 / (1.0 - self.rate)) as f32;
        let blocks = input.chunks_exact(self.units).zip(output.chunks_exact_mut(self.units));
        for (block, (input, output)) in blocks.enumerate() {
            let keys = self.keys(step, part.block(block));
            for (unit, (input, output)) in input.iter().zip(output).enumerate() {
                let m = keys.map(|key| if self.lets_through(key, unit) { scale } else { 0.0 });
                *output = input.zip(&Lanes(m), |x, m| x * m);
            }
        }
    }

    /// What a step's choices for each sample of a block hang on.
    fn keys(&self, step: u64, samples: &[u32]) -> [u64; LANES] {
        let of_layer = mix(mix(step) ^ self.layer as u64);
        array::from_fn(|lane| samples.get(lane).map_or(0, |&sample| mix(of_layer ^ u64::from(sample))))
    }

    fn lets_through(&self, key: u64, unit: usize) -> bool {
        // The upper 53 bits, as a number from 0 to 1.
        let uniform = (mix(key ^ unit as u64) >> 11) as f64 / (1_u64 << 53) as f64;
        uniform >= self.rate
    }
}

/// Whole numbers that differ in one bit become ones that have nothing in common: a step of
/// SplitMix64 (Steele, Lea and Flood, 2014).
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNITS: usize = 1000;
    const SAMPLES: [u32; 3] = [7, 0, 8];

    /// What becomes of ones, of each of the samples.
    fn factors(rate: f64, layer: usize, step: u64) -> [Vec<f32>; 3] {
        let part = Part { samples: &SAMPLES, batch: 3, lanes: LANES };
        let mut output = vec![Lanes::ZERO; UNITS];
        let dropout = Dropout { layer, units: UNITS, rate };
        dropout.apply(step, &part, &[Lanes::splat(1.0); UNITS], &mut output);
        array::from_fn(|lane| output.iter().map(|lanes| lanes.0[lane]).collect())
    }

    #[test]
    fn as_many_are_left_out_as_the_rate_says_and_the_others_are_scaled() {
        for rate in [0.0, 0.25, 0.5, 0.9] {
            let all = factors(rate, 0, 1).concat();
            let scale = (1.0 / (1.0 - rate)) as f32;
            assert!(all.iter().all(|&factor| factor == 0.0 || factor == scale));
            let out = all.iter().filter(|&&factor| factor == 0.0).count() as f64;
            let count = all.len() as f64;
            // Five standard deviations.
            let most = 5.0 * (count * rate * (1.0 - rate)).sqrt();
            assert!((out - count * rate).abs() <= most, "{out} of {count} at a rate of {rate}");
        }
    }

    #[test]
    fn samples_layers_and_steps_choose_differently_and_a_choice_is_found_again() {
        let mut all =
            [(0, 1), (0, 2), (1, 1), (1, 2)].map(|(layer, step)| factors(0.5, layer, step)).concat();
        assert_eq!(all[..3], factors(0.5, 0, 1));
        for one in 0..all.len() {
            for other in 0..one {
                let alike = all[one].iter().zip(&all[other]).filter(|(one, other)| one == other).count();
                // Half of them, within five standard deviations.
                assert!((421..=579).contains(&alike), "{alike} of {UNITS} choices are alike");
            }
        }
        all.dedup();
        assert_eq!(all.len(), 12);
    }
}
