//! The devices of this build.

use trainmark_plugin::{Device as Listed, Error};

use crate::engine::{Device, flex};

/// Every device of this build, and why it cannot be used.
pub(crate) fn list() -> [Listed; 2] {
    [Listed::available("cpu"), Listed::unavailable("cuda:0", NO_CUDA)]
}

/// One of them, as Burn names it.
///
/// # Errors
/// Where it cannot be had.
pub(crate) fn open(id: &str) -> Result<Device, Error> {
    match id {
        "cpu" => Ok(flex()),
        _ => Err(Error::device(format!("{id} cannot be used: it is no device of this build"))),
    }
}

#[cfg(before_0_22)]
const NO_CUDA: &str = "with Burn before 0.22 this backend computes on the processor alone";

/// Its compiler for GPUs is LLVM's, of which the crate tracel-llvm-bundler fetches a build.
#[cfg(not(before_0_22))]
const NO_CUDA: &str = concat!(
    "burn ",
    env!("BURN_VERSION"),
    " cannot be built for CUDA from published sources alone: its build downloads a compiled LLVM; \
     backends/burn/README.md says what was tried"
);
