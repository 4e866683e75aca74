//! NVIDIA's GPUs: which there are, and what dfdx reports of them.

use dfdx::prelude::Cpu;
use dfdx::tensor::{Cuda, CudaError};
use trainmark_plugin::{Device, Error, cuda};

use crate::machine::Machine;

/// That of the kernels, such as 90.
const COMPILED_FOR: &str = env!("TRAINMARK_COMPUTE_CAP");

impl Machine for Cuda {
    fn failure(error: CudaError) -> Error {
        match error {
            CudaError::Cpu(error) => Cpu::failure(error),
            error => cuda::error(format!("dfdx: {error:?}")),
        }
    }
}

/// One entry without a usable device, which says why.
pub(crate) fn gpus() -> Vec<Device> {
    let fits = |capability| {
        cuda::check_kernels(COMPILED_FOR, capability, |compiled, capability| compiled <= capability)
    };
    cuda::devices(cuda::Driver::start(13), fits)
}

/// Opens one of those that can be used; dfdx would panic at another.
///
/// # Errors
/// What dfdx reports.
pub(crate) fn open(id: &str) -> Result<Cuda, Error> {
    let ordinal = cuda::ordinal(id).ok_or_else(|| Error::device(format!("no device {id}")))?;
    Cuda::try_build(ordinal, 0).map_err(Cuda::failure)
}
