//! The backend `{{name}}`: what it is. What it computes is in `session.rs`.

mod session;

use session::Training;
use trainmark_plugin::{
    Backend, Description, Device, Error, Implementation, OpenRequest, RunningVariance, Session, export_backend,
};

/// The plugin's entry points.
pub struct Plugin;

impl Backend for Plugin {
    const NAME: &'static str = "{{name}}";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn describe() -> Result<Description, Error> {
        // Name and version of the framework.
        Ok(Description::new("{{name}}")
            // The ways to compute batch norm. Behind `primitive`, add `builtin` if the
            // framework has a layer of its own. BiasedFromZero and BiasedFromOne are the
            // other conventions; check says which one it is.
            .with_implementations([Implementation::new(
                "primitive",
                RunningVariance::UnbiasedFromOne,
                "composed of elementary tensor operations",
            )])
            .with_devices([Device::available("cpu")]))
        // `with_notes` adds what a reader of the numbers should know, a line each: a defect
        // of the framework that you work around, a choice that matters.
    }

    fn open<'d>(request: OpenRequest<'d>) -> Result<Box<dyn Session + 'd>, Error> {
        request.check_choices(&Self::describe()?)?;
        Ok(Box::new(Training::open(request)?))
    }
}

export_backend!(Plugin);
