//! Measured times of two cells without a difference, as a benchmark might give
//! them: each seed takes both cells equally longer or shorter, each run by itself.

pub(crate) mod decided;
pub(crate) mod rounds;
pub(crate) mod tally;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use trainmark_statistics::distributions::normal_quantile;
use trainmark_statistics::{Comparison, compare};

/// Standard deviations of the logarithms.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Noise {
    /// From run to run.
    pub run: f64,
    /// From seed to seed, shared by a pair.
    pub seed: f64,
    /// Of the noise from run to run.
    pub shape: Shape,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Log-normal.
    Normal,
    /// Student's t with 4 degrees of freedom in the logarithm.
    HeavyTailed,
    /// Exponential in the logarithm, of the subject alone: other load only slows.
    /// The baseline's is normal with a quarter of the deviation.
    Skewed,
}

impl Noise {
    pub(crate) fn name(self) -> String {
        let shape = match self.shape {
            Shape::Normal => "log-normal",
            Shape::HeavyTailed => "t, 4 degrees",
            Shape::Skewed => "skewed",
        };
        format!("{shape}, {} %, seeds {} %", 100.0 * self.run, 100.0 * self.seed)
    }
}

/// Pairs of (subject, baseline), one for each seed, whose true ratio is 1.
pub(crate) fn pairs(generator: &mut ChaCha8Rng, seeds: usize, noise: Noise) -> Vec<(f64, f64)> {
    family(generator, seeds, 1, noise).remove(0)
}

/// The pairs of `subjects` cells with one baseline, which they share.
pub(crate) fn family(
    generator: &mut ChaCha8Rng,
    seeds: usize,
    subjects: usize,
    noise: Noise,
) -> Vec<Vec<(f64, f64)>> {
    let seeds: Vec<f64> = (0..seeds).map(|_| noise.seed * normal(generator)).collect();
    let measured = |seed: &f64, run: f64| (seed + noise.run * run).exp();
    let baseline: Vec<f64> =
        seeds.iter().map(|seed| measured(seed, baseline(generator, noise.shape))).collect();
    (0..subjects)
        .map(|_| {
            let subject = seeds.iter().map(|seed| measured(seed, subject(generator, noise.shape)));
            subject.zip(baseline.iter().copied()).collect()
        })
        .collect()
}

/// Comparisons of `subjects` cells with one baseline, none of which differ.
pub(crate) fn null_family(
    generator: &mut ChaCha8Rng,
    seeds: usize,
    subjects: usize,
    noise: Noise,
) -> Vec<Comparison> {
    family(generator, seeds, subjects, noise).iter().map(|pairs| compare(pairs)).collect()
}

fn subject(generator: &mut ChaCha8Rng, shape: Shape) -> f64 {
    match shape {
        Shape::Skewed => -uniform(generator).ln() - 1.0,
        symmetric => baseline(generator, symmetric),
    }
}

pub(crate) fn baseline(generator: &mut ChaCha8Rng, shape: Shape) -> f64 {
    match shape {
        Shape::Normal => normal(generator),
        Shape::HeavyTailed => {
            let squares: f64 = (0..4).map(|_| normal(generator).powi(2)).sum();
            // Of variance 2, scaled to 1.
            normal(generator) / (squares / 4.0).sqrt() / 2.0_f64.sqrt()
        }
        Shape::Skewed => normal(generator) / 4.0,
    }
}

pub(crate) fn normal(generator: &mut ChaCha8Rng) -> f64 {
    normal_quantile(uniform(generator))
}

/// Between 0 and 1, neither included.
pub(crate) fn uniform(generator: &mut ChaCha8Rng) -> f64 {
    ((generator.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
}
