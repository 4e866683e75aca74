//! Burn's engine, and the names of Burn that differ from version to version: the rest of
//! the crate takes them from here.

use burn::tensor::TensorData;
pub(crate) use burn::tensor::{Device, Int, Tensor};
use trainmark_plugin::Error;

/// flex as two devices of Burn: operations on tensors of the one are recorded to be
/// differentiated, and modules on it are in training; on the other neither.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    pub(crate) training: Device,
    pub(crate) predicting: Device,
}

impl Engine {
    /// Named, since Burn's default device is what `BURN_DEVICE` says.
    pub(crate) fn flex() -> Self {
        let predicting = Device::flex();
        Self { training: predicting.clone().autodiff(), predicting }
    }

    /// Waits until all work is done.
    ///
    /// # Errors
    /// What Burn reports.
    pub(crate) fn finish(&self) -> Result<(), Error> {
        self.predicting.sync().map_err(|failure| Error::failed(format!("burn cannot finish: {failure}")))
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
    let data = tensor.into_data();
    data.try_into_vec::<f32>()
        .map_err(|failure| Error::failed(format!("burn cannot read a tensor: {failure}")))
}

/// A tensor's whole numbers.
pub(crate) fn numbers(tensor: Tensor<1, Int>) -> Vec<i64> {
    tensor.into_data().iter::<i64>().collect()
}
