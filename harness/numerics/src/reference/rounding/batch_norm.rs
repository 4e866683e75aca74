//! Batch norm: a channel at a time.

use super::super::batch_norm::BatchNorm;
use super::super::{Backward, Gradients, Mode};
use super::{FUNCTION, UNIT, rounded};

/// Bounds of running mean and variance after a step, for every channel.
pub(super) type StatisticsBounds = [Vec<f64>; 2];

/// One channel of a batch, with what is known of its statistics.
struct Channel<'a> {
    /// Places of its values in the batch.
    places: Vec<usize>,
    values: &'a [f64],
    errors: &'a [f64],
    mean: f64,
    mean_error: f64,
    variance: f64,
    variance_error: f64,
    /// Of the values, in magnitude.
    mean_magnitude: f64,
    epsilon: f64,
}

impl<'a> Channel<'a> {
    fn new(norm: &BatchNorm, channel: usize, values: &'a [f64], errors: &'a [f64]) -> Self {
        let places: Vec<usize> = (channel * norm.area..values.len())
            .step_by(norm.channels * norm.area)
            .flat_map(|start| start..start + norm.area)
            .collect();
        let count = places.len() as f64;
        let mean_of =
            |value: &dyn Fn(usize) -> f64| places.iter().map(|&place| value(place)).sum::<f64>() / count;
        let mean = mean_of(&|place| values[place]);
        let mean_magnitude = mean_of(&|place| values[place].abs() + errors[place]);
        let mean_error = mean_of(&|place| errors[place]) + rounded(places.len(), mean_magnitude);
        let variance = mean_of(&|place| (values[place] - mean).powi(2));
        // A mean that is off shifts all differences alike, which only its square lifts.
        let variance_error = mean_of(&|place| {
            let difference = (values[place] - mean).abs();
            let own = errors[place] + UNIT * difference;
            2.0 * difference * own + (own + mean_error).powi(2)
        });
        let variance_error = variance_error + rounded(places.len() + 3, variance + variance_error);
        let epsilon = norm.epsilon;
        Self { places, values, errors, mean, mean_error, variance, variance_error, mean_magnitude, epsilon }
    }

    fn count(&self) -> f64 {
        self.places.len() as f64
    }

    /// 1/√(σ² + ε), and how far it may be off.
    fn inverse(&self) -> (f64, f64) {
        inverse(self.variance, self.variance_error, self.epsilon)
    }

    fn difference(&self, place: usize) -> (f64, f64) {
        let difference = self.values[place] - self.mean;
        (difference, self.errors[place] + self.mean_error + UNIT * difference.abs())
    }

    /// x̂, and how far it may be off; also where it is computed as x/σ − μ/σ.
    fn normalised(&self, place: usize) -> (f64, f64) {
        let ((difference, error), (inverse, inverse_error)) = (self.difference(place), self.inverse());
        let most = inverse + inverse_error;
        let apart = FUNCTION * UNIT * most * (self.values[place].abs() + self.mean.abs());
        (difference * inverse, error * most + difference.abs() * inverse_error + apart)
    }
}

/// 1/√(v + ε) for a variance with its bound, and how far it may be off.
fn inverse(variance: f64, error: f64, epsilon: f64) -> (f64, f64) {
    let of = |variance: f64| 1.0 / (variance.max(0.0) + epsilon).sqrt();
    let value = of(variance);
    let off = (of(variance - error) - value).max(value - of(variance + error));
    (value, off + FUNCTION * UNIT * value)
}

/// Bounds of the output.
pub(super) fn forward(
    norm: &BatchNorm,
    parameters: &[Vec<f64>],
    values: &[f64],
    errors: &[f64],
    mode: Mode,
) -> Vec<f64> {
    let mut bounds = vec![0.0; values.len()];
    for (channel, (gamma, beta)) in parameters[0].iter().zip(&parameters[1]).enumerate() {
        let mut found = Channel::new(norm, channel, values, errors);
        if mode == Mode::Prediction {
            found = Channel {
                mean: parameters[2][channel],
                mean_error: 0.0,
                variance: parameters[3][channel],
                variance_error: 0.0,
                ..found
            };
        }
        for &place in &found.places {
            let (normalised, error) = found.normalised(place);
            bounds[place] = gamma.abs() * error
                + rounded(FUNCTION as usize, (gamma * normalised).abs() + gamma.abs() * error + beta.abs());
        }
    }
    bounds
}

