//! 2-D convolution, which is a cross-correlation, as in every framework.
//!
//! Indices: o output channel, i input channel, (r, c) output position, (y, x)
//! input position, (u, v) place in the kernel. Input and output are linked by
//! y = r·stride + u − padding and x = c·stride + v − padding; links outside
//! the input, which would multiply a zero of the padding, are left out.

use std::array;

use super::layout::{Lanes, sum_over};

/// Two positions linked along one axis, of three kinds: see [`Axis`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Link(usize, usize);

/// Which inputs and outputs are linked by which row (or column) of the kernel.
#[derive(Debug)]
struct Axis {
    inputs: usize,
    outputs: usize,
    /// For each output, its (place in the kernel, input).
    of_output: Vec<Vec<Link>>,
    /// For each input, its (place in the kernel, output).
    of_input: Vec<Vec<Link>>,
    /// For each place in the kernel, its (output, input).
    of_kernel: Vec<Vec<Link>>,
}

impl Axis {
    fn new(inputs: usize, outputs: usize, kernel: usize, stride: usize, padding: usize) -> Self {
        let mut axis = Self {
            inputs,
            outputs,
            of_output: vec![Vec::new(); outputs],
            of_input: vec![Vec::new(); inputs],
            of_kernel: vec![Vec::new(); kernel],
        };
        for output in 0..outputs {
            for place in 0..kernel {
                let input = (output * stride + place).checked_sub(padding);
                if let Some(input) = input.filter(|&input| input < inputs) {
                    axis.of_output[output].push(Link(place, input));
                    axis.of_input[input].push(Link(place, output));
                    axis.of_kernel[place].push(Link(output, input));
                }
            }
        }
        axis
    }
}

/// The shape of a convolution.
#[derive(Debug)]
pub(super) struct Convolution {
    in_channels: usize,
    out_channels: usize,
    kernel: usize,
    rows: Axis,
    columns: Axis,
}

/// Channels whose sums are kept in registers at once.
const CHANNELS: usize = 2;

/// Calls `$function::<CHANNELS>` for every full group of channels, and
/// `$function::<1>` for each channel that is left over.
macro_rules! for_channel_groups {
    ($count:expr, $self:ident.$function:ident($($argument:expr),*)) => {
        let full = $count - $count % CHANNELS;
        for first in (0..full).step_by(CHANNELS) {
            $self.$function::<CHANNELS>(first, $($argument),*);
        }
        for first in full..$count {
            $self.$function::<1>(first, $($argument),*);
        }
    };
}

impl Convolution {
    /// `input` and `output` are (channels, height, width).
    pub(super) fn new(
        input: (usize, usize, usize),
        output: (usize, usize, usize),
        kernel: usize,
        stride: usize,
        padding: usize,
    ) -> Self {
        Self {
            in_channels: input.0,
            out_channels: output.0,
            kernel,
            rows: Axis::new(input.1, output.1, kernel, stride, padding),
            columns: Axis::new(input.2, output.2, kernel, stride, padding),
        }
    }

    fn input_len(&self) -> usize {
        self.in_channels * self.rows.inputs * self.columns.inputs
    }

    fn output_len(&self) -> usize {
        self.out_channels * self.rows.outputs * self.columns.outputs
    }

