//! Arguments that several commands have.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::data::{DatasetChoice, DatasetParser};
use crate::units;

/// What a worker may use.
#[derive(Debug, Args)]
pub struct WorkerArguments {
    /// Threads per backend; `bench` and `check` take a list, each a cell [default: all processors]
    #[arg(long, value_name = "N", value_delimiter = ',')]
    pub threads: Vec<usize>,
    /// Longest time for one call of a backend, such as one epoch
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = units::parse_duration)]
    pub timeout: Duration,
    /// Most memory of a worker, such as 8GiB [default: three quarters of the machine's or its container's]
    #[arg(long, value_name = "SIZE", value_parser = units::parse_bytes)]
    pub memory_limit: Option<u64>,
}

/// The data set.
#[derive(Debug, Args)]
pub struct DatasetArguments {
    /// Data set; auto: Fashion-MNIST where it can be had, else the procedural one [default: the
    /// workloads', else auto]
    #[arg(long, value_parser = DatasetParser, value_name = "NAME")]
    pub dataset: Option<DatasetChoice>,
    /// Folder that holds the files of a published data set, or a folder of such folders
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Download nothing: no data set, and nothing that building a backend would fetch
    #[arg(long)]
    pub offline: bool,
}

/// Where backends lie.
#[derive(Debug, Args)]
pub struct BackendArguments {
    /// A backend's folder, or a folder of such, besides the repository's backends/
    #[arg(long, value_name = "DIR")]
    pub backend_path: Vec<PathBuf>,
}
