//! The hand-written backend on CUDA.
//!
//! The interface between the parts:
//! - [`device::Device`] runs kernels; sessions hold a `Box<dyn Device>`.
//! - `primitive::open(device, request, running_variance)` and
//!   `fused::open(device, request)` make sessions of it;
//!   `fused::fits(&model)` says whether a model can be fused, and
//!   `fused::RUNNING_VARIANCE` which convention it follows. (Models that cannot run through
//!   `primitive` with that convention.)
//! - [`data::Samples`] is a split on the device.

mod data;
pub(crate) mod device;
mod fused;
mod primitive;
