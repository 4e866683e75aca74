//! The devices of this build, by Burn's engines: the processor by flex, and with the feature `wgpu`
//! what Vulkan reaches.

use trainmark_plugin::{Device as Listed, Error};

#[cfg(feature = "wgpu")]
use crate::adapters;
use crate::engine::Device;
#[cfg(feature = "flex")]
use crate::engine::flex;

/// Of this build.
pub(crate) const ENGINE: &str = if cfg!(feature = "wgpu") { "wgpu" } else { "flex" };

/// Every device of this build on this machine, and why it cannot be used.
pub(crate) fn list() -> Vec<Listed> {
    let mut devices = Vec::new();
    #[cfg(feature = "flex")]
    devices.extend([Listed::available("cpu"), Listed::unavailable("cuda:0", NO_CUDA)]);
    #[cfg(feature = "wgpu")]
    devices.extend(adapters::list());
    devices
}

/// One of them, as Burn names it.
///
/// # Errors
/// Where it cannot be had.
pub(crate) fn open(id: &str) -> Result<Device, Error> {
    #[cfg(feature = "flex")]
    if id == "cpu" {
        return Ok(flex());
    }
    #[cfg(feature = "wgpu")]
    if id.starts_with("wgpu:") {
        return adapters::open(id);
    }
    Err(Error::device(format!("{id} cannot be used: it is no device of this build")))
}

#[cfg(all(feature = "flex", before_0_22))]
const NO_CUDA: &str = "with Burn before 0.22 this backend is not built for CUDA";

/// Its compiler for GPUs is LLVM's, of which the crate tracel-llvm-bundler fetches a build.
#[cfg(all(feature = "flex", not(before_0_22)))]
const NO_CUDA: &str = concat!(
    "burn ",
    env!("BURN_VERSION"),
    " cannot be built for CUDA from published sources alone: its build downloads a compiled LLVM; \
     backends/burn/README.md says what was tried"
);
