//! Every operation under test: seeded random layers and small models, held against the float64
//! reference forward and backward.
//!
//! The gate proves the layers of one workload at its shapes. Here a [`Case`] is a small model with
//! samples and values of its own, drawn by a seed: odd sizes, strides, paddings, batches from 1 to
//! 300, constant channels, ties in max pools, large and tiny values. Each value is held to the bound
//! that float32 has there ([`crate::reference::rounding`]), so that an honest backend never fails.
//! One that fails is shrunk to the smallest model that still does.

mod case;
mod generate;
mod report;
mod run;
mod shrink;
mod trial;
mod values;

pub use case::{Case, CaseName, Origin};
pub use report::{Checked, Failed, Like, Report, render};
pub use run::OperationCheck;
pub use shrink::shrink;
pub use trial::{Computing, Finding, Opens, Tried};
