//! Burn's engine, and the names of Burn that differ from version to version: the rest of
//! the crate takes them from here.

#[cfg(before_0_22)]
mod before_0_22;
#[cfg(not(before_0_22))]
mod since_0_22;

use burn::tensor::TensorData;
use trainmark_plugin::Error;

#[cfg(before_0_22)]
use before_0_22 as names;
#[cfg(not(before_0_22))]
use since_0_22 as names;

#[cfg(feature = "flex")]
pub(crate) use names::flex;
#[cfg(feature = "wgpu")]
pub(crate) use names::vulkan;
pub(crate) use names::{
    Adam, BatchNorm, Conv2d, CrossEntropyLoss, Device, Int, Linear, Sgd, Tensor, is_training, plain,
    plain_numbers, seed,
};

/// An engine's device as two of Burn's: operations on tensors of the one are recorded to be
/// differentiated, and modules on it are in training; on the other neither.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    pub(crate) training: Device,
    pub(crate) predicting: Device,
}

impl Engine {
    pub(crate) fn on(predicting: Device) -> Self {
        Self { training: names::training(&predicting), predicting }
    }

    /// Waits until all work is done.
    ///
    /// # Errors
    /// What Burn reports.
    pub(crate) fn finish(&self) -> Result<(), Error> {
        names::sync(&self.predicting)
            .map_err(|failure| Error::failed(format!("burn cannot finish: {failure}")))
    }
}

/// A tensor of row-major values.
pub(crate) fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Places, or classes of samples.
pub(crate) fn indices(values: impl Iterator<Item = usize>, device: &Device) -> Tensor<1, Int> {
    let values: Vec<i32> = values.map(|value| value as i32).collect();
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), device)
}

/// A tensor's values, row-major.
///
/// # Errors
/// Where they are no float32.
pub(crate) fn values<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, Error> {
    names::read(tensor.into_data())
        .map_err(|failure| Error::failed(format!("burn cannot read a tensor: {failure}")))
}

/// A tensor's whole numbers.
pub(crate) fn numbers(tensor: Tensor<1, Int>) -> Vec<i64> {
    tensor.into_data().iter::<i64>().collect()
}
