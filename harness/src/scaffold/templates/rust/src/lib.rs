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
        Ok(Description {
            // Name and version of the framework.
            framework: "{{name}}".into(),
            // The ways to compute batch norm. Behind `primitive`, add `builtin` if the
            // framework has a layer of its own.
            implementations: vec![Implementation {
                name: "primitive".into(),
                // BiasedFromZero is the other convention; check shows which one it is.
                running_variance: RunningVariance::UnbiasedFromOne,
                summary: "composed of elementary tensor operations".into(),
            }],
            devices: vec![Device { id: "cpu".into(), unavailable: None }],
            // What a reader of the numbers should know, a line each: a defect of the
            // framework that you work around, a choice that matters.
            notes: vec![],
        })
    }

    fn open<'d>(request: OpenRequest<'d>) -> Result<Box<dyn Session + 'd>, Error> {
        request.check_choices(&["primitive"], &["cpu"])?;
        Ok(Box::new(Training::open(request)?))
    }
}

export_backend!(Plugin);