/// Bounds of the gradients.
pub(super) fn backward(
    norm: &BatchNorm,
    pass: &Backward<'_>,
    errors: &[f64],
    gradient_errors: &[f64],
) -> Gradients {
    let mut input = vec![0.0; pass.input.len()];
    let zeros = vec![0.0; norm.channels];
    let mut parameters = vec![zeros.clone(), zeros.clone(), zeros.clone(), zeros];
    for (channel, gamma) in pass.parameters[0].iter().enumerate() {
        let found = Channel::new(norm, channel, pass.input, errors);
        let sums = Sums::new(&found, pass.gradient, gradient_errors);
        parameters[0][channel] = sums.gamma_error;
        parameters[1][channel] = sums.beta_error;
        for &place in &found.places {
            input[place] =
                gamma.abs() * sums.input_error(&found, pass.gradient[place], gradient_errors[place], place);
        }
    }
    Gradients { input, parameters }
}

/// dγ and dβ of a channel.
struct Sums {
    gamma: f64,
    gamma_error: f64,
    beta: f64,
    beta_error: f64,
}

impl Sums {
    fn new(channel: &Channel<'_>, gradient: &[f64], gradient_errors: &[f64]) -> Self {
        let (inverse, inverse_error) = channel.inverse();
        let mut sums = Self { gamma: 0.0, gamma_error: 0.0, beta: 0.0, beta_error: 0.0 };
        let (mut of_gamma, mut of_beta) = (0.0, 0.0);
        for &place in &channel.places {
            let (dy, dy_error) = (gradient[place], gradient_errors[place]);
            let (normalised, error) = channel.normalised(place);
            sums.beta += dy;
            sums.beta_error += dy_error;
            of_beta += dy.abs() + dy_error;
            sums.gamma += dy * normalised;
            sums.gamma_error += dy.abs() * error + dy_error * (normalised.abs() + error);
            // Also where dy·x and dy·μ are summed apart.
            let apart = (channel.values[place].abs() + channel.mean.abs()) * (inverse + inverse_error);
            of_gamma += (dy.abs() + dy_error) * (apart + error);
        }
        sums.beta_error += rounded(channel.places.len(), of_beta);
        sums.gamma_error += rounded(channel.places.len() + 2, of_gamma);
        sums
    }

    /// Of γ = 1: (dy − dβ/m − x̂·dγ/m)/σ.
    fn input_error(&self, channel: &Channel<'_>, dy: f64, dy_error: f64, place: usize) -> f64 {
        let count = channel.count();
        let (normalised, error) = channel.normalised(place);
        let (inverse, inverse_error) = channel.inverse();
        let inner = dy - self.beta / count - normalised * self.gamma / count;
        let magnitude = dy.abs() + (self.beta.abs() + normalised.abs() * self.gamma.abs()) / count;
        let inner_error = dy_error
            + (self.beta_error
                + normalised.abs() * self.gamma_error
                + error * (self.gamma.abs() + self.gamma_error))
                / count
            + rounded(FUNCTION as usize, magnitude);
        // The sum of all x̂, which is 0 but for rounding, where the mean has a gradient of its own.
        let residue = (self.gamma.abs() + self.gamma_error) / count
            * (channel.mean_error + UNIT * channel.mean_magnitude)
            * inverse;
        (inverse + inverse_error) * (inner_error + residue) + inner.abs() * (inverse_error + UNIT * inverse)
    }
}

/// Bounds of the running statistics after a step.
pub(super) fn statistics(
    norm: &BatchNorm,
    before: &[Vec<f64>],
    values: &[f64],
    errors: &[f64],
) -> StatisticsBounds {
    let mut bounds = [vec![0.0; norm.channels], vec![0.0; norm.channels]];
    for channel in 0..norm.channels {
        let found = Channel::new(norm, channel, values, errors);
        let correction = norm.running_variance.correction(found.count());
        let of = |old: f64, batch: f64, error: f64| {
            norm.momentum * error
                + rounded(FUNCTION as usize, old.abs() + norm.momentum * (batch.abs() + error))
        };
        bounds[0][channel] = of(before[2][channel], found.mean, found.mean_error);
        bounds[1][channel] =
            of(before[3][channel], found.variance * correction, found.variance_error * correction);
    }
    bounds
}

#[cfg(test)]
mod tests {
    use trainmark_plugin::RunningVariance;

    use super::*;

    fn bound(values: &[f64]) -> f64 {
        let norm = BatchNorm {
            channels: 1,
            area: 1,
            epsilon: 1e-5,
            momentum: 0.1,
            running_variance: RunningVariance::UnbiasedFromOne,
        };
        let parameters = [vec![1.0], vec![0.0], vec![0.0], vec![1.0]];
        let bounds = forward(&norm, &parameters, values, &vec![0.0; values.len()], Mode::Training);
        bounds.into_iter().fold(0.0, f64::max)
    }

    #[test]
    fn what_varies_little_about_a_large_mean_is_unsure() {
        assert!(bound(&[1.0, -1.0, 0.5]) < 1e-5);
        assert!(bound(&[1001.0, 999.0, 1000.5]) > 1e-4);
        // A mean of equal values that is off by one rounding, over √ε.
        let constant = bound(&[0.3; 100]);
        assert!((1e-5..0.1).contains(&constant), "{constant}");
    }
}
