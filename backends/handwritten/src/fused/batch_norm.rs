//! Batch normalisation (Ioffe and Szegedy, 2015), once per channel instead of
//! once per value: what the kernels need of it are a few numbers per channel.
//!
//! Over the m values x of a channel in the whole batch:
//!
//! ```text
//! mean = 1/m · Σ x        var = 1/m · Σ (x − mean)²        σ = √(var + ε)
//! x̂ = (x − mean)/σ        z = γ·x̂ + β
//! ∂L/∂x = γ/σ · (∂L/∂z − 1/m · Σ ∂L/∂z − x̂ · 1/m · Σ ∂L/∂z·x̂)
//! ```

use trainmark_plugin::RunningVariance;

use super::plan::BatchNorm;
use crate::threads::Member;

/// How many values, their mean and their squared deviations from it, per channel.
#[derive(Debug, Clone, Default)]
pub(super) struct Moments {
    pub(super) count: f64,
    pub(super) mean: Vec<f64>,
    /// Σ (x − mean)²
    pub(super) squares: Vec<f64>,
}

/// What one channel's values x become: z = (x − mean)·scale + shift.
#[derive(Debug, Clone, Copy)]
pub(super) struct Affine {
    pub(super) mean: f32,
    pub(super) scale: f32,
    pub(super) shift: f32,
}

impl Affine {
    /// Where there is no batch norm, z = x.
    pub(super) const IDENTITY: Self = Self { mean: 0.0, scale: 1.0, shift: 0.0 };
}

/// ∂L/∂x = scale·∂L/∂z + slope·(x − mean) + constant
#[derive(Debug, Clone, Copy)]
pub(super) struct Gradient {
    pub(super) mean: f32,
    pub(super) scale: f32,
    pub(super) slope: f32,
    pub(super) constant: f32,
}

impl Gradient {
    /// Where there is no batch norm, ∂L/∂x = ∂L/∂z.
    pub(super) const IDENTITY: Self = Self { mean: 0.0, scale: 1.0, slope: 0.0, constant: 0.0 };

    /// Σ ∂L/∂x over `count` values, of Σ x and Σ ∂L/∂z.
    pub(super) fn sum(&self, count: f64, sum: f64, d_sum: f64) -> f64 {
        let [mean, scale, slope, constant] =
            [self.mean, self.scale, self.slope, self.constant].map(f64::from);
        scale * d_sum + slope * (sum - count * mean) + count * constant
    }
}

impl Moments {
    /// Joins the moments of all threads' parts to those of the batch, in the order
    /// of the threads (Chan, Golub and LeVeque, 1983).
    pub(super) fn join(&self, member: &Member<'_>) -> Self {
        let channels = self.mean.len();
        let handed_in: Vec<f64> =
            [self.count].iter().chain(&self.mean).chain(&self.squares).copied().collect();
        let mut all = Self { count: 0.0, mean: vec![0.0; channels], squares: vec![0.0; channels] };
        member.exchange(&handed_in, |part| {
            let (count, (mean, squares)) = (part[0], part[1..].split_at(channels));
            if count == 0.0 {
                return;
            }
            let total = all.count + count;
            for c in 0..channels {
                let apart = mean[c] - all.mean[c];
                all.mean[c] += apart * count / total;
                all.squares[c] += squares[c] + apart * apart * all.count * count / total;
            }
            all.count = total;
        });
        all
    }

    /// 1/m · Σ (x − mean)² of a channel.
    pub(super) fn variance(&self, c: usize) -> f64 {
        self.squares[c] / self.count
    }
}

impl BatchNorm {
    /// 1/σ = 1/√(var + ε)
    pub(super) fn inverse_deviation(&self, variance: f64) -> f64 {
        1.0 / (variance + self.epsilon).sqrt()
    }

    /// z of a channel with this mean and variance.
    pub(super) fn affine(&self, gamma: f32, beta: f32, mean: f64, variance: f64) -> Affine {
        let scale = f64::from(gamma) * self.inverse_deviation(variance);
        Affine { mean: mean as f32, scale: scale as f32, shift: beta }
    }

    /// ∂L/∂x of a channel. `d_shift` is Σ ∂L/∂z and `d_scale` Σ ∂L/∂z·x̂, both over
    /// the batch's `count` values.
    pub(super) fn gradient(
        &self,
        affine: Affine,
        variance: f64,
        (d_scale, d_shift): (f64, f64),
        count: f64,
    ) -> Gradient {
        let scale = f64::from(affine.scale);
        Gradient {
            mean: affine.mean,
            scale: affine.scale,
            slope: (-scale * self.inverse_deviation(variance) * d_scale / count) as f32,
            constant: (-scale * d_shift / count) as f32,
        }
    }

    /// running ← (1 − momentum)·running + momentum·batch, for mean and variance.
    /// The running variance is the unbiased one, var·m/(m − 1) (var where m = 1).
    pub(super) fn update_running(&self, batch: &Moments, mean: &mut [f32], variance: &mut [f32]) {
        let correction = if batch.count > 1.0 { batch.count / (batch.count - 1.0) } else { 1.0 };
        let blend = |running: &mut f32, batch: f64| {
            *running = ((1.0 - self.momentum) * f64::from(*running) + self.momentum * batch) as f32;
        };
        for c in 0..batch.mean.len() {
            blend(&mut mean[c], batch.mean[c]);
            blend(&mut variance[c], batch.variance(c) * correction);
        }
    }
}

/// The convention of [`BatchNorm::update_running`].
pub(crate) const RUNNING_VARIANCE: RunningVariance = RunningVariance::UnbiasedFromOne;
