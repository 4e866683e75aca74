//! Arguments of `data`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Arguments of `data`.
#[derive(Debug, Args)]
pub struct DataArguments {
    /// What to do
    #[arg(value_enum, default_value_t = DataAction::Status)]
    pub action: DataAction,
    /// A published data set [default: fashion-mnist]
    #[arg(value_name = "NAME")]
    pub dataset: Option<String>,
    /// Folder that holds its files, or a folder of such folders
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// What to do with the data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DataAction {
    /// Show where it is looked for and what is there.
    Status,
    /// Download what is not there yet.
    Fetch,
}
