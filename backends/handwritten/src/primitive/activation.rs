//! Activation functions, applied to every value on its own.

use super::layout::Lanes;

/// Which function.
#[derive(Debug, Clone, Copy)]
pub(super) enum Activation {
    Sigmoid,
    Relu,
    Tanh,
}

impl Activation {
    /// out = f(in)
    pub(super) fn forward(self, input: &[Lanes], output: &mut [Lanes]) {
        match self {
            Self::Sigmoid => map(input, output, sigmoid),
            Self::Relu => map(input, output, |x| if x <= 0.0 { 0.0 } else { x }),
            Self::Tanh => map(input, output, f32::tanh),
        }
    }

    /// ∂L/∂in = ∂L/∂out · f′(in), with f′ written in terms of y = f(in):
    /// y·(1 − y) for the sigmoid, 1 − y² for tanh, and for ReLU 1 where y > 0, else 0.
    pub(super) fn backward(self, output: &[Lanes], d_output: &[Lanes], d_input: &mut [Lanes]) {
        match self {
            Self::Sigmoid => chain(output, d_output, d_input, |y| y * (1.0 - y)),
            Self::Relu => chain(output, d_output, d_input, |y| if y > 0.0 { 1.0 } else { 0.0 }),
            Self::Tanh => chain(output, d_output, d_input, |y| 1.0 - y * y),
        }
    }
}

fn map(input: &[Lanes], output: &mut [Lanes], f: impl Fn(f32) -> f32) {
    for (input, output) in input.iter().zip(output) {
        *output = input.map(&f);
    }
}

fn chain(output: &[Lanes], d_output: &[Lanes], d_input: &mut [Lanes], derivative: impl Fn(f32) -> f32) {
    for ((output, d_output), d_input) in output.iter().zip(d_output).zip(d_input) {
        *d_input = d_output.zip(output, |d, y| d * derivative(y));
    }
}

/// 1/(1 + e⁻ˣ)
#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// eˣ for −87 ≤ x ≤ 88, and the nearer bound's value beyond; within 2 units in
/// the last place. The standard library's is a call, which sixteen lanes
/// cannot share; this one is plain arithmetic, which they can.
///
/// eˣ = 2ᵏ·eʳ with k = round(x/ln 2) and r = x − k·ln 2, so |r| ≤ ln 2 / 2,
/// where eʳ is a short polynomial. (Cephes `expf`: its split of ln 2 into two
/// floats, and its minimax coefficients.)
#[inline(always)]
fn exp(x: f32) -> f32 {
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    /// Adding 1.5·2²³ rounds to a whole number, which then stands in the last bits.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let k = rounded - ROUND;
    let r = x - k * LN_2_HIGH - k * LN_2_LOW;
    let mut p = 1.987_569_2e-4;
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_65, 0.5] {
        p = p * r + coefficient;
    }
    let exp_r = p * r * r + r + 1.0;
    // 2ᵏ as a float: k, plus the bias 127, in the exponent's bits.
    let two_to_k = f32::from_bits(rounded.to_bits().wrapping_add(127) << 23);
    exp_r * two_to_k
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_agrees_with_float64() {
        for step in -87_000..=88_000 {
            let x = step as f32 / 1000.0;
            let expected = f64::from(x).exp();
            let error = (f64::from(exp(x)) - expected).abs() / expected;
            assert!(error < 2.0 * f64::from(f32::EPSILON), "exp({x}) is off by {error}");
        }
    }

    #[test]
    fn sigmoid_saturates_and_keeps_nan() {
        assert_eq!(sigmoid(0.0), 0.5);
        assert_eq!(sigmoid(1e9), 1.0);
        assert!(sigmoid(-1e9) < 1e-37);
        assert!(sigmoid(f32::NAN).is_nan());
    }

    #[test]
    fn relu_has_gradient_zero_at_zero() {
        let (input, d_output) = ([-1.0, 0.0, 2.0].map(Lanes::splat), [5.0; 3].map(Lanes::splat));
        let (mut output, mut d_input) = ([Lanes::ZERO; 3], [Lanes::ZERO; 3]);
        Activation::Relu.forward(&input, &mut output);
        Activation::Relu.backward(&output, &d_output, &mut d_input);
        assert_eq!(output, [0.0, 0.0, 2.0].map(Lanes::splat));
        assert_eq!(d_input, [0.0, 0.0, 5.0].map(Lanes::splat));
    }
}
