//! The linear (fully connected) layer. Indices: o output, i input feature.

use super::layout::Lanes;

/// The shape of a linear layer.
#[derive(Debug)]
pub(super) struct Linear {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) bias: bool,
}

impl Linear {
    /// out\[o] = bias\[o] + Σᵢ weight\[o, i] · in\[i]; no bias counts as 0.
    pub(super) fn forward(
        &self,
        weight: &[f32],
        bias: Option<&[f32]>,
        input: &[Lanes],
        output: &mut [Lanes],
    ) {
        for (input, output) in input.chunks_exact(self.inputs).zip(output.chunks_exact_mut(self.outputs)) {
            for (o, output) in output.iter_mut().enumerate() {
                let weight = &weight[o * self.inputs..][..self.inputs];
                let mut sum = Lanes::splat(bias.map_or(0.0, |bias| bias[o]));
                for (&weight, input) in weight.iter().zip(input) {
                    sum.add_scaled(weight, input);
                }
                *output = sum;
            }
        }
    }

    /// ∂L/∂in\[i] = Σₒ weight\[o, i] · ∂L/∂out\[o]
    pub(super) fn input_gradient(&self, weight: &[f32], d_output: &[Lanes], d_input: &mut [Lanes]) {
        let blocks = d_output.chunks_exact(self.outputs).zip(d_input.chunks_exact_mut(self.inputs));
        for (d_output, d_input) in blocks {
            for (i, d_input) in d_input.iter_mut().enumerate() {
                let mut sum = Lanes::ZERO;
                for (o, d_output) in d_output.iter().enumerate() {
                    sum.add_scaled(weight[o * self.inputs + i], d_output);
                }
                *d_input = sum;
            }
        }
    }

    /// ∂L/∂weight\[o, i] += Σ over samples of ∂L/∂out\[o] · in\[i]
    pub(super) fn weight_gradient(&self, input: &[Lanes], d_output: &[Lanes], d_weight: &mut [f64]) {
        for (o, d_weight) in d_weight.chunks_exact_mut(self.inputs).enumerate() {
            for (i, d_weight) in d_weight.iter_mut().enumerate() {
                let mut sum = Lanes::ZERO;
                let blocks = input.chunks_exact(self.inputs).zip(d_output.chunks_exact(self.outputs));
                for (input, d_output) in blocks {
                    sum.add_product(&d_output[o], &input[i]);
                }
                *d_weight += f64::from(sum.total());
            }
        }
    }

    /// ∂L/∂bias\[o] += Σ over samples of ∂L/∂out\[o]
    pub(super) fn bias_gradient(&self, d_output: &[Lanes], d_bias: &mut [f64]) {
        for d_output in d_output.chunks_exact(self.outputs) {
            for (d_bias, d_output) in d_bias.iter_mut().zip(d_output) {
                *d_bias += f64::from(d_output.total());
            }
        }
    }
}
