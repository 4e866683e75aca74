//! Two-dimensional convolution, as deep learning has it: cross-correlation.

use std::ops::Range;

use super::linear::dot;
use super::{Backward, Differentiable, Gradients, Mode};

/// With stride s and padding p, over input channels c and taps (u, v):
///
/// - y(n,o,i,j) = b(o) + Σ w(o,c,u,v) · x(n, c, s·i + u − p, s·j + v − p);
/// - dw(o,c,u,v) = Σ dy(n,o,i,j) · x(n, c, s·i + u − p, s·j + v − p) over n, i, j;
/// - db(o) = Σ dy(n,o,i,j) over n, i, j;
/// - dx(n, c, s·i + u − p, s·j + v − p) += dy(n,o,i,j) · w(o,c,u,v);
///
/// where x is 0 outside the image, and b is 0 without a bias among the parameters.
pub struct Convolution {
    /// c.
    pub in_channels: usize,
    /// Input height and width.
    pub input: (usize, usize),
    /// o.
    pub out_channels: usize,
    /// Output height and width.
    pub output: (usize, usize),
    /// Rows and columns of taps.
    pub kernel: usize,
    /// s.
    pub stride: usize,
    /// p.
    pub padding: usize,
    /// Whether dx is wanted: not in the first layer with parameters.
    pub input_gradient: bool,
}

/// One row of outputs under one tap, within one sample.
struct TapRow {
    weight: usize,
    output: Range<usize>,
    /// The input value under the first of the outputs; the others are `stride` apart.
    input: usize,
}

impl Convolution {
    fn input_len(&self) -> usize {
        self.in_channels * self.input.0 * self.input.1
    }

    fn output_len(&self) -> usize {
        self.out_channels * self.output.0 * self.output.1
    }

    /// Visits every row of outputs under every tap that lies inside the image. For
    /// each output the taps come in the order of the weights.
    fn for_each_row(&self, mut visit: impl FnMut(TapRow)) {
        let ((height, width), (out_height, out_width)) = (self.input, self.output);
        let mut weight = 0;
        for out_channel in 0..self.out_channels {
            for in_channel in 0..self.in_channels {
                for u in 0..self.kernel {
                    let rows = self.inside(u, height, out_height);
                    for v in 0..self.kernel {
                        let columns = self.inside(v, width, out_width);
                        for row in rows.clone().filter(|_| !columns.is_empty()) {
                            let output = (out_channel * out_height + row) * out_width;
                            let y = row * self.stride + u - self.padding;
                            let x = columns.start * self.stride + v - self.padding;
                            visit(TapRow {
                                weight,
                                output: output + columns.start..output + columns.end,
                                input: (in_channel * height + y) * width + x,
                            });
                        }
                        weight += 1;
                    }
                }
            }
        }
    }

    /// The outputs along one axis whose tap lies inside the image.
    fn inside(&self, tap: usize, length: usize, outputs: usize) -> Range<usize> {
        let first = self.padding.saturating_sub(tap).div_ceil(self.stride);
        let end = match (length + self.padding).checked_sub(tap + 1) {
            Some(last) => (last / self.stride + 1).min(outputs),
            None => 0,
        };
        first..end.max(first)
    }
}

impl Differentiable for Convolution {
    fn forward(&self, parameters: &[Vec<f64>], input: &[f64], _: Mode) -> Vec<f64> {
        let weights = &parameters[0];
        let area = self.output.0 * self.output.1;
        let mut output = Vec::with_capacity(input.len() / self.input_len() * self.output_len());
        for image in input.chunks_exact(self.input_len()) {
            let start = output.len();
            match parameters.get(1) {
                Some(biases) => biases.iter().for_each(|&bias| output.resize(output.len() + area, bias)),
                None => output.resize(start + self.output_len(), 0.0),
            }
            let maps = &mut output[start..];
            self.for_each_row(|row| {
                let weight = weights[row.weight];
                let outputs = &mut maps[row.output];
                if self.stride == 1 {
                    let inputs = &image[row.input..row.input + outputs.len()];
                    outputs.iter_mut().zip(inputs).for_each(|(y, x)| *y += weight * x);
                } else {
                    let inputs = image[row.input..].iter().step_by(self.stride);
                    outputs.iter_mut().zip(inputs).for_each(|(y, x)| *y += weight * x);
                }
            });
        }
        output
    }

