//! The backend `candle`: models built from Candle's own operations, on the CPU or, built
//! with the feature `cuda`, on NVIDIA's GPUs.
//!
//! `network` turns a model's layers into stages and says how activations lie in
//! memory; `session` trains them on a data set.

mod affine;
mod batch_norm;
mod device;
mod failure;
mod network;
mod optimiser;
mod pooling;
mod session;
#[cfg(test)]
mod tests;
mod windows;

use trainmark_plugin::{
    Backend, Description, Error, Implementation, OpenRequest, Optimiser, RunningVariance, Session,
};

/// Every Candle operation allocates its result. glibc gives that memory back to the
/// system after each step and gets it page by page in the next one; mimalloc keeps it
/// for a second.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The backend `candle`.
#[derive(Debug, Clone, Copy)]
pub struct Candle;

impl Backend for Candle {
    const NAME: &'static str = "candle";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn describe() -> Result<Description, Error> {
        Ok(Description::new(concat!("candle-core ", env!("CANDLE_VERSION")))
            .with_implementations([
                Implementation::new(
                    "primitive",
                    RunningVariance::BiasedFromZero,
                    "mean, difference, square, root: Candle's elementary operations and autograd",
                ),
                Implementation::new("builtin", RunningVariance::UnbiasedFromOne, "candle_nn::BatchNorm"),
            ])
            .with_devices(device::list())
            .with_notes(NOTES)
            .with_notes(COMPILER_NOTES)
            .with_notes(CUDA_NOTES))
    }

    fn trains_with(_optimiser: Optimiser) -> bool {
        true
    }

    fn open<'d>(request: OpenRequest<'d>) -> Result<Box<dyn Session + 'd>, Error> {
        request.check_choices(&Self::describe()?)?;
        let device = device::open(&request.device)?;
        Ok(Box::new(session::Training::open(request, device)?))
    }
}

trainmark_plugin::export_backend!(Candle);

/// Each with a test in `tests/defects.rs` that fails once Candle has mended it.
const NOTES: [&str; 6] = [
    concat!(
        "candle-core ",
        env!("CANDLE_VERSION"),
        ": max_pool2d's gradient is divided by the window's size, and max gives a tie's full gradient to \
         every maximum; pooled with argmax and gather instead (on CUDA with gt and where_cond)"
    ),
    concat!(
        "candle-core ",
        env!("CANDLE_VERSION"),
        ": avg_pool2d's gradient is wrong where windows do not fill the image; averaged over gathered \
         windows instead"
    ),
    concat!("candle-core ", env!("CANDLE_VERSION"), ": relu has gradient 1 at 0; where_cond is used instead"),
    concat!(
        "candle-nn ",
        env!("CANDLE_VERSION"),
        ": BatchNorm makes the running variance of a single value NaN; builtin refuses such a step"
    ),
    concat!(
        "candle-core ",
        env!("CANDLE_VERSION"),
        ": conv2d has no gradient where height and width leave different remainders, and a slow one elsewhere; \
         convolved with index_select and matmul instead"
    ),
    "memory comes from mimalloc: with glibc, half of a step went into pages that had just been given back",
];

#[cfg(not(target_feature = "avx2"))]
const COMPILER_NOTES: [&str; 0] = [];

/// Versions before 0.11 need it, see README.md.
#[cfg(target_feature = "avx2")]
const COMPILER_NOTES: [&str; 1] =
    ["compiled for the processor of this machine (target-cpu=native), as Candle's own repository is"];

#[cfg(not(feature = "cuda"))]
const CUDA_NOTES: [&str; 0] = [];

/// What is different on a GPU, see README.md.
#[cfg(feature = "cuda")]
const CUDA_NOTES: [&str; 3] = [
    concat!(
        "candle-core ",
        env!("CANDLE_VERSION"),
        " on CUDA: argmax names any of tied maxima, and gather's gradient is added by one thread per channel; \
         max pooling uses neither"
    ),
    "float32 products by cuBLAS without TF32; without cuDNN",
    "pixels and labels stay on the device as float32 and u32, batches are selected there; loss and correct are \
     read once an epoch",
];
