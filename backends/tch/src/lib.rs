//! The backend on libtorch, PyTorch's C++ library, through the crate tch.
//!
//! Every layer is one of libtorch's own operations with libtorch's autograd and
//! optimiser; what is ours is the list of them ([`network`]) and the loop
//! ([`session`]).

mod batch_norm;
mod error;
mod memory;
mod network;
mod pooling;
mod resize;
mod samples;
mod session;
#[cfg(test)]
mod tests;

use trainmark_plugin::{
    Backend, Description, Device, Error, Implementation, OpenRequest, RunningVariance, Session,
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
            notes: NOTES.map(str::to_owned).to_vec(),
        })
    }

    fn open<'d>(request: OpenRequest<'d>) -> Result<Box<dyn Session + 'd>, Error> {
        request.check_choices(&["primitive", "builtin"], &["cpu"])?;
        // Without batch norm, asked for with `none`, either would do.
        let form = if request.implementation == "primitive" { Form::Primitive } else { Form::Builtin };
        Ok(Box::new(session::Training::open(&request, form)?))
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
    "max pooling is oneDNN's (mkldnn_max_pool2d), faster than max_pool2d and equal on ties; glibc is told to \
     keep freed memory",
];
