//! trainmark's backend on dfdx: its operations, its autograd, its batch norm; on the CPU
//! or, built with the feature `cuda`, on NVIDIA's GPUs.
//!
//! Stable Rust lacks dfdx's `Conv2D` and `MaxPool2D` (they need its `nightly`
//! feature), so [`convolution`] and [`pooling`] compose them from operations
//! that it has; README.md says which, and why these.

mod batch_norm;
mod batches;
mod columns;
mod convolution;
#[cfg(feature = "cuda")]
mod cuda;
mod layout;
mod linear;
mod machine;
mod network;
mod optimiser;
mod pooling;
mod session;
#[cfg(test)]
mod tests;

use dfdx::prelude::{Cpu, NoneTape, Tensor};
use trainmark_plugin::{
    Backend, Description, Device, Error, Implementation, OpenRequest, Optimiser, RunningVariance, Session,
};

use crate::machine::Composition;
use crate::session::Training;

/// A batch between two layers: one row per value of a sample, one column per
/// sample, so that a walk over memory goes through the samples first.
type Values<D, T = NoneTape> = Tensor<(usize, usize), f32, D, T>;

/// The backend `dfdx`.
#[derive(Debug, Clone, Copy)]
pub struct Dfdx;

impl Backend for Dfdx {
    const NAME: &'static str = "dfdx";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn describe() -> Result<Description, Error> {
        Ok(Description::new("dfdx 0.13.0")
            .with_implementations([
                Implementation::new(
                    "primitive",
                    RunningVariance::BiasedFromZero,
                    "mean, sub, square, sqrt, div, mul, add with dfdx's autograd",
                ),
                Implementation::new(
                    "builtin",
                    RunningVariance::UnbiasedFromOne,
                    "BatchNorm2D and BatchNorm1D of dfdx",
                ),
            ])
            .with_devices(devices())
            .with_notes(DEVICE_NOTES)
            .with_notes(NOTES))
    }

    fn trains_with(_optimiser: Optimiser) -> bool {
        true
    }

    fn open<'d>(request: OpenRequest<'d>) -> Result<Box<dyn Session + 'd>, Error> {
        request.check_choices(&Self::describe()?)?;
        #[cfg(feature = "cuda")]
        if request.device != "cpu" {
            let device = cuda::open(&request.device)?;
            return Ok(Box::new(Training::open(request, device, Composition::Gpu)?));
        }
        Ok(Box::new(Training::open(request, Cpu::default(), Composition::Cpu)?))
    }
}

trainmark_plugin::export_backend!(Dfdx);

/// Each with a test in `tests/defects.rs` that fails once dfdx has mended it.
const NOTES: [&str; 3] = [
    "dfdx 0.13.0: max and MaxPool2D give a tie's full gradient to every maximum; pooled pairwise with maximum \
     instead, which halves it",
    "dfdx 0.13.0: BatchNorm1D and BatchNorm2D write NaN into the running variance of a single value; it is \
     set to what the contract says",
    "dfdx 0.13.0: log_softmax of a permuted tensor writes its gradient in the wrong order; the logits are made \
     contiguous first",
];

/// Those of its code for the CPU, tested as well.
#[cfg(not(feature = "cuda"))]
const DEVICE_NOTES: [&str; 2] = [
    "dfdx 0.13.0: sum adds a whole batch one value after the other in float32, which puts BatchNorm2D's \
     variance off by up to 5e-4; built with sum in blocks of 256 (sum.patch)",
    "dfdx 0.13.0: slice's backward overwrites the gradient where slices overlap; windows that overlap are \
     gathered instead",
];

/// What is different on a GPU, see README.md.
#[cfg(feature = "cuda")]
const DEVICE_NOTES: [&str; 4] = [
    "dfdx 0.13.0 on CUDA: sums, and gradients of gather, slice and broadcast, are added with atomicAdd: no two \
     runs agree to the last bit",
    "dfdx 0.13.0 on CUDA: copies of permuted tensors and concat_along are compiled when they run, from dfdx's \
     sources; transposed by a product with the identity, convolved without concat_along",
    "float32 products by cuBLAS without TF32; without cuDNN",
    "pixels and targets stay on the device as float32, batches are gathered there; logits and losses are read \
     once an epoch",
];

/// Those of this build, and why they cannot be used. The CPU has an artifact of its own:
/// here only the tests of a build for CUDA use it.
fn devices() -> Vec<Device> {
    let mut devices = Vec::new();
    if cfg!(any(test, not(feature = "cuda"))) {
        devices.push(Device::available("cpu"));
    }
    #[cfg(feature = "cuda")]
    devices.extend(cuda::gpus());
    devices
}
