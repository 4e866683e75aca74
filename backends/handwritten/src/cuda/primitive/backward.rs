//! The chain rule, from the loss back to the first stage with parameters.

use trainmark_plugin::Error;

use super::memory::Memory;
use super::network::{Operation, Stage};
use super::pass::Pass;
use crate::cuda::device::{Address, Argument, int};

impl Pass<'_> {
    /// Loss and hit of each sample, and the gradient of the logits, where
    /// [`Pass::backward`] begins.
    pub(super) fn cross_entropy(&self) -> Result<(), Error> {
        let Memory { order, place, batch, .. } = self.memory;
        let logits = batch.values[self.network.stages.len()];
        let arguments = [
            logits.into(),
            self.samples.labels.into(),
            (*order).into(),
            (*place).into(),
            batch.losses.into(),
            batch.hits.into(),
            batch.gradients[0].into(),
            self.count(1)?,
            int(self.network.classes())?,
        ];
        self.over("cross_entropy", self.batch, &arguments)
    }

    /// The gradients of all parameters.
    pub(super) fn backward(&self) -> Result<(), Error> {
        let [mut d_output, mut d_input] = self.memory.batch.gradients;
        let first = self.network.first_trainable;
        for (index, stage) in self.network.stages.iter().enumerate().skip(first).rev() {
            self.parameter_gradients(index, stage, d_output.into())?;
            if index > first && !matches!(stage.operation, Operation::Flatten) {
                self.input_gradient(index, stage, d_output, d_input)?;
                std::mem::swap(&mut d_output, &mut d_input);
            }
        }
        Ok(())
    }

    /// The gradients of the stage's own parameters.
    fn parameter_gradients(&self, index: usize, stage: &Stage, d_output: Argument) -> Result<(), Error> {
        let [input, _] = self.values(index);
        match &stage.operation {
            Operation::Convolution { weights, out_channels, out_area, shape } => {
                let arguments = [input, d_output, self.gradient(stage, 0), self.count(1)?];
                let arguments = [&arguments[..], shape].concat();
                self.sums("convolution_weight_gradient", *weights, &arguments)?;
                self.bias_gradient(stage, d_output, *out_channels, *out_area)
            }
            Operation::Linear => {
                let arguments = [&[input, d_output, self.gradient(stage, 0)][..], &self.sizes(stage)?];
                self.over("linear_weight_gradient", stage.inputs * stage.outputs, &arguments.concat())?;
                self.bias_gradient(stage, d_output, stage.outputs, 1)
            }
            Operation::BatchNorm(norm) => {
                let gradients = [self.gradient(stage, 0), self.gradient(stage, 1)];
                let arguments = [
                    &self.statistics(index)[..],
                    &[input, d_output],
                    &gradients,
                    &self.shape(norm)?,
                    &[norm.epsilon.into()],
                ];
                self.sums("batch_norm_parameter_gradients", norm.channels, &arguments.concat())
            }
            _ => Ok(()),
        }
    }

    fn bias_gradient(
        &self,
        stage: &Stage,
        d_output: Argument,
        channels: usize,
        area: usize,
    ) -> Result<(), Error> {
        let d_bias = self.gradient(stage, 1);
        let arguments = [d_output, d_bias, self.count(1)?, int(channels)?, int(area)?];
        self.sums("bias_gradient", channels, &arguments)
    }

    /// Overwrites `d_input`; the stage's own gradients are there already.
    fn input_gradient(
        &self,
        index: usize,
        stage: &Stage,
        d_output: Address,
        d_input: Address,
    ) -> Result<(), Error> {
        let [input, output] = self.values(index);
        let through: [Argument; 2] = [d_output.into(), d_input.into()];
        let over = |kernel: &'static str, arguments: &[&[Argument]]| {
            self.over(kernel, self.batch * stage.inputs, &arguments.concat())
        };
        match &stage.operation {
            Operation::Convolution { shape, .. } => {
                let weight = self.parameter(stage, 0);
                over("convolution_input_gradient", &[&[weight], &through, &[self.count(1)?], shape])
            }
            Operation::Linear => {
                let weight = self.parameter(stage, 0);
                over("linear_input_gradient", &[&[weight], &through, &self.sizes(stage)?])
            }
            Operation::BatchNorm(norm) => {
                let (gamma, statistics) = (self.parameter(stage, 0), self.statistics(index));
                let own = [self.gradient(stage, 0), self.gradient(stage, 1)];
                let [d_y, d_x] = through;
                let arguments = [&[gamma][..], &statistics, &[input, d_y], &own, &[d_x], &self.shape(norm)?];
                over("batch_norm_input_gradient", &[&arguments.concat(), &[norm.epsilon.into()]])
            }
            Operation::Activation { backward, .. } => {
                over(backward, &[&[output], &through, &[self.count(stage.inputs)?]])
            }
            Operation::MaxPool { channels, shape } => {
                over("max_pool_backward", &[&[input, output], &through, &[self.count(*channels)?], shape])
            }
            Operation::AveragePool { channels, shape } => {
                over("average_pool_backward", &[&through, &[self.count(*channels)?], shape])
            }
            Operation::Resize { channels, shape } => {
                over("resize_backward", &[&through, &[self.count(*channels)?], shape])
            }
            Operation::Flatten => Ok(()),
        }
    }
}
