//! Layers that are linear in what they are given: convolution, linear, average pooling, resize.

use super::super::{Backward, Differentiable, Gradients, Mode};
use super::{largest, magnitudes, rounded};

/// Bits of a float32's significand.
const SIGNIFICAND: i32 = 24;

/// How many terms the sums of a linear layer have at most.
pub(super) struct Terms {
    /// Of an output.
    pub(super) output: usize,
    /// Of a parameter's gradient.
    pub(super) parameter: usize,
    /// Of an input's gradient.
    pub(super) input: usize,
}

/// Bounds of a linear layer's output: the layer itself on magnitudes, with the error of what it is
/// given and without.
pub(super) fn forward(
    operation: &dyn Differentiable,
    terms: &Terms,
    parameters: &[Vec<f64>],
    input: &[f64],
    errors: &[f64],
) -> Vec<f64> {
    let of_parameters: Vec<Vec<f64>> = parameters.iter().map(|tensor| magnitudes(tensor)).collect();
    let most = operation.forward(&of_parameters, &largest(input, errors), Mode::Training);
    if is_exact(parameters, input, errors, &most) {
        return vec![0.0; most.len()];
    }
    let without = operation.forward(&of_parameters, &magnitudes(input), Mode::Training);
    let pairs = most.iter().zip(&without);
    pairs.map(|(most, without)| most - without + rounded(terms.output, *most)).collect()
}

/// The same of its gradients.
pub(super) fn backward(
    operation: &dyn Differentiable,
    terms: &Terms,
    pass: &Backward<'_>,
    errors: &[f64],
    gradient_errors: &[f64],
) -> Gradients {
    let parameters: Vec<Vec<f64>> = pass.parameters.iter().map(|tensor| magnitudes(tensor)).collect();
    let of = |input: &[f64], gradient: &[f64]| {
        operation.backward(&Backward { parameters: &parameters, input, output: pass.output, gradient })
    };
    let most = of(&largest(pass.input, errors), &largest(pass.gradient, gradient_errors));
    let without = of(&magnitudes(pass.input), &magnitudes(pass.gradient));
    let bound = |most: &[f64], without: &[f64], terms: usize| {
        most.iter().zip(without).map(|(most, without)| most - without + rounded(terms, *most)).collect()
    };
    let pairs = most.parameters.iter().zip(&without.parameters);
    Gradients {
        input: bound(&most.input, &without.input, terms.input),
        parameters: pairs.map(|(most, without)| bound(most, without, terms.parameter)).collect(),
    }
}

/// Whether no sum, in whatever order, is rounded: all are of so few multiples of one power of two
/// that float32 holds them.
fn is_exact(parameters: &[Vec<f64>], input: &[f64], errors: &[f64], most: &[f64]) -> bool {
    let [weights, biases @ ..] = parameters else { return false };
    if errors.iter().any(|error| *error != 0.0) {
        return false;
    }
    let (Some(of_input), Some(of_weights)) = (grid(input), grid(weights)) else { return false };
    let of_products = of_input + of_weights;
    let is_on_grid =
        biases.iter().all(|biases| grid(biases).is_some_and(|of_biases| of_biases >= of_products));
    let most = most.iter().copied().fold(0.0, f64::max);
    is_on_grid && most <= f64::from(SIGNIFICAND + of_products).exp2()
}

/// The exponent of the largest power of two that all values are multiples of; none where it is
/// very small.
fn grid(values: &[f64]) -> Option<i32> {
    let exponents = 0..=SIGNIFICAND;
    exponents.map(|fraction| -fraction).find(|&exponent| {
        let step = f64::from(exponent).exp2();
        values.iter().all(|value| value % step == 0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::linear::Linear;

    const LINEAR: Linear = Linear { in_features: 3, out_features: 1 };
    const TERMS: Terms = Terms { output: 4, parameter: 1, input: 1 };

    fn bound(weights: [f64; 3], input: [f64; 3], errors: [f64; 3]) -> f64 {
        forward(&LINEAR, &TERMS, &[weights.to_vec(), vec![0.25]], &input, &errors)[0]
    }

    #[test]
    fn small_multiples_of_a_quarter_are_added_exactly() {
        assert_eq!(bound([0.25, -1.0, 0.5], [1.0, 1.0, 0.0], [0.0; 3]), 0.0);
        assert!(bound([0.25, -1.0, 0.3], [1.0, 1.0, 0.0], [0.0; 3]) > 0.0);
        assert!(bound([0.25, -1.0, 0.5], [1.0, 1.0, 0.0], [0.0, 0.0, 1e-9]) > 0.0);
    }

    #[test]
    fn what_cancels_is_bounded_by_its_magnitudes() {
        let bound = bound([1000.3, -1000.3, 0.5], [1.0, 1.0, 0.0], [0.0; 3]);
        assert!((4.0 * 2000.0 * 1.19e-7..1e-3).contains(&bound), "{bound}");
    }
}
