//! End-to-end tests: the real binary, real workers, real plugins.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed")]

mod abi;
mod audit;
mod backends;
mod browser;
mod budget;
mod builds;
mod children;
mod commands;
mod compare;
mod disk;
mod foreign;
mod frameworks;
mod gpu;
mod hostile;
mod input;
mod interrupt;
mod kept_versions;
mod kills;
mod known_runs;
mod library_path;
mod libtorch;
mod memory;
mod merge;
mod new_backend;
mod operation_check;
mod operations;
mod page;
mod python_environment;
mod records;
mod repeats;
mod resume;
mod shells;
mod timed_bytes;
mod versions;
mod workloads;
