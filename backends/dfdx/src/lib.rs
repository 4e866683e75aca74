//! trainmark's backend on dfdx: its operations, its autograd, its batch norm.
//!
//! Stable Rust lacks dfdx's `Conv2D` and `MaxPool2D` (they need its `nightly`
//! feature), so [`convolution`] and [`pooling`] compose them from operations
//! that it has; README.md says which, and why these.

mod batch_norm;
mod convolution;
mod layout;
mod linear;
mod network;
mod pooling;
mod session;
#[cfg(test)]
mod tests;

use dfdx::prelude::{Cpu, NoneTape, Tensor, ZerosTensor};
use dfdx::tensor::CpuError;
use trainmark_plugin::{
    Backend, Description, Device, Error, ErrorKind, Implementation, OpenRequest, RunningVariance, Session,
};

/// A batch between two layers: one row per value of a sample, one column per
/// sample, so that a walk over memory goes through the samples first.
type Values<T = NoneTape> = Tensor<(usize, usize), f32, Cpu, T>;

/// The backend `dfdx`, on the CPU.
#[derive(Debug, Clone, Copy)]
pub struct Dfdx;

impl Backend for Dfdx {
    const NAME: &'static str = "dfdx";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn describe() -> Result<Description, Error> {
        Ok(Description {
            framework: "dfdx 0.13.0".into(),
            implementations: vec![
                Implementation {
                    name: "primitive".into(),
                    running_variance: RunningVariance::BiasedFromZero,
                    summary: "mean, sub, square, sqrt, div, mul, add with dfdx's autograd".into(),
                },
                Implementation {
                    name: "builtin".into(),
                    running_variance: RunningVariance::UnbiasedFromOne,
                    summary: "BatchNorm2D and BatchNorm1D of dfdx".into(),
                },
            ],
            devices: vec![Device { id: "cpu".into(), unavailable: None }],
            notes: NOTES.map(str::to_owned).to_vec(),
        })
    }

    fn open<'d>(request: OpenRequest<'d>) -> Result<Box<dyn Session + 'd>, Error> {
        request.check_choices(&["primitive", "builtin"], &["cpu"])?;
        Ok(Box::new(session::Training::open(request)?))
    }
}

trainmark_plugin::export_backend!(Dfdx);

/// Each with a test in `tests/defects.rs` that fails once dfdx has mended it.
const NOTES: [&str; 5] = [
    "dfdx 0.13.0: sum adds a whole batch one value after the other in float32, which puts BatchNorm2D's \
     variance off by up to 5e-4; built with sum in blocks of 256 (sum.patch)",
    "dfdx 0.13.0: max and MaxPool2D give a tie's full gradient to every maximum; pooled pairwise with maximum \
     instead, which halves it",
    "dfdx 0.13.0: slice's backward overwrites the gradient where slices overlap; windows that overlap are \
     gathered instead",
    "dfdx 0.13.0: BatchNorm1D and BatchNorm2D write NaN into the running variance of a single value; it is \
     set to what the contract says",
    "dfdx 0.13.0: log_softmax of a permuted tensor writes its gradient in the wrong order; the logits are made \
     contiguous first",
];

/// A tensor of these values, in memory from dfdx's cache. Its own `tensor_from_vec`
/// takes a new allocation that ends in the cache and is never taken out: one more a step.
fn values(device: &Cpu, values: &[f32], shape: (usize, usize)) -> Result<Values, CpuError> {
    let mut tensor = device.try_zeros_like(&shape)?;
    tensor.copy_from(values);
    Ok(tensor)
}

/// What dfdx reports. It knows two errors on the CPU; everything else panics,
/// which the SDK turns into an error of the call.
fn failure(error: CpuError) -> Error {
    match error {
        CpuError::OutOfMemory => Error::new(ErrorKind::OutOfMemory, "dfdx: no memory for a tensor"),
        CpuError::WrongNumElements => Error::failed("dfdx: a tensor of another size was expected"),
    }
}
