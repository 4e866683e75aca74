//! The kernels of a stage one by one, over all blocks that were trained last.

use super::{Convolution, Gradient, Lanes};

impl<V: Lanes> Convolution<V> {
    fn blocks(&self) -> usize {
        self.largest.len() / self.stage.outputs()
    }

    pub(in crate::fused) fn time_forward(&mut self, input: &[V]) {
        for block in 0..self.blocks() {
            let input = &input[block * self.stage.inputs()..][..self.stage.inputs()];
            self.convolve(block, V::COUNT, input, true);
        }
    }

    pub(in crate::fused) fn time_activation(&self, output: &mut [V]) {
        self.activate(output);
    }

    pub(in crate::fused) fn time_deactivation(&mut self, output: &[V], d_output: &mut [V]) {
        self.deactivate(output, d_output);
    }

    /// With the way back through pooling and batch norm, which makes what it reads.
    pub(in crate::fused) fn time_weight_gradient(&mut self, input: &[V], d_z: &[V]) {
        let gradients = vec![Gradient::IDENTITY; self.stage.out_channels];
        self.d_weight.resize(self.stage.out_channels * self.stage.inputs_of_an_output(), V::zero());
        for block in 0..self.blocks() {
            let input = &input[block * self.stage.inputs()..][..self.stage.inputs()];
            let d_z = &d_z[block * self.stage.outputs()..][..self.stage.outputs()];
            self.block_backward(block, V::COUNT, &gradients, input, d_z, None);
        }
    }

    pub(in crate::fused) fn time_input_gradient(&mut self, d_input: &mut [V]) {
        self.d_before.resize(self.stage.out_channels * self.stage.area(), V::zero());
        for d_input in d_input.chunks_exact_mut(self.stage.inputs()) {
            self.input_gradient(d_input);
        }
    }
}
