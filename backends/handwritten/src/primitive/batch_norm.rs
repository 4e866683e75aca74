//! Batch normalisation (Ioffe and Szegedy, 2015).
//!
//! Indices: c channel, k unit of a channel (a position of an image; a vector's
//! feature is a channel of one unit), s sample. Per channel, m = samples × units
//! values are normalised together:
//!
//! ```text
//! mean = 1/m · Σ x        var = 1/m · Σ (x − mean)²        σ = √(var + ε)
//! x̂ = (x − mean)/σ        y = γ·x̂ + β
//! ```

use trainmark_plugin::RunningVariance;

use super::layout::{Lanes, mask, sum_over};
use crate::part::Part;
use crate::threads::Member;

/// The shape of a batch-norm layer.
#[derive(Debug)]
pub(super) struct BatchNorm {
    pub(super) channels: usize,
    /// Units per channel.
    pub(super) area: usize,
    /// ε
    pub(super) epsilon: f64,
    /// Weight of the new batch in the running statistics.
    pub(super) momentum: f64,
}

/// Mean and biased variance of every channel over one batch.
#[derive(Debug, Clone, Default)]
pub(super) struct Statistics {
    pub(super) mean: Vec<f64>,
    pub(super) variance: Vec<f64>,
}

impl Statistics {
    pub(super) fn zero(channels: usize) -> Self {
        Self { mean: vec![0.0; channels], variance: vec![0.0; channels] }
    }
}

impl BatchNorm {
    /// m: values per channel in the whole batch.
    fn count(&self, part: &Part<'_>) -> f64 {
        (part.batch * self.area) as f64
    }

    /// 1/σ = 1/√(var + ε)
    fn inverse_deviation(&self, variance: f64) -> f64 {
        1.0 / (variance + self.epsilon).sqrt()
    }

