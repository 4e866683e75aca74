//! The backend on libtorch, PyTorch's C++ library, through the crate tch.
//!
//! Every layer is one of libtorch's own operations with libtorch's autograd and
//! optimiser; what is ours is the list of them ([`network`]) and the loop
//! ([`session`]).

mod batch_norm;
mod cuda;
mod error;
mod library;
mod memory;
mod network;
mod pooling;
mod resize;
mod samples;
mod session;
#[cfg(test)]
mod tests;

use trainmark_plugin::{
    Backend, Description, Device, Error, Implementation, OpenRequest, Optimiser, RunningVariance, Session,
};

use batch_norm::Form;

/// The backend `tch`, on the CPU and on CUDA.
#[derive(Debug, Clone, Copy)]
pub struct Tch;

impl Backend for Tch {
    const NAME: &'static str = "tch";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn describe() -> Result<Description, Error> {
        let mut devices = vec![Device::available("cpu")];
        devices.extend(cuda::devices());
        let has_cuda = devices.iter().any(|device| device.id != "cpu" && device.unavailable.is_none());
        let cudnn_note = match cuda::Algorithms::asked() {
            Ok(cuda::Algorithms::Deterministic) => DETERMINISTIC_NOTE,
            // What cannot be read is refused when a device is opened.
            _ => BENCHMARK_NOTE,
        };
        let cuda_notes = has_cuda.then_some([CUDA_NOTE, cudnn_note]);
        Ok(Description::new(concat!("tch ", env!("TCH_VERSION"), ", libtorch ", env!("LIBTORCH_VERSION")))
            .with_implementations([
                Implementation::new(
                    "primitive",
                    RunningVariance::BiasedFromZero,
                    "batch norm of tensor operations, differentiated by libtorch's autograd",
                ),
                Implementation::new(
                    "builtin",
                    RunningVariance::UnbiasedFromOne,
                    "libtorch's batch_norm, as tch's nn::batch_norm2d and 1d call it",
                ),
            ])
            .with_devices(devices)
            .with_notes(NOTES)
            .with_notes(cuda_notes.into_iter().flatten()))
    }

    fn trains_with(_optimiser: Optimiser) -> bool {
        true
    }

    fn open<'d>(request: OpenRequest<'d>) -> Result<Box<dyn Session + 'd>, Error> {
        request.check_choices(&Self::describe()?)?;
        // Without batch norm, asked for with `none`, either would do.
        let form = if request.implementation == "primitive" { Form::Primitive } else { Form::Builtin };
        let device = match trainmark_plugin::cuda::ordinal(&request.device) {
            Some(index) => {
                cuda::before_device(index)?;
                tch::Device::Cuda(index)
            }
            None => {
                cuda::before_cpu();
                tch::Device::Cpu
            }
        };
        Ok(Box::new(session::Training::open(&request, form, device)?))
    }
}

trainmark_plugin::export_backend!(Tch);

const NOTES: [&str; 3] = [
    concat!(
        "libtorch ",
        env!("LIBTORCH_VERSION"),
        ": upsample_nearest2d is one row off at some sizes; resize selects rows and columns by index instead"
    ),
    concat!(
        "libtorch ",
        env!("LIBTORCH_VERSION"),
        ": batch_norm makes the running variance of a single value NaN; builtin refuses such a step"
    ),
    "on the CPU max pooling is oneDNN's (mkldnn_max_pool2d), faster than max_pool2d and equal on ties; glibc \
     is told to keep freed memory",
];

/// Where a CUDA device can be used.
const CUDA_NOTE: &str = "on CUDA float32 is float32: TF32, which libtorch has on in convolutions, is off; losses \
                         and right predictions are read once per epoch";
const BENCHMARK_NOTE: &str = "cuDNN times its algorithms at the first batch of each shape (benchmark) and may take \
                              one that adds in no fixed order";
const DETERMINISTIC_NOTE: &str = "TRAINMARK_TCH_CUDNN_BENCHMARK=0: cuDNN chooses among its deterministic \
                                  algorithms, untimed; it may be slower than PyTorch with its benchmark";
