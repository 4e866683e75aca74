//! Burn before 0.22, whose types have the engine as a parameter. It is Burn's dispatcher, to which, as
//! since 0.22, the engine is a value.

use burn::tensor::backend::{Backend, ExecutionError};
use burn::tensor::{DataError, Float, TensorData};
use burn::{Dispatch, DispatchDevice};

pub(crate) use burn::DispatchDevice as Device;
pub(crate) use burn::tensor::Int;

use crate::network::Network;

pub(crate) type Tensor<const D: usize, K = Float> = burn::tensor::Tensor<Dispatch, D, K>;
pub(crate) type Conv2d = burn::nn::conv::Conv2d<Dispatch>;
pub(crate) type CrossEntropyLoss = burn::nn::loss::CrossEntropyLoss<Dispatch>;
pub(crate) type BatchNorm = burn::nn::BatchNorm<Dispatch>;
pub(crate) type Linear = burn::nn::Linear<Dispatch>;
type Adapted<O> = burn::optim::adaptor::OptimizerAdaptor<O, Network, Dispatch>;
pub(crate) type Sgd = Adapted<burn::optim::Sgd<Dispatch>>;
pub(crate) type Adam = Adapted<burn::optim::Adam>;

#[cfg(feature = "flex")]
pub(crate) fn flex() -> Device {
    DispatchDevice::Flex(burn::backend::flex::FlexDevice)
}

/// The device on which operations are recorded to be differentiated.
pub(crate) fn training(device: &Device) -> Device {
    DispatchDevice::autodiff(device.clone())
}

pub(crate) fn is_training(device: &Device) -> bool {
    Dispatch::ad_enabled(device)
}

pub(crate) fn seed(device: &Device, seed: u64) {
    Dispatch::seed(device, seed);
}

pub(crate) fn sync(device: &Device) -> Result<(), ExecutionError> {
    Dispatch::sync(device)
}

/// A tensor of the plain device.
pub(crate) fn plain<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    tensor.inner()
}

pub(crate) fn plain_numbers(tensor: Tensor<1, Int>) -> Tensor<1, Int> {
    tensor.inner()
}

pub(crate) fn read(data: TensorData) -> Result<Vec<f32>, DataError> {
    data.into_vec()
}
