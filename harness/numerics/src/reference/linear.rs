//! Fully connected layer.

use super::{Backward, Differentiable, Gradients, Mode};

/// With weight w(o, i):
///
/// - y(n,o) = b(o) + Σᵢ w(o,i)·x(n,i);
/// - without a bias among the parameters, b(o) = 0;
/// - dw(o,i) = Σₙ dy(n,o)·x(n,i), db(o) = Σₙ dy(n,o), dx(n,i) = Σₒ dy(n,o)·w(o,i).
pub(crate) struct Linear {
    pub(crate) in_features: usize,
    pub(crate) out_features: usize,
}

impl Differentiable for Linear {
    fn forward(&self, parameters: &[Vec<f64>], input: &[f64], _: Mode) -> Vec<f64> {
        let bias = |output: usize| parameters.get(1).map_or(0.0, |biases| biases[output]);
        let mut output = Vec::with_capacity(input.len() / self.in_features * self.out_features);
        for sample in input.chunks_exact(self.in_features) {
            let rows = parameters[0].chunks_exact(self.in_features).enumerate();
            output.extend(rows.map(|(output, row)| bias(output) + dot(row, sample)));
        }
        output
    }

    fn backward(&self, pass: &Backward<'_>) -> Gradients {
        let weights = &pass.parameters[0];
        let mut d_weights = vec![0.0; weights.len()];
        let mut d_biases = vec![0.0; self.out_features];
        let mut d_input = vec![0.0; pass.input.len()];
        let samples = pass.input.chunks_exact(self.in_features);
        let gradients = pass.gradient.chunks_exact(self.out_features);
        let d_samples = d_input.chunks_exact_mut(self.in_features);
        for ((sample, gradient), d_sample) in samples.zip(gradients).zip(d_samples) {
            for (output, dy) in gradient.iter().enumerate() {
                let row = output * self.in_features..(output + 1) * self.in_features;
                d_biases[output] += dy;
                d_weights[row.clone()].iter_mut().zip(sample).for_each(|(dw, x)| *dw += dy * x);
                d_sample.iter_mut().zip(&weights[row]).for_each(|(dx, w)| *dx += dy * w);
            }
        }
        let mut parameters = vec![d_weights, d_biases];
        parameters.truncate(pass.parameters.len());
        Gradients { input: d_input, parameters }
    }

    fn computes_samples_alone(&self) -> bool {
        true
    }
}

/// Σ a(k)·b(k). Four sums side by side, since one would wait for its own last addition.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 4];
    let ((fours, rest), (fours_of_b, rest_of_b)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
    for (x, y) in fours.iter().zip(fours_of_b) {
        for lane in 0..4 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    let tail: f64 = rest.iter().zip(rest_of_b).map(|(x, y)| x * y).sum();
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_product_with_the_transposed_weight() {
        let layer = Linear { in_features: 2, out_features: 3 };
        let parameters = vec![vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], vec![0.5, 0.0, -0.5]];
        let input = [1.0, 10.0, 2.0, 0.0];
        let output = layer.forward(&parameters, &input, Mode::Training);
        assert_eq!(output, [21.5, 43.0, 64.5, 2.5, 6.0, 9.5]);
        let gradient = [1.0, 0.0, 0.0, 0.0, 1.0, 1.0];
        let pass = Backward { parameters: &parameters, input: &input, output: &output, gradient: &gradient };
        let gradients = layer.backward(&pass);
        assert_eq!(gradients.parameters[0], [1.0, 10.0, 2.0, 0.0, 2.0, 0.0]);
        assert_eq!(gradients.parameters[1], [1.0, 1.0, 1.0]);
        assert_eq!(gradients.input, [1.0, 2.0, 8.0, 10.0]);
    }
}
