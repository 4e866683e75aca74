//! Elementwise layers.

use super::{FUNCTION, SMALLEST, UNIT};

/// A layer whose value and slope are functions of one value.
pub(super) struct Curve {
    /// y of x; it never falls.
    value: fn(f64) -> f64,
    /// dy/dx as a function of y, …
    slope: fn(f64) -> f64,
    /// … and a bound of its own slope at y.
    bend: fn(f64) -> f64,
}

pub(super) const SIGMOID: Curve =
    Curve { value: |x| 1.0 / (1.0 + (-x).exp()), slope: |y| y * (1.0 - y), bend: |y| (1.0 - 2.0 * y).abs() };

pub(super) const TANH: Curve = Curve { value: f64::tanh, slope: |y| 1.0 - y * y, bend: |y| 2.0 * y.abs() };

impl Curve {
    pub(super) fn forward(&self, input: &[f64], errors: &[f64]) -> Vec<f64> {
        let of = |(&x, &error): (&f64, &f64)| {
            let y = (self.value)(x);
            let carried = ((self.value)(x + error) - y).max(y - (self.value)(x - error));
            carried + 2.0 * FUNCTION * UNIT
        };
        input.iter().zip(errors).map(of).collect()
    }

    /// Bounds of the input's gradient dy·slope(y).
    pub(super) fn backward(
        &self,
        [output, errors]: [&[f64]; 2],
        [gradient, gradient_errors]: [&[f64]; 2],
    ) -> Vec<f64> {
        let outputs = output.iter().zip(errors);
        let gradients = gradient.iter().zip(gradient_errors);
        let of = |((y, error), (dy, gradient_error)): ((&f64, &f64), (&f64, &f64))| {
            let slope = (self.slope)(*y);
            let of_slope = (self.bend)(*y) * error + error * error + FUNCTION * UNIT * (slope + y.abs());
            dy.abs() * of_slope + gradient_error * (slope + of_slope) + UNIT * dy.abs() * slope + SMALLEST
        };
        outputs.zip(gradients).map(of).collect()
    }
}

/// Bounds of a ReLU's input gradient: where the sign of its input is rounding's, it may be that of
/// either side.
pub(super) fn relu_backward(
    [input, errors]: [&[f64]; 2],
    [gradient, gradient_errors]: [&[f64]; 2],
) -> Vec<f64> {
    let inputs = input.iter().zip(errors);
    let gradients = gradient.iter().zip(gradient_errors);
    let of = |((x, error), (dy, gradient_error)): ((&f64, &f64), (&f64, &f64))| {
        let is_decided = x.abs() > *error || *error == 0.0;
        match (is_decided, *x > 0.0) {
            (false, _) => dy.abs() + gradient_error,
            (true, true) => *gradient_error,
            (true, false) => 0.0,
        }
    };
    inputs.zip(gradients).map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values in float32, and the reference's with its bound.
    #[test]
    fn float32_stays_within_the_bounds() {
        for step in -400..400 {
            let x = f64::from(step) / 16.0;
            let single = x as f32;
            let found = [1.0 / (1.0 + (-single).exp()), single.tanh()].map(f64::from);
            for (curve, found) in [SIGMOID, TANH].iter().zip(found) {
                let y = (curve.value)(x);
                let error = curve.forward(&[x], &[0.0])[0];
                assert!((found - y).abs() <= error, "{x}: {found}, not {y} ± {error}");
                let slope = (curve.slope)(found);
                let bound = curve.backward([&[y], &[error]], [&[1.0], &[0.0]])[0];
                assert!((slope - (curve.slope)(y)).abs() <= bound, "{x}: {slope}, ± {bound}");
            }
        }
    }

    #[test]
    fn an_undecided_sign_lets_the_gradient_through_or_not() {
        let of = |x: f64, error: f64| relu_backward([&[x], &[error]], [&[-3.0], &[0.5]])[0];
        assert_eq!([of(1e-9, 1e-8), of(0.0, 1e-8)], [3.5; 2]);
        assert_eq!([of(1.0, 1e-8), of(-1.0, 1e-8), of(0.0, 0.0)], [0.5, 0.0, 0.0]);
    }
}