    /// w\[o, i, u, ·]
    #[inline(always)]
    fn weight_row<'w>(&self, weight: &'w [f32], o: usize, i: usize, u: usize) -> &'w [f32] {
        &weight[((o * self.in_channels + i) * self.kernel + u) * self.kernel..][..self.kernel]
    }

    /// Row `row` of channel `channel` of an input block.
    #[inline(always)]
    fn input_row<'x>(&self, block: &'x [Lanes], channel: usize, row: usize) -> &'x [Lanes] {
        &block[(channel * self.rows.inputs + row) * self.columns.inputs..][..self.columns.inputs]
    }

    /// Row `row` of channel `channel` of an output block.
    #[inline(always)]
    fn output_row<'y>(&self, block: &'y [Lanes], channel: usize, row: usize) -> &'y [Lanes] {
        &block[(channel * self.rows.outputs + row) * self.columns.outputs..][..self.columns.outputs]
    }

    /// out\[o, r, c] = bias\[o] + Σᵢ Σᵤ Σᵥ weight\[o, i, u, v] · in\[i, y, x]; no bias counts as 0.
    pub(super) fn forward(
        &self,
        weight: &[f32],
        bias: Option<&[f32]>,
        input: &[Lanes],
        output: &mut [Lanes],
    ) {
        let blocks = input.chunks_exact(self.input_len()).zip(output.chunks_exact_mut(self.output_len()));
        for (input, output) in blocks {
            for_channel_groups!(self.out_channels, self.forward_channels(weight, bias, input, output));
        }
    }

    /// [`Convolution::forward`] for the output channels o = first … first + N − 1.
    fn forward_channels<const N: usize>(
        &self,
        first: usize,
        weight: &[f32],
        bias: Option<&[f32]>,
        input: &[Lanes],
        output: &mut [Lanes],
    ) {
        for (r, rows) in self.rows.of_output.iter().enumerate() {
            for (c, columns) in self.columns.of_output.iter().enumerate() {
                let bias = |n| bias.map_or(0.0, |bias| bias[first + n]);
                let mut sums: [Lanes; N] = array::from_fn(|n| Lanes::splat(bias(n)));
                for i in 0..self.in_channels {
                    for &Link(u, y) in rows {
                        let input = self.input_row(input, i, y);
                        let weights: [_; N] = array::from_fn(|n| self.weight_row(weight, first + n, i, u));
                        for &Link(v, x) in columns {
                            for (sum, weight) in sums.iter_mut().zip(weights) {
                                sum.add_scaled(weight[v], &input[x]);
                            }
                        }
                    }
                }
                for (n, sum) in sums.into_iter().enumerate() {
                    output[((first + n) * self.rows.outputs + r) * self.columns.outputs + c] = sum;
                }
            }
        }
    }

    /// ∂L/∂in\[i, y, x] = Σₒ Σᵤ Σᵥ weight\[o, i, u, v] · ∂L/∂out\[o, r, c]
    pub(super) fn input_gradient(&self, weight: &[f32], d_output: &[Lanes], d_input: &mut [Lanes]) {
        let blocks = d_output.chunks_exact(self.output_len()).zip(d_input.chunks_exact_mut(self.input_len()));
        for (d_output, d_input) in blocks {
            for_channel_groups!(self.in_channels, self.input_gradient_channels(weight, d_output, d_input));
        }
    }

    /// [`Convolution::input_gradient`] for the input channels i = first … first + N − 1.
    fn input_gradient_channels<const N: usize>(
        &self,
        first: usize,
        weight: &[f32],
        d_output: &[Lanes],
        d_input: &mut [Lanes],
    ) {
        for (y, rows) in self.rows.of_input.iter().enumerate() {
            for (x, columns) in self.columns.of_input.iter().enumerate() {
                let mut sums = [Lanes::ZERO; N];
                for o in 0..self.out_channels {
                    for &Link(u, r) in rows {
                        let d_output = self.output_row(d_output, o, r);
                        let weights: [_; N] = array::from_fn(|n| self.weight_row(weight, o, first + n, u));
                        for &Link(v, c) in columns {
                            for (sum, weight) in sums.iter_mut().zip(weights) {
                                sum.add_scaled(weight[v], &d_output[c]);
                            }
                        }
                    }
                }
                for (n, sum) in sums.into_iter().enumerate() {
                    d_input[((first + n) * self.rows.inputs + y) * self.columns.inputs + x] = sum;
                }
            }
        }
    }

    /// ∂L/∂weight\[o, i, u, v] += Σ over samples, r and c of ∂L/∂out\[o, r, c] · in\[i, y, x]
    pub(super) fn weight_gradient(&self, input: &[Lanes], d_output: &[Lanes], d_weight: &mut [f64]) {
        let blocks = input.chunks_exact(self.input_len()).zip(d_output.chunks_exact(self.output_len()));
        for (input, d_output) in blocks {
            for_channel_groups!(self.out_channels, self.weight_gradient_channels(input, d_output, d_weight));
        }
    }

    /// [`Convolution::weight_gradient`] for the output channels o = first … first + N − 1.
    fn weight_gradient_channels<const N: usize>(
        &self,
        first: usize,
        input: &[Lanes],
        d_output: &[Lanes],
        d_weight: &mut [f64],
    ) {
        for i in 0..self.in_channels {
            for (u, rows) in self.rows.of_kernel.iter().enumerate() {
                for (v, columns) in self.columns.of_kernel.iter().enumerate() {
                    let mut sums = [Lanes::ZERO; N];
                    for &Link(r, y) in rows {
                        let input = self.input_row(input, i, y);
                        let d_outputs: [_; N] = array::from_fn(|n| self.output_row(d_output, first + n, r));
                        for &Link(c, x) in columns {
                            for (sum, d_output) in sums.iter_mut().zip(d_outputs) {
                                sum.add_product(&d_output[c], &input[x]);
                            }
                        }
                    }
                    for (n, sum) in sums.into_iter().enumerate() {
                        let o = first + n;
                        let at = ((o * self.in_channels + i) * self.kernel + u) * self.kernel + v;
                        d_weight[at] += f64::from(sum.total());
                    }
                }
            }
        }
    }

    /// ∂L/∂bias\[o] += Σ over samples, r and c of ∂L/∂out\[o, r, c]
    pub(super) fn bias_gradient(&self, d_output: &[Lanes], d_bias: &mut [f64]) {
        let area = self.rows.outputs * self.columns.outputs;
        for d_output in d_output.chunks_exact(self.output_len()) {
            for (d_bias, d_output) in d_bias.iter_mut().zip(d_output.chunks_exact(area)) {
                *d_bias += sum_over(area, |k| d_output[k]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_skip_the_padding() {
        // Input 0 1 2 with a zero on each side, kernel 3, stride 2: outputs see _01 and 12_.
        let axis = Axis::new(3, 2, 3, 2, 1);
        assert_eq!(axis.of_output, [vec![Link(1, 0), Link(2, 1)], vec![Link(0, 1), Link(1, 2)]]);
        assert_eq!(axis.of_input, [vec![Link(1, 0)], vec![Link(2, 0), Link(0, 1)], vec![Link(1, 1)]]);
        assert_eq!(axis.of_kernel, [vec![Link(1, 1)], vec![Link(0, 0), Link(1, 2)], vec![Link(0, 1)]]);
    }

    #[test]
    fn a_kernel_is_not_flipped() {
        let convolution = Convolution::new((1, 1, 3), (1, 1, 2), 1, 1, 0);
        let input: Vec<Lanes> = [1.0, 2.0, 3.0].map(Lanes::splat).to_vec();
        let mut output = vec![Lanes::ZERO; 2];
        convolution.forward(&[2.0], Some(&[0.5]), &input, &mut output);
        assert_eq!(output, [2.5, 4.5].map(Lanes::splat));
    }
}
