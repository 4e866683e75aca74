//! The devices of this build: the CPU, or with the feature `cuda` NVIDIA's GPUs.

use candle_core::Device;
#[cfg(feature = "cuda")]
use trainmark_plugin::cuda;
use trainmark_plugin::{Device as Listed, Error};

#[cfg(feature = "cuda")]
use crate::failure::Failure;

/// Whether this build computes on the CPU: the other one is the CPU artifact's double
/// there, and only its tests use it.
#[cfg(any(test, not(feature = "cuda")))]
const CPU: bool = true;
#[cfg(all(feature = "cuda", not(test)))]
const CPU: bool = false;

/// Every device of this build on this machine, and why it cannot be used.
pub(crate) fn list() -> Vec<Listed> {
    let cpu = CPU.then(|| Listed::available("cpu"));
    cpu.into_iter().chain(gpus()).collect()
}

/// Opens one of those that can be used.
///
/// # Errors
/// What Candle reports.
pub(crate) fn open(id: &str) -> Result<Device, Error> {
    #[cfg(feature = "cuda")]
    if let Some(ordinal) = cuda::ordinal(id) {
        // The default, said once more: no product in TF32.
        candle_core::cuda_backend::set_gemm_reduced_precision_f32(false);
        let device = Device::new_cuda(ordinal).while_doing(&format!("open {id}"))?;
        // What dropout draws from; those of the CPU have no seed.
        device.set_seed(1).while_doing("seed the random numbers")?;
        return Ok(device);
    }
    debug_assert_eq!(id, "cpu", "the caller has checked it");
    Ok(Device::Cpu)
}

#[cfg(not(feature = "cuda"))]
fn gpus() -> Vec<Listed> {
    Vec::new()
}

#[cfg(feature = "cuda")]
fn gpus() -> Vec<Listed> {
    /// That of the kernels, such as 90.
    const COMPILED_FOR: &str = env!("TRAINMARK_COMPUTE_CAP");
    // From Hopper on, candle-kernels is compiled for one architecture alone (`sm_90a`).
    let fits = |capability| {
        cuda::check_kernels(COMPILED_FOR, capability, |compiled, capability| {
            capability == compiled || compiled < 90 && compiled < capability
        })
    };
    cuda::devices(cuda::Driver::start(13), fits)
}
