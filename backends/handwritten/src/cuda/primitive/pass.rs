//! One batch on its way through the network, and what forward and backward have in common.

use trainmark_plugin::{Error, RunningVariance};

use super::forward::Mode;
use super::memory::{Memory, Statistics};
use super::network::{BatchNorm, Network, Operation, Stage};
use crate::cuda::data::DeviceSamples;
use crate::cuda::device::{Address, Argument, Device, Launch, int};

/// `THREADS` in `kernels/primitive/block_sum.cuh`.
const SUM_THREADS: u32 = 256;

/// A batch: its first sample is at `place` of the order in the device's memory.
#[derive(Clone, Copy)]
pub(super) struct Pass<'p> {
    pub(super) device: &'p dyn Device,
    pub(super) network: &'p Network,
    pub(super) memory: &'p Memory,
    pub(super) samples: &'p DeviceSamples,
    /// Samples of the batch.
    pub(super) batch: usize,
}

impl Pass<'_> {
    /// A training step, from the data set to the updated parameters and the totals.
    pub(super) fn step(&self, convention: RunningVariance, rate: f32) -> Result<(), Error> {
        self.forward(Mode::Training)?;
        self.cross_entropy()?;
        self.backward()?;
        self.update_running_statistics(convention)?;
        let Memory { parameters, gradients, .. } = *self.memory;
        let count = self.network.parameters();
        if count > 0 {
            let arguments = [parameters.into(), gradients.into(), int(count)?, rate.into()];
            self.over("descend", count, &arguments)?;
        }
        let (losses, hits) = (self.memory.batch.losses, self.memory.batch.hits);
        let arguments = [losses.into(), hits.into(), self.memory.totals.into(), self.count(1)?];
        self.sums("score", 1, &arguments)?;
        self.advance()
    }

    /// From the data set to the kept logits.
    pub(super) fn prediction(&self) -> Result<(), Error> {
        self.forward(Mode::Prediction)?;
        let Memory { place, logits, batch, .. } = self.memory;
        let (last, classes) = (batch.values[self.network.stages.len()], self.network.classes());
        let arguments = [last.into(), (*place).into(), (*logits).into(), self.count(1)?, int(classes)?];
        self.over("keep_logits", self.batch * classes, &arguments)?;
        self.advance()
    }

    /// The batch that follows is the next one of the order.
    fn advance(&self) -> Result<(), Error> {
        let arguments = [self.memory.place.into(), self.count(1)?];
        self.device.launch(&Launch::blocks("advance", 1, 1, &arguments))
    }

    /// running ← (1 − momentum)·running + momentum·batch. The frameworks' running variance
    /// is the unbiased one, var·m/(m − 1) (var itself where m = 1); the chapter's is the
    /// biased one.
    fn update_running_statistics(&self, convention: RunningVariance) -> Result<(), Error> {
        for (stage, statistics) in self.network.stages.iter().zip(&self.memory.batch.statistics) {
            let Operation::BatchNorm(norm) = &stage.operation else { continue };
            let values = (self.batch * norm.area) as f64;
            let correction = convention.correction(values);
            let arguments = [
                statistics.mean.into(),
                statistics.variance.into(),
                self.parameter(stage, 2),
                self.parameter(stage, 3),
                int(norm.channels)?,
                norm.momentum.into(),
                (correction as f32).into(),
            ];
            self.over("batch_norm_running", norm.channels, &arguments)?;
        }
        Ok(())
    }

    /// Launches a thread for each of so many values.
    pub(super) fn over(
        &self,
        kernel: &'static str,
        values: usize,
        arguments: &[Argument],
    ) -> Result<(), Error> {
        self.device.launch(&Launch::over(kernel, values, arguments))
    }

    /// Launches a block for each of so many sums.
    pub(super) fn sums(
        &self,
        kernel: &'static str,
        sums: usize,
        arguments: &[Argument],
    ) -> Result<(), Error> {
        self.device.launch(&Launch::blocks(kernel, sums, SUM_THREADS, arguments))
    }

    /// So many times the samples of the batch, as a kernel's argument.
    pub(super) fn count(&self, per_sample: usize) -> Result<Argument, Error> {
        int(self.batch * per_sample)
    }

    /// One of the stage's own tensors.
    pub(super) fn parameter(&self, stage: &Stage, tensor: usize) -> Argument {
        self.memory.parameters.words(stage.tensors[tensor]).into()
    }

    /// Its gradient.
    pub(super) fn gradient(&self, stage: &Stage, tensor: usize) -> Argument {
        self.memory.gradients.words(stage.tensors[tensor]).into()
    }

    /// Mean and variance of the batch, as a stage's kernels take them.
    pub(super) fn statistics(&self, stage: usize) -> [Argument; 2] {
        let Statistics { mean, variance } = self.memory.batch.statistics[stage];
        [mean.into(), variance.into()]
    }

    /// Samples, channels and units per channel, as a batch norm's kernels take them.
    pub(super) fn shape(&self, norm: &BatchNorm) -> Result<[Argument; 3], Error> {
        Ok([self.count(1)?, int(norm.channels)?, int(norm.area)?])
    }

    /// Samples, inputs and outputs, as a linear layer's kernels take them.
    pub(super) fn sizes(&self, stage: &Stage) -> Result<[Argument; 3], Error> {
        Ok([self.count(1)?, int(stage.inputs)?, int(stage.outputs)?])
    }

    /// A stage's input and output.
    pub(super) fn values(&self, stage: usize) -> [Argument; 2] {
        let address = |index: usize| -> Address { self.memory.batch.values[index] };
        [address(stage).into(), address(stage + 1).into()]
    }
}
