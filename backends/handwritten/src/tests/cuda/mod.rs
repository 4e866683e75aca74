//! Sessions on an emulated GPU, and the emulator itself.

#[cfg(feature = "cuda")]
mod driver;
mod emulator;
mod fused;
mod layers;
mod sessions;
mod switched;

use trainmark_plugin::{RunningVariance, Session};

use super::Case;
use crate::cuda::device::emulator::Emulator;
use crate::cuda::primitive::Training;

/// A `primitive` session of the case on a device whose threads run in an order of this
/// seed; nothing where there is no C++ compiler.
fn open<'c>(
    case: &'c Case,
    convention: RunningVariance,
    learning_rate: f64,
    seed: u64,
) -> Option<Box<dyn Session + 'c>> {
    let device = Emulator::new(seed)?;
    let request = case.request("primitive", 1, learning_rate);
    let training = Training::open(Box::new(device), &request, convention).unwrap();
    Some(case.start(Box::new(training)))
}