    /// Channels of all blocks in their order: (index, block's mask, its units).
    fn planes<'x>(
        &self,
        part: &Part<'_>,
        x: &'x [Lanes],
    ) -> impl Iterator<Item = (usize, Lanes, &'x [Lanes])> {
        let channels = self.channels;
        x.chunks_exact(self.area)
            .enumerate()
            .map(move |(plane, x)| (plane % channels, mask(part, plane / channels), x))
    }

    /// mean\[c] = 1/m · Σₛ Σₖ x\[s, c, k], then
    /// var\[c] = 1/m · Σₛ Σₖ (x\[s, c, k] − mean\[c])².
    /// Two passes, because Σx² − (Σx)²/m would cancel.
    pub(super) fn statistics(
        &self,
        x: &[Lanes],
        part: &Part<'_>,
        member: &Member<'_>,
        statistics: &mut Statistics,
    ) {
        let count = self.count(part);
        let Statistics { mean, variance } = statistics;
        mean.fill(0.0);
        for (c, mask, x) in self.planes(part, x) {
            mean[c] += sum_over(self.area, |k| x[k].zip(&mask, |x, mask| mask * x));
        }
        member.sum(mean);
        mean.iter_mut().for_each(|mean| *mean /= count);

        variance.fill(0.0);
        for (c, mask, x) in self.planes(part, x) {
            let mean = mean[c] as f32;
            variance[c] += sum_over(self.area, |k| x[k].zip(&mask, |x, mask| mask * (x - mean) * (x - mean)));
        }
        member.sum(variance);
        variance.iter_mut().for_each(|variance| *variance /= count);
    }

    /// y = γ·(x − mean)/√(var + ε) + β, and 0 in padding lanes. The statistics
    /// are the batch's in training, the running ones in prediction.
    pub(super) fn normalize(
        &self,
        gamma: &[f32],
        beta: &[f32],
        statistics: &Statistics,
        part: &Part<'_>,
        x: &[Lanes],
        y: &mut [Lanes],
    ) {
        for ((c, mask, x), y) in self.planes(part, x).zip(y.chunks_exact_mut(self.area)) {
            let mean = statistics.mean[c] as f32;
            let scale = gamma[c] * self.inverse_deviation(statistics.variance[c]) as f32;
            for (x, y) in x.iter().zip(y) {
                *y = x.zip(&mask, |x, mask| mask * ((x - mean) * scale + beta[c]));
            }
        }
    }

    /// ∂L/∂β\[c] += Σₛ Σₖ ∂L/∂y and ∂L/∂γ\[c] += Σₛ Σₖ ∂L/∂y · x̂, over this part.
    pub(super) fn parameter_gradients(
        &self,
        statistics: &Statistics,
        part: &Part<'_>,
        x: &[Lanes],
        d_y: &[Lanes],
        d_gamma: &mut [f64],
        d_beta: &mut [f64],
    ) {
        for ((c, _, x), d_y) in self.planes(part, x).zip(d_y.chunks_exact(self.area)) {
            let mean = statistics.mean[c] as f32;
            let inverse = self.inverse_deviation(statistics.variance[c]) as f32;
            d_beta[c] += sum_over(self.area, |k| d_y[k]);
            d_gamma[c] += sum_over(self.area, |k| d_y[k].zip(&x[k], |d_y, x| d_y * ((x - mean) * inverse)));
        }
    }

    /// ∂L/∂x = γ/σ · (∂L/∂y − 1/m · ∂L/∂β − x̂ · 1/m · ∂L/∂γ), and 0 in padding
    /// lanes. The last two terms are how x moves the mean and the variance;
    /// their sums over the whole batch are in `d_gamma` and `d_beta`.
    pub(super) fn input_gradient(
        &self,
        gamma: &[f32],
        statistics: &Statistics,
        part: &Part<'_>,
        (x, d_y): (&[Lanes], &[Lanes]),
        (d_gamma, d_beta): (&[f64], &[f64]),
        d_x: &mut [Lanes],
    ) {
        let count = self.count(part);
        let planes =
            self.planes(part, x).zip(d_y.chunks_exact(self.area)).zip(d_x.chunks_exact_mut(self.area));
        for (((c, mask, x), d_y), d_x) in planes {
            let mean = statistics.mean[c] as f32;
            let inverse = self.inverse_deviation(statistics.variance[c]) as f32;
            let (mean_d_y, mean_d_y_x_hat) = ((d_beta[c] / count) as f32, (d_gamma[c] / count) as f32);
            for ((x, d_y), d_x) in x.iter().zip(d_y).zip(d_x) {
                let rest = d_y.zip(x, |d_y, x| d_y - mean_d_y - (x - mean) * inverse * mean_d_y_x_hat);
                *d_x = rest.zip(&mask, |rest, mask| mask * (gamma[c] * inverse * rest));
            }
        }
    }

    /// running ← (1 − momentum)·running + momentum·batch, for mean and variance.
    /// The frameworks' running variance is the unbiased one, var·m/(m − 1)
    /// (var itself where m = 1); the chapter's is the biased one.
    pub(super) fn update_running(
        &self,
        convention: RunningVariance,
        statistics: &Statistics,
        batch: usize,
        running_mean: &mut [f32],
        running_variance: &mut [f32],
    ) {
        let count = (batch * self.area) as f64;
        let correction = convention.correction(count);
        let blend = |running: &mut f32, batch: f64| {
            *running = ((1.0 - self.momentum) * f64::from(*running) + self.momentum * batch) as f32;
        };
        for c in 0..self.channels {
            blend(&mut running_mean[c], statistics.mean[c]);
            blend(&mut running_variance[c], statistics.variance[c] * correction);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::layout::LANES;
    use super::*;

    /// A feature that is 3 in the only sample, and in padding lanes far from it.
    #[test]
    fn padding_lanes_neither_count_nor_grow() {
        let layer = BatchNorm { channels: 1, area: 1, epsilon: 1e-5, momentum: 0.1 };
        let part = Part { samples: &[0], batch: 1, lanes: LANES };
        let statistics = Statistics { mean: vec![3.0], variance: vec![0.0] };
        let mut x = Lanes::splat(1e30);
        x.0[0] = 3.0;
        let mut only_first = Lanes::ZERO;

        let mut y = [Lanes::splat(f32::NAN)];
        layer.normalize(&[2.0], &[0.5], &statistics, &part, &[x], &mut y);
        only_first.0[0] = 0.5;
        assert_eq!(y, [only_first]);

        let d_y = [Lanes::ZERO];
        let mut d_x = [Lanes::splat(f32::NAN)];
        let totals: (&[f64], &[f64]) = (&[1.0], &[1.0]);
        x = Lanes::splat(7.0);
        layer.input_gradient(&[2.0], &statistics, &part, (&[x], &d_y), totals, &mut d_x);
        assert!(d_x[0].0[0] != 0.0 && d_x[0].0[1..].iter().all(|&d| d == 0.0), "{d_x:?}");
    }
}
