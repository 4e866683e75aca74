//! The library for CUDA: the same backend's name, other devices.

use trainmark_plugin::{
    Backend, Description, Error, Implementation, OpenRequest, RunningVariance, Session, cuda,
};

use super::device::driver::{self, Driver};
use super::switches::{self, Switches};
use super::{fused, primitive};

/// The backend `handwritten`, on NVIDIA's GPUs.
#[derive(Debug, Clone, Copy)]
pub struct HandwrittenCuda;

/// What a reader of the numbers should know.
const NOTE: &str = "builtin fuses LeNet's training step; other models, single layers among them, run through \
                    the kernels of primitive";

impl Backend for HandwrittenCuda {
    const NAME: &'static str = "handwritten";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn describe() -> Result<Description, Error> {
        let switched = Switches::from_environment()?.names();
        let switched =
            switched.map(|names| format!("builtin with what {} switches on: {names}", switches::VARIABLE));
        Ok(Description::new(format!("CUDA C++ (nvcc {})", env!("NVCC_VERSION")))
            .with_implementations([
                Implementation::new(
                    "primitive",
                    RunningVariance::BiasedFromZero,
                    "a kernel per formula; running variance as in the d2l.ai chapter",
                ),
                Implementation::new(
                    "builtin",
                    RunningVariance::UnbiasedFromOne,
                    "ten kernels per step, an epoch as one graph; running variance as in the \
                              frameworks",
                ),
            ])
            .with_devices(driver::devices())
            .with_notes([NOTE])
            .with_notes(switched))
    }

    fn open<'d>(request: OpenRequest<'d>) -> Result<Box<dyn Session + 'd>, Error> {
        request.check_choices(&Self::describe()?)?;
        let switches = Switches::from_environment()?;
        let device = Box::new(Driver::open(ordinal(&request.device)?, switches)?);
        // A model without batch norm has no implementations to choose from: the best it can.
        if request.implementation != "primitive" && fused::fits(&request.model) {
            return fused::open(device, request, switches);
        }
        let running_variance = match &*request.implementation {
            "primitive" => RunningVariance::BiasedFromZero,
            _ => RunningVariance::UnbiasedFromOne,
        };
        Ok(Box::new(primitive::Training::open(device, &request, running_variance)?))
    }
}

/// How long each kernel of a training step of LeNet takes alone on the request's device, and how
/// long the whole step, each as often as `repeats` says behind itself. `parameters` are in the
/// order of the model's.
///
/// # Errors
/// `unsupported` where the model is not LeNet, and what [`Backend::open`] fails with.
pub fn time_kernels(
    request: &OpenRequest<'_>,
    parameters: &[&[f32]],
    repeats: usize,
) -> Result<Vec<KernelTime>, Error> {
    let switches = Switches::from_environment()?;
    let device = Box::new(Driver::open(ordinal(&request.device)?, switches)?);
    let times = fused::timing::time_kernels(device, request, switches, parameters, repeats)?;
    Ok(times.into_iter().map(|(kernel, seconds)| KernelTime { kernel, seconds }).collect())
}

/// A kernel's time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KernelTime {
    /// Its name; that of the whole step is `step`.
    pub kernel: &'static str,
    /// From one start to the next, the least of several recordings.
    pub seconds: f64,
}

/// 1 of `cuda:1`.
fn ordinal(device: &str) -> Result<usize, Error> {
    cuda::ordinal(device).ok_or_else(|| Error::device(format!("no device {device}; ask for cuda:0")))
}
