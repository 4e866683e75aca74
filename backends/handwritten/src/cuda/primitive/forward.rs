//! The forward pass: a launch per stage, two for a batch norm in training.

use trainmark_plugin::Error;

use super::memory::Memory;
use super::network::{BatchNorm, Operation, Stage};
use super::pass::Pass;
use crate::cuda::device::{Argument, int};

/// Whose statistics batch norm uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Training,
    Prediction,
}

impl Pass<'_> {
    /// From the data set to the logits.
    pub(super) fn forward(&self, mode: Mode) -> Result<(), Error> {
        let Memory { order, place, batch, .. } = self.memory;
        let inputs = self.network.inputs;
        let arguments = [
            self.samples.pixels.into(),
            (*order).into(),
            (*place).into(),
            batch.values[0].into(),
            self.count(1)?,
            int(inputs)?,
        ];
        self.over("gather", self.batch * inputs, &arguments)?;
        for (index, stage) in self.network.stages.iter().enumerate() {
            self.stage_forward(index, stage, mode)?;
        }
        Ok(())
    }

    fn stage_forward(&self, index: usize, stage: &Stage, mode: Mode) -> Result<(), Error> {
        let [input, output] = self.values(index);
        let weight_and_bias = || [self.parameter(stage, 0), self.parameter(stage, 1)];
        let over = |kernel: &'static str, arguments: &[&[Argument]]| {
            self.over(kernel, self.batch * stage.outputs, &arguments.concat())
        };
        match &stage.operation {
            Operation::Convolution { shape, .. } => {
                over("convolution_forward", &[&weight_and_bias(), &[input, output, self.count(1)?], shape])
            }
            Operation::Linear => {
                over("linear_forward", &[&weight_and_bias(), &[input, output], &self.sizes(stage)?])
            }
            Operation::BatchNorm(norm) => self.batch_norm_forward(index, stage, norm, mode),
            Operation::Activation { forward, .. } => {
                over(forward, &[&[input, output, self.count(stage.outputs)?]])
            }
            Operation::MaxPool { channels, shape } => {
                over("max_pool_forward", &[&[input, output, self.count(*channels)?], shape])
            }
            Operation::AveragePool { channels, shape } => {
                over("average_pool_forward", &[&[input, output, self.count(*channels)?], shape])
            }
            Operation::Resize { channels, shape } => {
                over("resize_forward", &[&[input, output, self.count(*channels)?], shape])
            }
            Operation::Flatten => Ok(()),
        }
    }

    fn batch_norm_forward(
        &self,
        index: usize,
        stage: &Stage,
        norm: &BatchNorm,
        mode: Mode,
    ) -> Result<(), Error> {
        let ([x, y], shape) = (self.values(index), self.shape(norm)?);
        let statistics = match mode {
            Mode::Prediction => [self.parameter(stage, 2), self.parameter(stage, 3)],
            Mode::Training => {
                let statistics = self.statistics(index);
                let arguments = [&[x][..], &statistics, &shape].concat();
                self.sums("batch_norm_statistics", norm.channels, &arguments)?;
                statistics
            }
        };
        let gamma_and_beta = [self.parameter(stage, 0), self.parameter(stage, 1)];
        let arguments = [&gamma_and_beta[..], &statistics, &[x, y], &shape, &[norm.epsilon.into()]];
        self.over("batch_norm_forward", self.batch * stage.outputs, &arguments.concat())
    }
}
