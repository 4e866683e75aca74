//! The contract between trainmark and its backends.

pub mod backend;
pub mod error;
pub mod model;

pub use backend::{
    Backend, Dataset, Description, Device, EpochOutcome, Implementation, OpenRequest, RunningVariance,
    Samples, Session, Split, StepOutcome,
};
pub use error::{Error, ErrorKind};
pub use model::{Layer, Model, ParameterSpec, Role, Shape};
