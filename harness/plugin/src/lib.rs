//! The contract between trainmark and its backends.
//!
//! A backend in Rust implements [`Backend`] and [`Session`] and ends with
//! [`export_backend!`]; one in C includes `trainmark.h`. Both become a dynamic
//! library that exports the table described in [`abi`]. The harness loads it
//! with [`host::Plugin`] (feature `host`).

pub mod abi;
pub mod backend;
mod convert;
pub mod error;
pub mod export;
mod guard;
#[cfg(feature = "host")]
pub mod host;
pub mod layer;
pub mod model;
mod prefix;

pub use backend::{
    Backend, Dataset, Description, Device, EpochOutcome, Implementation, OpenRequest, RunningVariance,
    Samples, Session, Split, StepOutcome,
};
pub use error::{Error, ErrorKind};
pub use layer::{Layer, Shape};
pub use model::{Model, ParameterSpec, Role};
