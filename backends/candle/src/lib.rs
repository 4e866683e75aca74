//! The backend `candle`: models built from Candle's own operations, on the CPU.
//!
//! Activations lie in memory as channels × positions × samples, so that every sum
//! of batch norm runs over neighbouring values and a convolution is one matrix
//! product whose result already has that form. `network` turns a model's layers
//! into stages, `session` trains them.

mod batch_norm;
mod convolution;
mod failure;
mod network;
mod pooling;
mod session;
mod windows;

use trainmark_plugin::{
    Backend, Description, Device, Error, ErrorKind, Implementation, OpenRequest, RunningVariance, Session,
};

/// The backend `candle`.
#[derive(Debug, Clone, Copy)]
pub struct Candle;

impl Backend for Candle {
    const NAME: &'static str = "candle";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn describe() -> Result<Description, Error> {
        Ok(Description {
            framework: concat!("candle-core ", env!("CANDLE_VERSION")).into(),
            implementations: vec![
                Implementation {
                    name: "primitive".into(),
                    running_variance: RunningVariance::BiasedFromZero,
                    summary: "mean, difference, square, root: Candle's elementary operations and autograd"
                        .into(),
                },
                Implementation {
                    name: "builtin".into(),
                    running_variance: RunningVariance::UnbiasedFromOne,
                    summary: "candle_nn::BatchNorm".into(),
                },
            ],
            devices: vec![Device { id: "cpu".into(), unavailable: None }],
        })
    }

    fn open<'d>(request: OpenRequest<'d>) -> Result<Box<dyn Session + 'd>, Error> {
        if request.device != "cpu" {
            let message = format!("device {}: this build of candle computes on cpu only", request.device);
            return Err(Error::new(ErrorKind::Device, message));
        }
        Ok(Box::new(session::Training::open(request, candle_core::Device::Cpu)?))
    }
}

trainmark_plugin::export_backend!(Candle);
