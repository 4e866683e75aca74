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

use dfdx::prelude::{Cpu, NoneTape, Tensor};
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
const NOTES: [&str; 3] = [
    "dfdx 0.13.0: max (and MaxPool2D) gives a tie's full gradient to every maximum; pooled with `maximum`, \
     which halves it, instead",
    "dfdx 0.13.0: slice's backward overwrites the gradient where slices overlap; overlapping windows are \
     gathered instead",
    "dfdx 0.13.0: BatchNorm1D and 2D write NaN into the running variance of a single value; builtin refuses \
     such a step",
];

/// What dfdx reports. It knows two errors on the CPU; everything else panics,
/// which the SDK turns into an error of the call.
fn failure(error: CpuError) -> Error {
    match error {
        CpuError::OutOfMemory => Error::new(ErrorKind::OutOfMemory, "dfdx: no memory for a tensor"),
        CpuError::WrongNumElements => Error::failed("dfdx: a tensor of another size was expected"),
    }
}
