//! The contract between trainmark and its backends.
//!
//! A backend in Rust implements [`Backend`] and [`Session`] and ends with
//! [`export_backend!`]; one in C includes `trainmark.h`. Both become a dynamic
//! library that exports the table described in [`abi`]. The harness loads it
//! with `host::Plugin` (feature `host`).
//!
//! What will grow is `non_exhaustive` and made by its constructor; what a backend must know
//! all of, such as [`Layer`], is not, and says so. Backends on NVIDIA's GPUs share `cuda`
//! (feature `cuda`).

pub mod abi;
mod backend;
mod branches;
mod convert;
#[cfg(feature = "cuda")]
pub mod cuda;
mod error;
pub mod export;
mod guard;
#[cfg(feature = "host")]
pub mod host;
mod layer;
mod model;
mod optimiser;
mod prefix;

pub use backend::{
    Backend, Dataset, Description, Device, Implementation, OpenRequest, Outcome, RunningVariance, Samples,
    Session, Split,
};
pub use branches::{Branches, Reads, Source};
pub use error::{Error, ErrorKind};
pub use layer::{Layer, Shape};
pub use model::{Model, ParameterSpec, Role};
pub use optimiser::Optimiser;
