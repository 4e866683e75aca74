//! The hand-written backend: no framework, twice.
//!
//! `primitive` is the one to read beside a textbook: every formula a loop in plain
//! Rust. `fused` is the ceiling that the frameworks are measured against. `part` and
//! `threads` let both share a batch.
//!
//! With the feature `cuda` the library is for NVIDIA's GPUs instead: `cuda`.

#[cfg(any(feature = "cuda", all(test, target_os = "linux")))]
mod cuda;
mod fused;
mod parameters;
mod part;
mod primitive;
mod score;
#[cfg(test)]
mod tests;
mod threads;

#[cfg(feature = "cuda")]
pub use cuda::{HandwrittenCuda, KernelTime, time_kernels};
use fused::Width;
pub use fused::stages;
use trainmark_plugin::{
    Backend, Description, Device, Error, Implementation, OpenRequest, Optimiser, RunningVariance, Session,
};

/// The backend `handwritten`, on the CPU.
#[derive(Debug, Clone, Copy)]
pub struct Handwritten;

/// What a reader of the numbers should know.
const NOTE: &str = "builtin fuses whole networks of LeNet's form, trained by plain SGD; other models, single layers \
                    among them, and other optimisers run through the loops of primitive";

impl Backend for Handwritten {
    const NAME: &'static str = "handwritten";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn describe() -> Result<Description, Error> {
        // A wrong choice is refused where it matters, when a fused session is opened.
        let width = Width::choose().map_or("no such vector width", Width::name);
        Ok(Description::new(format!("plain Rust {}", Self::VERSION))
            .with_implementations([
                Implementation::new(
                    "primitive",
                    RunningVariance::BiasedFromZero,
                    "a loop per formula; running variance as in the d2l.ai chapter",
                ),
                Implementation::new(
                    "builtin",
                    fused::RUNNING_VARIANCE,
                    format!("layers fused, {width}; running variance as in the frameworks"),
                ),
            ])
            .with_devices([Device::available("cpu")])
            .with_notes([NOTE]))
    }

    fn trains_with(_optimiser: Optimiser) -> bool {
        true
    }

    fn open<'d>(request: OpenRequest<'d>) -> Result<Box<dyn Session + 'd>, Error> {
        request.check_choices(&Self::describe()?)?;
        // A model without batch norm has no implementations to choose from: the best it can.
        let is_plain = !request.optimiser.has_state();
        if request.implementation != "primitive" && is_plain && fused::fits(&request.model) {
            return fused::open(request, Width::choose()?);
        }
        let running_variance = match &*request.implementation {
            "primitive" => RunningVariance::BiasedFromZero,
            _ => fused::RUNNING_VARIANCE,
        };
        Ok(Box::new(primitive::Training::open(request, running_variance)?))
    }
}

#[cfg(not(feature = "cuda"))]
trainmark_plugin::export_backend!(Handwritten);
#[cfg(feature = "cuda")]
trainmark_plugin::export_backend!(HandwrittenCuda);
