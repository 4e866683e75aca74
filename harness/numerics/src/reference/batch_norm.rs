//! Batch normalisation (Ioffe and Szegedy, 2015).

use trainmark_plugin::RunningVariance;

use super::{Backward, Differentiable, Gradients, Mode};

/// For every channel, over the m = N·H·W (N after a linear layer) values x:
///
/// - training: μ = Σx/m, σ² = Σ(x − μ)²/m (biased), x̂ = (x − μ)/√(σ² + ε), y = γx̂ + β;
/// - prediction: the same with the running mean and variance;
/// - dβ = Σdy, dγ = Σ dy·x̂, dx = γ/√(σ² + ε) · (dy − dβ/m − x̂·dγ/m);
/// - running ← (1 − momentum)·running + momentum·(μ or variance), where the variance
///   is σ² (biased) or σ²·m/(m − 1) (unbiased; the factor is 1 where m = 1).
///
/// The parameters are γ, β, running mean, running variance.
pub struct BatchNorm {
    /// Each has its statistics.
    pub channels: usize,
    /// Values per channel of one sample: H·W, or 1.
    pub area: usize,
    /// ε.
    pub epsilon: f64,
    /// Of the running statistics.
    pub momentum: f64,
    /// What they begin with, and which variance they follow.
    pub running_variance: RunningVariance,
}

struct Statistics {
    mean: Vec<f64>,
    variance: Vec<f64>,
}

impl BatchNorm {
    /// Calls `visit` for every run of values of one channel of one sample.
    fn for_each_run(&self, mut visit: impl FnMut(usize, std::ops::Range<usize>), length: usize) {
        for (run, start) in (0..length).step_by(self.area).enumerate() {
            visit(run % self.channels, start..start + self.area);
        }
    }

    fn values_per_channel(&self, length: usize) -> f64 {
        (length / self.channels) as f64
    }

    fn statistics(&self, input: &[f64]) -> Statistics {
        let count = self.values_per_channel(input.len());
        let mut mean = vec![0.0; self.channels];
        self.for_each_run(|channel, run| mean[channel] += input[run].iter().sum::<f64>(), input.len());
        mean.iter_mut().for_each(|sum| *sum /= count);
        let mut variance = vec![0.0; self.channels];
        self.for_each_run(
            |channel, run| {
                variance[channel] += input[run].iter().map(|x| (x - mean[channel]).powi(2)).sum::<f64>();
            },
            input.len(),
        );
        variance.iter_mut().for_each(|sum| *sum /= count);
        Statistics { mean, variance }
    }

    fn inverse_deviation(&self, variance: f64) -> f64 {
        1.0 / (variance + self.epsilon).sqrt()
    }
}

impl Differentiable for BatchNorm {
    fn forward(&self, parameters: &[Vec<f64>], input: &[f64], mode: Mode) -> Vec<f64> {
        let (gamma, beta) = (&parameters[0], &parameters[1]);
        let Statistics { mean, variance } = match mode {
            Mode::Training => self.statistics(input),
            Mode::Prediction => Statistics { mean: parameters[2].clone(), variance: parameters[3].clone() },
        };
        let mut output = vec![0.0; input.len()];
        self.for_each_run(
            |channel, run| {
                let scale = gamma[channel] * self.inverse_deviation(variance[channel]);
                for (y, x) in output[run.clone()].iter_mut().zip(&input[run]) {
                    *y = (x - mean[channel]) * scale + beta[channel];
                }
            },
            input.len(),
        );
        output
    }

    fn backward(&self, pass: &Backward<'_>) -> Gradients {
        let Statistics { mean, variance } = self.statistics(pass.input);
        let inverse: Vec<f64> = variance.iter().map(|&v| self.inverse_deviation(v)).collect();
        let (mut d_gamma, mut d_beta) = (vec![0.0; self.channels], vec![0.0; self.channels]);
        self.for_each_run(
            |channel, run| {
                for (dy, x) in pass.gradient[run.clone()].iter().zip(&pass.input[run]) {
                    d_beta[channel] += dy;
                    d_gamma[channel] += dy * (x - mean[channel]) * inverse[channel];
                }
            },
            pass.input.len(),
        );
        let count = self.values_per_channel(pass.input.len());
        let mut d_input = vec![0.0; pass.input.len()];
        self.for_each_run(
            |channel, run| {
                let scale = pass.parameters[0][channel] * inverse[channel];
                let (mean_gradient, slope) = (d_beta[channel] / count, d_gamma[channel] / count);
                let pairs = pass.gradient[run.clone()].iter().zip(&pass.input[run.clone()]);
                for (dx, (dy, x)) in d_input[run].iter_mut().zip(pairs) {
                    let normalised = (x - mean[channel]) * inverse[channel];
                    *dx = scale * (dy - mean_gradient - normalised * slope);
                }
            },
            pass.input.len(),
        );
        let zeros = vec![0.0; self.channels];
        Gradients { input: d_input, parameters: vec![d_gamma, d_beta, zeros.clone(), zeros] }
    }

    fn update_statistics(&self, parameters: &mut [Vec<f64>], input: &[f64]) {
        let Statistics { mean, variance } = self.statistics(input);
        let count = self.values_per_channel(input.len());
        let correction = self.running_variance.correction(count);
        for channel in 0..self.channels {
            let mut blend = |tensor: usize, batch: f64| {
                let running = &mut parameters[tensor][channel];
                *running = (1.0 - self.momentum) * *running + self.momentum * batch;
            };
            blend(2, mean[channel]);
            blend(3, variance[channel] * correction);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn norm(running_variance: RunningVariance) -> BatchNorm {
        BatchNorm { channels: 1, area: 1, epsilon: 1e-5, momentum: 0.1, running_variance }
    }

    fn parameters() -> Vec<Vec<f64>> {
        vec![vec![-2.0], vec![0.5], vec![1.0], vec![4.0]]
    }

    #[test]
    fn training_normalises_and_prediction_uses_the_running_statistics() {
        let norm = norm(RunningVariance::UnbiasedFromOne);
        let output = norm.forward(&parameters(), &[1.0, 3.0], Mode::Training);
        let x = 1.0 / (1.0_f64 + 1e-5).sqrt();
        assert_eq!(output, [0.5 + 2.0 * x, 0.5 - 2.0 * x]);
        let output = norm.forward(&parameters(), &[1.0, 3.0], Mode::Prediction);
        assert_eq!(output[0], 0.5);
        assert!((output[1] + 1.5).abs() < 1e-5);
    }

    #[test]
    fn the_running_variance_follows_the_convention() {
        let biased = [RunningVariance::BiasedFromZero, RunningVariance::BiasedFromOne];
        let conventions = biased.map(|convention| (convention, 1.0)).into_iter();
        for (convention, variance) in conventions.chain([(RunningVariance::UnbiasedFromOne, 2.0)]) {
            let mut parameters = parameters();
            norm(convention).update_statistics(&mut parameters, &[1.0, 3.0]);
            assert!((parameters[2][0] - (0.9 + 0.2)).abs() < 1e-15);
            assert!((parameters[3][0] - (3.6 + 0.1 * variance)).abs() < 1e-15);
        }
    }

    #[test]
    fn a_single_value_has_variance_zero_in_every_convention() {
        for convention in RunningVariance::ALL {
            let mut parameters = parameters();
            norm(convention).update_statistics(&mut parameters, &[7.0]);
            assert_eq!(parameters[3][0], 3.6);
            assert_eq!(norm(convention).forward(&parameters, &[7.0], Mode::Training), [0.5]);
        }
    }
}
