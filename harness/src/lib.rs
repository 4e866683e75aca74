//! trainmark: trains the same model with every backend, proves that they compute
//! the same function, and measures how fast they do it.

// They panic where nobody reads: `say!` and `tell!` do not.
#![deny(clippy::print_stdout, clippy::print_stderr)]

#[macro_use]
mod output;

pub mod bench;
mod chance;
pub mod cli;
pub mod conformance;
pub mod data;
pub mod executor;
pub mod failure;
mod file_version;
mod grid;
pub mod interrupt;
pub mod machine;
pub mod operations;
mod parameters;
mod path_text;
pub mod peak;
pub mod plan;
mod process;
pub mod registry;
pub mod scaffold;
mod side_by_side;
mod signals;
pub mod units;
pub mod verify;
pub mod worker;
pub mod workload;

pub use trainmark_numerics::{reference, score};
pub use trainmark_reports::shell;
