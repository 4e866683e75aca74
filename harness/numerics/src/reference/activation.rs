//! Elementwise layers: sigmoid, ReLU, tanh; and flatten, which only renames.

use super::{Backward, Differentiable, Gradients, Mode};

/// y = 1/(1 + e⁻ˣ), dx = dy · y(1 − y).
pub(crate) struct Sigmoid;

/// y = max(x, 0), dx = dy where x > 0, else 0.
pub(crate) struct Relu {
    /// Values per sample.
    pub(crate) features: usize,
}

/// y = tanh x, dx = dy · (1 − y²).
pub(crate) struct Tanh;

/// N×C×H×W to N×(C·H·W): the same values in the same order.
pub(crate) struct Flatten;

impl Differentiable for Sigmoid {
    fn forward(&self, _: &[Vec<f64>], input: &[f64], _: Mode) -> Vec<f64> {
        input.iter().map(|x| 1.0 / (1.0 + (-x).exp())).collect()
    }

    fn backward(&self, pass: &Backward<'_>) -> Gradients {
        let pairs = pass.gradient.iter().zip(pass.output);
        Gradients::of_input(pairs.map(|(dy, y)| dy * y * (1.0 - y)).collect())
    }

    fn computes_samples_alone(&self) -> bool {
        true
    }
}

impl Differentiable for Relu {
    fn forward(&self, _: &[Vec<f64>], input: &[f64], _: Mode) -> Vec<f64> {
        input.iter().map(|x| x.max(0.0)).collect()
    }

    fn backward(&self, pass: &Backward<'_>) -> Gradients {
        let pairs = pass.gradient.iter().zip(pass.input);
        Gradients::of_input(pairs.map(|(&dy, &x)| if x > 0.0 { dy } else { 0.0 }).collect())
    }

    fn smallest_gaps(&self, input: &[f64]) -> Option<Vec<f64>> {
        let scale = input.iter().fold(f64::MIN_POSITIVE, |largest, x| largest.max(x.abs()));
        let nearest = |sample: &[f64]| {
            let nonzero = sample.iter().filter(|x| **x != 0.0);
            nonzero.fold(f64::INFINITY, |least, x| least.min(x.abs() / scale))
        };
        Some(input.chunks_exact(self.features).map(nearest).collect())
    }
}

impl Differentiable for Tanh {
    fn forward(&self, _: &[Vec<f64>], input: &[f64], _: Mode) -> Vec<f64> {
        input.iter().map(|x| x.tanh()).collect()
    }

    fn backward(&self, pass: &Backward<'_>) -> Gradients {
        let pairs = pass.gradient.iter().zip(pass.output);
        Gradients::of_input(pairs.map(|(dy, y)| dy * (1.0 - y * y)).collect())
    }

    fn computes_samples_alone(&self) -> bool {
        true
    }
}

impl Differentiable for Flatten {
    fn forward(&self, _: &[Vec<f64>], input: &[f64], _: Mode) -> Vec<f64> {
        input.to_vec()
    }

    fn backward(&self, pass: &Backward<'_>) -> Gradients {
        Gradients::of_input(pass.gradient.to_vec())
    }
}
