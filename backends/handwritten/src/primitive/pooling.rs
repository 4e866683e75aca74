//! Pooling over square windows, and the nearest-neighbour resize.
//!
//! Indices: (r, c) output position, (u, v) place in the window; the input
//! position is (r·stride + u, c·stride + v). Channels are independent.

use super::layout::Lanes;

/// The shape of a pooling layer.
#[derive(Debug)]
pub(super) struct Pooling {
    /// Rows and columns of a channel, before and after.
    pub(super) input: (usize, usize),
    pub(super) output: (usize, usize),
    pub(super) window: usize,
    pub(super) stride: usize,
}

impl Pooling {
    /// Units of one channel, before and after.
    fn areas(&self) -> (usize, usize) {
        (self.input.0 * self.input.1, self.output.0 * self.output.1)
    }

    /// Output positions in row-major order: (index of the output, index of the
    /// window's first input).
    fn windows(&self) -> impl Iterator<Item = (usize, usize)> {
        let (rows, columns) = self.output;
        (0..rows * columns)
            .map(move |k| (k, k / columns * self.stride * self.input.1 + k % columns * self.stride))
    }

    /// Indices of a window's inputs, row-major, relative to its first.
    fn places(&self) -> impl Iterator<Item = usize> {
        (0..self.window * self.window).map(|k| k / self.window * self.input.1 + k % self.window)
    }

    /// out\[r, c] = maxᵤᵥ in\[r·stride + u, c·stride + v]; not a number if any of them is.
    pub(super) fn max_forward(&self, input: &[Lanes], output: &mut [Lanes]) {
        let (input_area, output_area) = self.areas();
        for (input, output) in input.chunks_exact(input_area).zip(output.chunks_exact_mut(output_area)) {
            for (k, first) in self.windows() {
                let mut max = input[first];
                for place in self.places() {
                    max =
                        input[first + place].zip(&max, |x, max| if x > max || x.is_nan() { x } else { max });
                }
                output[k] = max;
            }
        }
    }

    /// ∂L/∂in = Σ of ∂L/∂out over the windows in which this input is the first
    /// maximum in row-major order.
    pub(super) fn max_backward(
        &self,
        input: &[Lanes],
        output: &[Lanes],
        d_output: &[Lanes],
        d_input: &mut [Lanes],
    ) {
        d_input.fill(Lanes::ZERO);
        let (input_area, output_area) = self.areas();
        let inputs = input.chunks_exact(input_area).zip(d_input.chunks_exact_mut(input_area));
        let outputs = output.chunks_exact(output_area).zip(d_output.chunks_exact(output_area));
        for ((input, d_input), (output, d_output)) in inputs.zip(outputs) {
            for (k, first) in self.windows() {
                // Each lane's gradient waits here until its maximum comes by.
                let mut waiting = d_output[k];
                for place in self.places() {
                    let is_max =
                        input[first + place].zip(&output[k], |x, max| if x == max { 1.0 } else { 0.0 });
                    d_input[first + place].add_product(&is_max, &waiting);
                    waiting = waiting.zip(&is_max, |waiting, is_max| waiting * (1.0 - is_max));
                }
            }
        }
    }

    /// out\[r, c] = 1/window² · Σᵤᵥ in\[r·stride + u, c·stride + v]
    pub(super) fn average_forward(&self, input: &[Lanes], output: &mut [Lanes]) {
        let (input_area, output_area) = self.areas();
        for (input, output) in input.chunks_exact(input_area).zip(output.chunks_exact_mut(output_area)) {
            for (k, first) in self.windows() {
                let mut sum = Lanes::ZERO;
                for place in self.places() {
                    sum.add(&input[first + place]);
                }
                output[k] = sum.map(|sum| sum * self.share());
            }
        }
    }

    /// ∂L/∂in = 1/window² · Σ of ∂L/∂out over the windows that hold this input.
    pub(super) fn average_backward(&self, d_output: &[Lanes], d_input: &mut [Lanes]) {
        d_input.fill(Lanes::ZERO);
        let (input_area, output_area) = self.areas();
        let channels = d_input.chunks_exact_mut(input_area).zip(d_output.chunks_exact(output_area));
        for (d_input, d_output) in channels {
            for (k, first) in self.windows() {
                for place in self.places() {
                    d_input[first + place].add_scaled(self.share(), &d_output[k]);
                }
            }
        }
    }

    /// 1/window²
    fn share(&self) -> f32 {
        1.0 / (self.window * self.window) as f32
    }
}

/// Nearest-neighbour resize: for each output position of a channel, the index
/// of the input that it copies.
#[derive(Debug)]
pub(super) struct Resize {
    input_area: usize,
    sources: Vec<usize>,
}

