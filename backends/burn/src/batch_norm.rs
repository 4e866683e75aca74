//! Batch norm from elementary tensor operations.

use burn::module::{Module, Param, RunningState};
#[cfg(before_0_22)]
use burn::{Dispatch, tensor::backend::Backend};

use crate::engine::{Device, Tensor, is_training};

/// How batch norm is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Implementation {
    /// From elementary tensor operations: [`Primitive`].
    Primitive,
    /// `burn::nn::BatchNorm`.
    Builtin,
}

/// The d2l.ai chapter's formulas, with the frameworks' running variance: it starts at 1 and
/// takes in the unbiased variance of the batch.
#[cfg(not(before_0_22))]
#[derive(Module, Debug)]
pub(crate) struct Primitive {
    pub(crate) gamma: Param<Tensor<1>>,
    pub(crate) beta: Param<Tensor<1>>,
    pub(crate) running_mean: RunningState<Tensor<1>>,
    pub(crate) running_variance: RunningState<Tensor<1>>,
    epsilon: f64,
    momentum: f64,
}

/// The same, as before 0.22 a module was declared.
#[cfg(before_0_22)]
#[derive(Module, Debug)]
pub(crate) struct Primitive<B: Backend = Dispatch> {
    pub(crate) gamma: Param<burn::tensor::Tensor<B, 1>>,
    pub(crate) beta: Param<burn::tensor::Tensor<B, 1>>,
    pub(crate) running_mean: RunningState<burn::tensor::Tensor<B, 1>>,
    pub(crate) running_variance: RunningState<burn::tensor::Tensor<B, 1>>,
    epsilon: f64,
    momentum: f64,
}

impl Primitive {
    pub(crate) fn new(channels: usize, epsilon: f64, momentum: f64, device: &Device) -> Self {
        Self {
            gamma: Param::from_tensor(Tensor::ones([channels], device)),
            beta: Param::from_tensor(Tensor::zeros([channels], device)),
            running_mean: RunningState::new(Tensor::zeros([channels], device)),
            running_variance: RunningState::new(Tensor::ones([channels], device)),
            epsilon,
            momentum,
        }
    }

    /// Of samples × channels × height × width, with the batch's statistics where the tensor
    /// is one of a training device.
    pub(crate) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [samples, channels, height, width] = x.dims();
        let column = |values: Tensor<1>| values.reshape([1, channels, 1, 1]);
        let (centred, variance) = if is_training(&x.device()) {
            let mean = x.clone().mean_dims(&[0, 2, 3]);
            let centred = x - mean.clone();
            let variance = centred.clone().square().mean_dims(&[0, 2, 3]);
            self.update(&self.running_mean, mean);
            self.update(&self.running_variance, variance.clone() * unbiased(samples * height * width));
            (centred, variance)
        } else {
            let mean = column(self.running_mean.value_sync());
            (x - mean, column(self.running_variance.value_sync()))
        };
        // γ/√(variance + ε) is computed per channel, so that each value is multiplied once.
        let scale = column(self.gamma.val()) / (variance + self.epsilon).sqrt();
        centred * scale + column(self.beta.val())
    }

    /// running ← (1 − momentum)·running + momentum·batch, detached: otherwise each step
    /// would keep the graph of all steps before it.
    fn update(&self, running: &RunningState<Tensor<1>>, batch: Tensor<4>) {
        let [_, channels, _, _] = batch.dims();
        let batch = batch.detach().reshape([channels]) * self.momentum;
        running.update(running.value_sync() * (1.0 - self.momentum) + batch);
    }
}

/// What makes the variance of so many values an unbiased one: n/(n − 1), and 1 for one value.
fn unbiased(count: usize) -> f64 {
    count as f64 / count.saturating_sub(1).max(1) as f64
}