    fn backward(&self, pass: &Backward<'_>) -> Gradients {
        let weights = &pass.parameters[0];
        let area = self.output.0 * self.output.1;
        let mut d_weights = vec![0.0; weights.len()];
        let mut d_biases = vec![0.0; self.out_channels];
        let mut d_input = vec![0.0; if self.input_gradient { pass.input.len() } else { 0 }];
        let samples = pass.gradient.chunks_exact(self.output_len());
        for (sample, (maps, image)) in samples.zip(pass.input.chunks_exact(self.input_len())).enumerate() {
            for (bias, map) in d_biases.iter_mut().zip(maps.chunks_exact(area)) {
                *bias += map.iter().sum::<f64>();
            }
            self.for_each_row(|row| {
                d_weights[row.weight] += strided_dot(&maps[row.output], &image[row.input..], self.stride);
            });
            if self.input_gradient {
                let d_image = &mut d_input[sample * self.input_len()..][..self.input_len()];
                self.for_each_row(|row| {
                    let weight = weights[row.weight];
                    let gradients = &maps[row.output];
                    if self.stride == 1 {
                        let inputs = &mut d_image[row.input..row.input + gradients.len()];
                        inputs.iter_mut().zip(gradients).for_each(|(dx, dy)| *dx += weight * dy);
                    } else {
                        let inputs = d_image[row.input..].iter_mut().step_by(self.stride);
                        inputs.zip(gradients).for_each(|(dx, dy)| *dx += weight * dy);
                    }
                });
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

/// Σ a(k)·b(stride·k).
fn strided_dot(a: &[f64], b: &[f64], stride: usize) -> f64 {
    if stride != 1 {
        return a.iter().zip(b.iter().step_by(stride)).map(|(x, y)| x * y).sum();
    }
    dot(a, &b[..a.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small(stride: usize, padding: usize, output: (usize, usize)) -> Convolution {
        Convolution {
            in_channels: 1,
            input: (3, 3),
            out_channels: 1,
            output,
            kernel: 2,
            stride,
            padding,
            input_gradient: true,
        }
    }

    const IMAGE: [f64; 9] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];

    fn parameters() -> Vec<Vec<f64>> {
        vec![vec![1.0, 10.0, 100.0, 1000.0], vec![0.5]]
    }

    #[test]
    fn a_plain_convolution_is_a_cross_correlation() {
        let output = small(1, 0, (2, 2)).forward(&parameters(), &IMAGE, Mode::Training);
        assert_eq!(output, [5421.5, 6532.5, 8754.5, 9865.5]);
    }

    #[test]
    fn stride_and_padding_place_the_taps() {
        let output = small(2, 1, (2, 2)).forward(&parameters(), &IMAGE, Mode::Training);
        assert_eq!(output, [1000.5, 3200.5, 7040.5, 9865.5]);
    }

    #[test]
    fn the_gradients_are_transposed_uses_of_the_same_taps() {
        let convolution = small(2, 1, (2, 2));
        let gradient = [1.0, 2.0, 3.0, 4.0];
        let pass =
            Backward { parameters: &parameters(), input: &IMAGE, output: &[0.0; 4], gradient: &gradient };
        let gradients = convolution.backward(&pass);
        assert_eq!(gradients.parameters[1], [10.0]);
        // Tap (1, 1) sees pixels 1, 3, 7, 9 under outputs 0, 1, 2, 3.
        assert_eq!(gradients.parameters[0][3], 1.0 + 6.0 + 21.0 + 36.0);
        // Tap (0, 0) lies inside only under output 3, on pixel 5.
        assert_eq!(gradients.parameters[0][0], 20.0);
        assert_eq!(gradients.input[4], 4.0 * 1.0);
        assert_eq!(gradients.input[0], 1.0 * 1000.0);
    }

    #[test]
    fn a_tap_that_never_touches_the_image_is_left_out() {
        let convolution = Convolution { input: (1, 1), output: (2, 2), padding: 1, ..small(1, 1, (2, 2)) };
        let output = convolution.forward(&parameters(), &[2.0], Mode::Training);
        assert_eq!(output, [2000.5, 200.5, 20.5, 2.5]);
    }
}
