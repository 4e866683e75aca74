//! The devices of this build: the CPU, or with the feature `cuda` NVIDIA's GPUs.

use candle_core::Device;
use trainmark_plugin::{Device as Listed, Error};

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

/// # Errors
/// `device` where it cannot be used.
pub(crate) fn open(id: &str) -> Result<Device, Error> {
    #[cfg(feature = "cuda")]
    if let Some(ordinal) = id.strip_prefix("cuda:") {
        return cuda::open(ordinal);
    }
    debug_assert_eq!(id, "cpu", "the caller has checked it");
    Ok(Device::Cpu)
}

#[cfg(not(feature = "cuda"))]
fn gpus() -> Vec<Listed> {
    Vec::new()
}

#[cfg(feature = "cuda")]
use cuda::gpus;

#[cfg(feature = "cuda")]
mod cuda {
    use candle_core::Device;
    use candle_core::cuda_backend::cudarc::driver::result::{self, device};
    use candle_core::cuda_backend::cudarc::driver::sys::CUdevice_attribute as Attribute;
    use candle_core::cuda_backend::cudarc::driver::sys::CUresult;
    use trainmark_plugin::{Device as Listed, Error};

    use crate::failure::Failure;

    /// That of the kernels, such as 90.
    const COMPILED_FOR: &str = env!("TRAINMARK_COMPUTE_CAP");

    /// One entry without a usable device, which says why.
    pub(super) fn gpus() -> Vec<Listed> {
        match count() {
            Ok(count) => (0..count)
                .map(|ordinal| match unfit(ordinal) {
                    None => Listed::available(format!("cuda:{ordinal}")),
                    Some(why) => Listed::unavailable(format!("cuda:{ordinal}"), why),
                })
                .collect(),
            Err(why) => vec![Listed::unavailable("cuda:0", why)],
        }
    }

    /// At least 1.
    fn count() -> Result<i32, String> {
        match result::init().and_then(|()| device::get_count()) {
            Ok(0) => Err("the NVIDIA driver finds no GPU; `nvidia-smi` lists those that there are".into()),
            Ok(count) => Ok(count),
            // What the plugin is linked with answers so (scripts/cuda-toolkit/stubs.sh).
            Err(error) if error.0 == CUresult::CUDA_ERROR_STUB_LIBRARY => {
                Err("no NVIDIA driver is here (libcuda.so.1); install one for CUDA 13, 580 or later".into())
            }
            Err(error) => Err(format!("the NVIDIA driver does not start: {error}; see `nvidia-smi`")),
        }
    }

    /// Why a device cannot run this build's kernels.
    fn unfit(ordinal: i32) -> Option<String> {
        let attribute = |attribute| {
            let device = device::get(ordinal)?;
            // SAFETY: `device` is a device of this driver.
            unsafe { device::get_attribute(device, attribute) }
        };
        let capability =
            attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR).and_then(|major| {
                let minor = attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?;
                Ok(10 * major + minor)
            });
        match capability {
            Ok(capability) => COMPILED_FOR.parse().is_ok_and(|compiled| !runs(compiled, capability)).then(|| {
                format!(
                    "the device's compute capability is {capability}, the kernels are compiled for {COMPILED_FOR}; \
                     build again on this machine, or with CUDA_COMPUTE_CAP={capability}"
                )
            }),
            Err(error) => Some(format!("the NVIDIA driver does not describe it: {error}; see `nvidia-smi`")),
        }
    }

    /// From Hopper on, candle-kernels is compiled for one architecture alone (`sm_90a`).
    fn runs(compiled: i32, capability: i32) -> bool {
        capability == compiled || compiled < 90 && compiled < capability
    }

    pub(super) fn open(ordinal: &str) -> Result<Device, Error> {
        let id = format!("cuda:{ordinal}");
        let listed = gpus();
        let known = listed.iter().find(|device| device.id == id);
        if let Some(why) = known.and_then(|device| device.unavailable.as_ref()) {
            return Err(Error::device(format!("{id}: {why}")));
        }
        let ordinal = ordinal.parse().map_err(|_| Error::device(format!("no device {id}")))?;
        // The default, said once more: no product in TF32.
        candle_core::cuda_backend::set_gemm_reduced_precision_f32(false);
        Device::new_cuda(ordinal).while_doing(&format!("open {id}"))
    }
}
