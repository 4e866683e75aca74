//! Support for the end-to-end tests: the real binary and the plugins it is
//! tested with, processes that are watched, and run folders that are read.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "this is test code: a panic is a failed test")]

pub mod browser;
mod build;
mod checkout;
mod effort;
mod invocation;
mod process;
mod python;
mod repository;
mod require;
mod run_folder;
mod slurm;

pub use build::{c_library, handwritten, hostile, minimal_c, pretended_driver, repository_root, trainmark};
pub use checkout::Checkout;
pub use effort::asked_for;
pub use invocation::{Finished, Invocation, Running, bench, invoke, invoke_program, shell};
pub use process::{Marker, wait_until};
pub use python::{python_packages, serving_python};
pub use repository::{Repository, manifest};
pub use require::skip;
pub use run_folder::{Row, RunFolder};
pub use slurm::Cluster;