impl Resize {
    /// out(r, c) = in(⌊r·H/h⌋, ⌊c·W/w⌋) from (H, W) to (h, w).
    pub(super) fn new(input: (usize, usize), output: (usize, usize)) -> Self {
        let sources = (0..output.0 * output.1)
            .map(|k| (k / output.1 * input.0 / output.0) * input.1 + k % output.1 * input.1 / output.1)
            .collect();
        Self { input_area: input.0 * input.1, sources }
    }

    /// out\[k] = in\[source of k]
    pub(super) fn forward(&self, input: &[Lanes], output: &mut [Lanes]) {
        let channels = input.chunks_exact(self.input_area).zip(output.chunks_exact_mut(self.sources.len()));
        for (input, output) in channels {
            for (output, &source) in output.iter_mut().zip(&self.sources) {
                *output = input[source];
            }
        }
    }

    /// ∂L/∂in\[s] = Σ of ∂L/∂out\[k] over the outputs k that copy s
    pub(super) fn backward(&self, d_output: &[Lanes], d_input: &mut [Lanes]) {
        d_input.fill(Lanes::ZERO);
        let channels =
            d_output.chunks_exact(self.sources.len()).zip(d_input.chunks_exact_mut(self.input_area));
        for (d_output, d_input) in channels {
            for (d_output, &source) in d_output.iter().zip(&self.sources) {
                d_input[source].add(d_output);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lanes(values: &[f32]) -> Vec<Lanes> {
        values.iter().copied().map(Lanes::splat).collect()
    }

    #[test]
    fn a_tie_gives_its_gradient_to_the_first_maximum() {
        let pooling = Pooling { input: (2, 4), output: (1, 2), window: 2, stride: 2 };
        let input = lanes(&[1.0, 3.0, 2.0, 2.0, 3.0, 3.0, 2.0, 2.0]);
        let (mut output, mut d_input) = (lanes(&[0.0; 2]), lanes(&[9.0; 8]));
        pooling.max_forward(&input, &mut output);
        assert_eq!(output, lanes(&[3.0, 2.0]));
        pooling.max_backward(&input, &output, &lanes(&[5.0, 7.0]), &mut d_input);
        assert_eq!(d_input, lanes(&[0.0, 5.0, 7.0, 0.0, 0.0, 0.0, 0.0, 0.0]));
    }

    #[test]
    fn overlapping_windows_add_their_gradients() {
        let pooling = Pooling { input: (1, 3), output: (1, 3), window: 1, stride: 1 };
        let mut d_input = lanes(&[0.0; 3]);
        pooling.average_backward(&lanes(&[1.0, 2.0, 3.0]), &mut d_input);
        assert_eq!(d_input, lanes(&[1.0, 2.0, 3.0]));

        let pooling = Pooling { input: (2, 3), output: (1, 2), window: 2, stride: 1 };
        let input = lanes(&[0.0, 9.0, 0.0, 1.0, 2.0, 3.0]);
        let (mut output, mut d_input) = (lanes(&[0.0; 2]), lanes(&[0.0; 6]));
        pooling.max_forward(&input, &mut output);
        pooling.max_backward(&input, &output, &lanes(&[1.0, 2.0]), &mut d_input);
        assert_eq!(d_input, lanes(&[0.0, 3.0, 0.0, 0.0, 0.0, 0.0]));
        pooling.average_forward(&input, &mut output);
        assert_eq!(output, lanes(&[3.0, 3.5]));
    }

    #[test]
    fn not_a_number_is_not_hidden_by_a_maximum() {
        let pooling = Pooling { input: (1, 2), output: (1, 1), window: 1, stride: 2 };
        let mut output = lanes(&[0.0]);
        pooling.max_forward(&lanes(&[f32::NAN, 1.0]), &mut output);
        assert!(output[0].0[0].is_nan());
    }

    #[test]
    fn resize_copies_the_nearest_pixel() {
        let resize = Resize::new((2, 2), (3, 3));
        let mut output = lanes(&[0.0; 9]);
        resize.forward(&lanes(&[1.0, 2.0, 3.0, 4.0]), &mut output);
        assert_eq!(output, lanes(&[1.0, 1.0, 2.0, 1.0, 1.0, 2.0, 3.0, 3.0, 4.0]));
        let mut d_input = lanes(&[0.0; 4]);
        resize.backward(&lanes(&[1.0; 9]), &mut d_input);
        assert_eq!(d_input, lanes(&[4.0, 2.0, 2.0, 1.0]));
    }
}
