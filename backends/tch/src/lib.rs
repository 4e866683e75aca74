//! The backend on libtorch, PyTorch's C++ library, through the crate tch.
//!
//! Every layer is one of libtorch's own operations with libtorch's autograd and
//! optimiser; what is ours is the list of them ([`network`]) and the loop
//! ([`session`]).

mod batch_norm;
mod error;
mod network;
mod resize;
mod samples;
mod session;
#[cfg(test)]
mod tests;

use trainmark_plugin::{
    Backend, Description, Device, Error, ErrorKind, Implementation, Model, OpenRequest, RunningVariance,
    Session,
};

use batch_norm::Form;

/// The backend `tch`, on the CPU.
#[derive(Debug, Clone, Copy)]
pub struct Tch;

impl Backend for Tch {
    const NAME: &'static str = "tch";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn describe() -> Result<Description, Error> {
        Ok(Description {
            framework: concat!("tch 0.24.0, libtorch ", env!("LIBTORCH_VERSION")).into(),
            implementations: vec![
                Implementation {
                    name: "primitive".into(),
                    running_variance: RunningVariance::BiasedFromZero,
                    summary: "batch norm of tensor operations, differentiated by libtorch's autograd".into(),
                },
                Implementation {
                    name: "builtin".into(),
                    running_variance: RunningVariance::UnbiasedFromOne,
                    summary: "libtorch's batch_norm, as tch's nn::batch_norm2d and 1d call it".into(),
                },
            ],
            devices: vec![Device { id: "cpu".into(), unavailable: None }],
        })
    }

    fn open<'d>(request: OpenRequest<'d>) -> Result<Box<dyn Session + 'd>, Error> {
        if request.device != "cpu" {
            let message = format!("device {}: this library of tch computes on cpu only", request.device);
            return Err(Error::new(ErrorKind::Device, message));
        }
        let form = form(&request.model, &request.implementation)?;
        Ok(Box::new(session::Training::open(&request, form)?))
    }
}

trainmark_plugin::export_backend!(Tch);

/// The form of batch norm that an implementation's name stands for. Without batch
/// norm either would do.
fn form(model: &Model, implementation: &str) -> Result<Form, Error> {
    let name = &model.name;
    match (implementation, model.has_batch_norm()) {
        ("primitive", true) => Ok(Form::Primitive),
        ("builtin", true) | ("none", false) => Ok(Form::Builtin),
        (_, false) => Err(Error::invalid(format!(
            "implementation {implementation}: model {name} has no batch norm; ask for none"
        ))),
        (_, true) => Err(Error::invalid(format!(
            "implementation {implementation}: model {name} has batch norm; ask for primitive or builtin"
        ))),
    }
}
