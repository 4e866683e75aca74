//! The hand-written backend on NVIDIA's GPUs.
//!
//! [`device`] runs kernels; `kernels/` holds their sources, one set for the GPU and for the
//! emulator of the tests; [`primitive`] is the readable implementation, [`fused`] the fast one.

#[cfg(feature = "cuda")]
mod backend;
mod data;
pub(crate) mod device;
pub(crate) mod fused;
#[cfg(test)]
mod kernel_names;
pub(crate) mod primitive;
pub(crate) mod switches;

#[cfg(feature = "cuda")]
pub use backend::{HandwrittenCuda, KernelTime, time_kernels};
