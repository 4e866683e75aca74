//! Arguments of what concerns backends.

use std::path::PathBuf;

use clap::Args;

use super::BackendArguments;
use crate::scaffold::Language;

/// Arguments of `list` and `doctor`.
#[derive(Debug, Args)]
pub struct ListArguments {
    /// Where backends lie.
    #[command(flatten)]
    pub backends: BackendArguments,
}

/// Arguments of `new-backend`.
#[derive(Debug, Args)]
pub struct NewBackendArguments {
    /// Name of the backend: lower-case letters, digits and dashes
    pub name: String,
    /// Language that it is written in
    #[arg(long, value_enum, value_name = "LANG")]
    pub lang: Language,
    /// Folder to write, which must not exist yet [default: the repository's backends/NAME]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// Arguments of `new-version`.
#[derive(Debug, Args)]
pub struct NewVersionArguments {
    /// The backend, which cargo builds
    pub backend: String,
    /// Name of the version, such as 0.12.0-dev
    #[arg(value_name = "VERSION")]
    pub name: String,
    /// Folder of the framework's crate or workspace
    #[arg(long, value_name = "DIR")]
    pub path: PathBuf,
    /// Where backends lie.
    #[command(flatten)]
    pub backends: BackendArguments,
}
