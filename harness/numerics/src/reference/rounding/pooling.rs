//! Max pooling, whose gradient goes where the maximum is, if rounding does not decide that.

use super::super::pooling::Windows;
use super::rounded;

/// Bounds of every window's maximum.
pub(super) fn forward(windows: &Windows, outputs: usize, input: &[f64], errors: &[f64]) -> Vec<f64> {
    let mut bounds = vec![0.0; outputs];
    windows.for_each(input.len(), |output, first| {
        let of = |value: fn(f64, f64) -> f64| {
            let values = windows.places(first).map(|place| value(input[place], errors[place]));
            values.fold(f64::NEG_INFINITY, f64::max)
        };
        let maximum = of(|x, _| x);
        bounds[output] = (of(|x, error| x + error) - maximum).max(maximum - of(|x, error| x - error));
    });
    bounds
}

/// Bounds of the inputs' gradients: each value that may be the maximum may get all of a window's
/// gradient, or none.
pub(super) fn backward(
    windows: &Windows,
    [input, errors]: [&[f64]; 2],
    [gradient, gradient_errors]: [&[f64]; 2],
) -> Vec<f64> {
    let mut bounds = vec![0.0; input.len()];
    let mut sums = vec![0.0; input.len()];
    windows.for_each(input.len(), |output, first| {
        let least =
            windows.places(first).map(|place| input[place] - errors[place]).fold(f64::NEG_INFINITY, f64::max);
        let may_win = |place: &usize| input[*place] + errors[*place] >= least;
        let candidates: Vec<usize> = windows.places(first).filter(may_win).collect();
        // Exact values tie exactly, and the first of them is it.
        let is_decided = candidates.len() == 1 || candidates.iter().all(|&place| errors[place] == 0.0);
        let of_choice = if is_decided { 0.0 } else { gradient[output].abs() };
        let sure = candidates.iter().take(if is_decided { 1 } else { candidates.len() });
        for &place in sure {
            bounds[place] += of_choice + gradient_errors[output];
            sums[place] += gradient[output].abs() + gradient_errors[output];
        }
    });
    // Windows that overlap add their gradients.
    let most = windows.window.div_ceil(windows.stride).pow(2);
    bounds
        .iter()
        .zip(&sums)
        .map(|(bound, sum)| bound + if most > 1 { rounded(most, *sum) } else { 0.0 })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOWS: Windows = Windows { input: (2, 2), output: (1, 1), window: 2, stride: 2 };

    fn bounds(input: [f64; 4], error: f64) -> Vec<f64> {
        backward(&WINDOWS, [&input, &[error; 4]], [&[3.0], &[0.0]])
    }

    #[test]
    fn only_what_rounding_decides_is_left_open() {
        assert_eq!(bounds([1.0, 2.0, 0.0, 2.0], 0.0), [0.0; 4]);
        assert_eq!(bounds([1.0, 2.0, 0.0, 2.0], 1e-9), [0.0, 3.0, 0.0, 3.0]);
        assert_eq!(bounds([1.0, 2.0, 0.0, 3.0], 1e-9), [0.0; 4]);
    }

    #[test]
    fn a_maximum_is_as_sure_as_the_values_that_it_may_be() {
        assert_eq!(forward(&WINDOWS, 1, &[1.0, 2.0, 0.0, 2.5], &[3.0, 0.5, 0.0, 0.25]), [1.5]);
    }
}
