//! The hand-written backend: no framework, every formula a loop in plain Rust.
//!
//! It is the backend to read beside a textbook, and the floor that the
//! frameworks are measured against. `primitive` holds its kernels; `threads`
//! lets them share a batch.

mod primitive;
#[cfg(test)]
mod tests;
mod threads;

use trainmark_plugin::{
    Backend, Description, Device, Error, ErrorKind, Implementation, Model, OpenRequest, RunningVariance,
    Session,
};

/// The backend `handwritten`, on the CPU.
#[derive(Debug, Clone, Copy)]
pub struct Handwritten;

impl Backend for Handwritten {
    const NAME: &'static str = "handwritten";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn describe() -> Result<Description, Error> {
        Ok(Description {
            framework: format!("plain Rust {}", Self::VERSION),
            implementations: vec![
                Implementation {
                    name: "primitive".into(),
                    running_variance: RunningVariance::BiasedFromZero,
                    summary: "a loop per formula; running variance as in the d2l.ai chapter".into(),
                },
                Implementation {
                    name: "builtin".into(),
                    running_variance: RunningVariance::UnbiasedFromOne,
                    summary: "the same loops; running variance as in the frameworks".into(),
                },
            ],
            devices: vec![Device { id: "cpu".into(), unavailable: None }],
        })
    }

    fn open<'d>(request: OpenRequest<'d>) -> Result<Box<dyn Session + 'd>, Error> {
        if request.device != "cpu" {
            let message = format!("device {}: the handwritten backend computes on cpu only", request.device);
            return Err(Error::new(ErrorKind::Device, message));
        }
        let running_variance = running_variance(&request.model, &request.implementation)?;
        Ok(Box::new(primitive::Training::open(request, running_variance)?))
    }
}

trainmark_plugin::export_backend!(Handwritten);

/// The convention that an implementation's name stands for. Without batch norm
/// there is no running variance, and either would do.
fn running_variance(model: &Model, implementation: &str) -> Result<RunningVariance, Error> {
    let name = &model.name;
    match (implementation, model.has_batch_norm()) {
        ("primitive", true) => Ok(RunningVariance::BiasedFromZero),
        ("builtin", true) | ("none", false) => Ok(RunningVariance::UnbiasedFromOne),
        (_, false) => Err(Error::invalid(format!(
            "implementation {implementation}: model {name} has no batch norm; ask for none"
        ))),
        (_, true) => Err(Error::invalid(format!(
            "implementation {implementation}: model {name} has batch norm; ask for primitive or builtin"
        ))),
    }
}
