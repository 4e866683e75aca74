//! Burn since 0.22, where an engine is a value.

use burn::tensor::{DataError, ExecutionError, TensorData};

pub(crate) use burn::nn::conv::Conv2d;
pub(crate) use burn::nn::loss::CrossEntropyLoss;
pub(crate) use burn::nn::{BatchNorm, Linear};
pub(crate) use burn::optim::ModuleOptimizer as Sgd;
pub(crate) use burn::optim::ModuleOptimizer as Adam;
pub(crate) use burn::tensor::{Device, Int, Tensor};

/// Named, since Burn's default device is what `BURN_DEVICE` says.
#[cfg(feature = "flex")]
pub(crate) fn flex() -> Device {
    Device::flex()
}

/// The device on which operations are recorded to be differentiated.
pub(crate) fn training(device: &Device) -> Device {
    device.clone().autodiff()
}

pub(crate) fn is_training(device: &Device) -> bool {
    device.is_autodiff()
}

pub(crate) fn seed(device: &Device, seed: u64) {
    device.seed(seed);
}

pub(crate) fn sync(device: &Device) -> Result<(), ExecutionError> {
    device.sync()
}

/// A tensor of the plain device.
pub(crate) fn plain<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    tensor.without_autodiff()
}

pub(crate) fn plain_numbers(tensor: Tensor<1, Int>) -> Tensor<1, Int> {
    tensor.without_autodiff()
}

pub(crate) fn read(data: TensorData) -> Result<Vec<f32>, DataError> {
    data.try_into_vec()
}

/// What Vulkan reaches.
#[cfg(feature = "wgpu")]
pub(crate) mod vulkan {
    use burn::tensor::wgpu::{WgpuBackend, WgpuInitError};

    pub(crate) use burn::tensor::DeviceKind;
    pub(crate) use burn::tensor::wgpu::wgpu::{Backends, DeviceType, Instance, InstanceDescriptor};

    use super::Device;

    /// # Errors
    /// Where there is none of that kind, or it refuses.
    pub(crate) fn open(kind: DeviceKind) -> Result<Device, WgpuInitError> {
        Device::wgpu_options().device_kind(kind).graphics_api(WgpuBackend::Vulkan).init()
    }
}
