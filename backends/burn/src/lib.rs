//! The backend `burn`: models built from Burn's modules, on flex, its own engine for the CPU, or with
//! the feature `wgpu` on what Vulkan reaches.
//!
//! `engine` holds what of Burn differs between its versions, `devices` says what it computes on,
//! `network` turns a model's layers into modules, `parameter` reads and writes what they hold, and
//! `session` trains them.

#[cfg(feature = "wgpu")]
mod adapters;
mod batch_norm;
mod convolution;
mod devices;
mod engine;
mod network;
mod optimiser;
mod parameter;
mod session;
#[cfg(feature = "flex")]
#[cfg(test)]
mod tests;

use trainmark_plugin::{
    Backend, Description, Error, Implementation, OpenRequest, Optimiser, RunningVariance, Session,
};

use engine::Engine;

/// The backend `burn`.
#[derive(Debug, Clone, Copy)]
pub struct Burn;

impl Backend for Burn {
    const NAME: &'static str = "burn";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn describe() -> Result<Description, Error> {
        Ok(Description::new(format!("burn {} ({})", env!("BURN_VERSION"), devices::ENGINE))
            .with_implementations([
                Implementation::new(
                    "primitive",
                    RunningVariance::UnbiasedFromOne,
                    "mean, difference, square, root: Burn's elementary operations and autodiff",
                ),
                Implementation::new("builtin", RunningVariance::BiasedFromOne, "burn::nn::BatchNorm"),
            ])
            .with_devices(devices::list())
            .with_notes(NOTES))
    }

    fn trains_with(_optimiser: Optimiser) -> bool {
        true
    }

    fn open<'d>(request: OpenRequest<'d>) -> Result<Box<dyn Session + 'd>, Error> {
        request.check_choices(&Self::describe()?)?;
        let engine = Engine::on(devices::open(&request.device)?);
        Ok(Box::new(session::Training::open(request, engine)?))
    }
}

trainmark_plugin::export_backend!(Burn);

/// Each with a test in `tests/defects.rs` that fails once Burn has mended it.
const NOTES: [&str; 3] = [
    concat!(
        "burn ",
        env!("BURN_VERSION"),
        ": RunningState::value is one update late; value_sync is read instead"
    ),
    concat!(
        "burn ",
        env!("BURN_VERSION"),
        ": BatchNorm on the plain device predicts with running statistics that are late; predicted with valid() \
         instead"
    ),
    concat!(
        "burn ",
        env!("BURN_VERSION"),
        ": Interpolate2d to the nearest pixel is a row off at some sizes, such as 2 rows to 98; resized by selected \
         rows and columns instead"
    ),
];
