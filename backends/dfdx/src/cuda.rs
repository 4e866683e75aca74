//! NVIDIA's GPUs: which there are, and what dfdx reports of them.

use cudarc::cublas::sys::cublasStatus_t;
use cudarc::driver::result::{self, device};
use cudarc::driver::sys::{CUdevice_attribute as Attribute, CUresult};
use dfdx::prelude::Cpu;
use dfdx::tensor::{Cuda, CudaError};
use trainmark_plugin::{Device, Error};

use crate::machine::Machine;

/// That of the kernels, such as 90.
const COMPILED_FOR: &str = env!("TRAINMARK_COMPUTE_CAP");

impl Machine for Cuda {
    fn failure(error: CudaError) -> Error {
        let memory = |error: &dyn std::fmt::Debug| {
            let next = "use smaller batches, or end what else holds the GPU's memory";
            Error::out_of_memory(format!("dfdx: {error:?}; {next}"))
        };
        match error {
            CudaError::Cpu(error) => Cpu::failure(error),
            CudaError::Blas(error) if error.0 == cublasStatus_t::CUBLAS_STATUS_ALLOC_FAILED => memory(&error),
            CudaError::Driver(error) if error.0 == CUresult::CUDA_ERROR_OUT_OF_MEMORY => memory(&error),
            CudaError::Driver(error) => match advice(error.0) {
                Some(next) => Error::device(format!("dfdx: {error:?}; {next}")),
                None => Error::failed(format!("dfdx: {error:?}")),
            },
            error => Error::failed(format!("dfdx: {error:?}")),
        }
    }
}

/// What to do about an error that the device or the driver is to blame for.
fn advice(error: CUresult) -> Option<&'static str> {
    Some(match error {
        CUresult::CUDA_ERROR_UNSUPPORTED_PTX_VERSION => {
            "the NVIDIA driver is older than CUDA 13: install 580 or later"
        }
        CUresult::CUDA_ERROR_NO_BINARY_FOR_GPU | CUresult::CUDA_ERROR_INVALID_PTX => {
            "build again on this machine: its GPU is not what the kernels are for"
        }
        CUresult::CUDA_ERROR_NO_DEVICE | CUresult::CUDA_ERROR_INVALID_DEVICE => {
            "`nvidia-smi` lists the GPUs that there are"
        }
        CUresult::CUDA_ERROR_DEVICE_UNAVAILABLE => "another process holds the GPU: see `nvidia-smi`",
        CUresult::CUDA_ERROR_SYSTEM_DRIVER_MISMATCH => {
            "the driver's parts are of different versions: restart the machine"
        }
        CUresult::CUDA_ERROR_ECC_UNCORRECTABLE => "the GPU's memory failed: see `nvidia-smi`",
        CUresult::CUDA_ERROR_LAUNCH_FAILED => {
            "the GPU is lost to this process: see `nvidia-smi` and the kernel's log"
        }
        _ => return None,
    })
}

/// One entry without a usable device, which says why.
pub(crate) fn gpus() -> Vec<Device> {
    match count() {
        Ok(count) => (0..count)
            .map(|ordinal| match unfit(ordinal) {
                None => Device::available(format!("cuda:{ordinal}")),
                Some(why) => Device::unavailable(format!("cuda:{ordinal}"), why),
            })
            .collect(),
        Err(why) => vec![Device::unavailable("cuda:0", why)],
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
        Err(error) => Err(format!("the NVIDIA driver does not start: {error:?}; see `nvidia-smi`")),
    }
}

/// Why a device cannot run this build's kernels.
fn unfit(ordinal: i32) -> Option<String> {
    let attribute = |attribute| {
        let device = device::get(ordinal)?;
        // SAFETY: `device` is a device of this driver.
        unsafe { device::get_attribute(device, attribute) }
    };
    let capability = attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR).and_then(|major| {
        let minor = attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?;
        Ok(10 * major + minor)
    });
    match capability {
        Ok(capability) => COMPILED_FOR.parse().is_ok_and(|compiled: i32| capability < compiled).then(|| {
            format!(
                "the device's compute capability is {capability}, the kernels are compiled for {COMPILED_FOR}; \
                 build again on this machine, or with CUDA_COMPUTE_CAP={capability}"
            )
        }),
        Err(error) => Some(format!("the NVIDIA driver does not describe it: {error:?}; see `nvidia-smi`")),
    }
}

/// Opens `cuda:0`, `cuda:1`, …
///
/// # Errors
/// `device` where it is not there or cannot be used; dfdx would panic.
pub(crate) fn open(id: &str) -> Result<Cuda, Error> {
    let failed = |why: String| Error::device(format!("{id}: {why}"));
    let listed = gpus();
    let device = listed.iter().find(|device| device.id == id);
    let device = device.ok_or_else(|| failed("there is no such device".into()))?;
    if let Some(why) = &device.unavailable {
        return Err(failed(why.clone()));
    }
    let ordinal = id.trim_start_matches("cuda:").parse().map_err(|_| failed("no number".into()))?;
    Cuda::try_build(ordinal, 0).map_err(Cuda::failure)
}
