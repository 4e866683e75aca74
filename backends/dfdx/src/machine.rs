//! The two devices that dfdx computes on, and what differs between them here.

use dfdx::prelude::*;
use dfdx::tensor::{Cache, CpuError, Synchronize};
use trainmark_plugin::Error;

use crate::Values;

/// Which of dfdx's operations a model is composed of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Composition {
    /// Copies cost a hundred times what multiplications do, and an operation on
    /// several tensors walks an index on one thread.
    Cpu,
    /// Every operation is a kernel on all cores. Those that dfdx compiles when it
    /// runs, for which it needs its own sources and CUDA's headers, are not used:
    /// reshaping what is not contiguous, `concat_along`.
    Gpu,
}

/// A device of dfdx.
pub(crate) trait Machine:
    dfdx::tensor_ops::Device<f32> + DeviceBuildExt + Cache + Synchronize
{
    /// What dfdx reports as the contract's error.
    fn failure(error: Self::Err) -> Error;
}

impl Machine for Cpu {
    /// It knows two errors on the CPU; everything else panics, which the SDK turns
    /// into an error of the call.
    fn failure(error: CpuError) -> Error {
        match error {
            CpuError::OutOfMemory => Error::out_of_memory("dfdx: no memory for a tensor"),
            CpuError::WrongNumElements => Error::failed("dfdx: a tensor of another size was expected"),
        }
    }
}

/// A tensor of these values, in memory from dfdx's cache. On the CPU its own
/// `tensor_from_vec` takes a new allocation that ends in the cache and is never taken
/// out: one more a step. On CUDA that keeps the values in the host's memory as well.
pub(crate) fn values<D: Machine>(
    device: &D,
    values: &[f32],
    shape: (usize, usize),
) -> Result<Values<D>, D::Err> {
    let mut tensor = device.try_zeros_like(&shape)?;
    tensor.copy_from(values);
    Ok(tensor)
}

/// 1 on the diagonal of size × size, else 0: a product with it turns a permuted tensor
/// into a contiguous one, exactly, without dfdx's copy that is compiled when it runs.
pub(crate) fn identity<D: Machine>(device: &D, size: usize) -> Result<Values<D>, D::Err> {
    let mut diagonal = vec![0.0; size * size];
    diagonal.iter_mut().step_by(size + 1).for_each(|value| *value = 1.0);
    values(device, &diagonal, (size, size))
}
