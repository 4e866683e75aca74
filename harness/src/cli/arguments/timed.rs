//! Arguments of what trains: `bench`, `check`, `operations`.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};

use trainmark_plugin::Optimiser;
use trainmark_reports::compare::FailOn;

use super::examples::SELECTIONS;
use super::{BackendArguments, DatasetArguments, WorkerArguments};
use crate::{plan, units, workload};

/// Arguments of `bench`.
#[derive(Debug, Args)]
pub struct BenchArguments {
    /// Backends, or libraries by path.
    #[arg(
        value_name = "BACKEND",
        required_unless_present_any = ["resume", "base"],
        help = SELECTIONS
    )]
    pub selections: Vec<String>,
    /// Time two builds of a backend in the same rounds, until a difference is shown: this one, a library
    /// by path, a revision of the repository or a @VERSION of the framework, of which the named backends
    /// are built, …
    #[arg(long, value_name = "LIBRARY|REVISION|@VERSION")]
    pub base: Option<String>,
    /// … and this one [default: the repository as it is]
    #[arg(long, value_name = "LIBRARY|REVISION|@VERSION", requires = "base")]
    pub head: Option<String>,
    /// Exit with 1 where the head is slower than the base by more than this, such as slower:5%
    #[arg(long, value_name = "LIMIT", requires = "base")]
    pub fail_on: Option<FailOn>,
    /// Backends, or implementations as BACKEND/IMPLEMENTATION, besides those: some are no part of `all`
    #[arg(long, value_name = "BACKEND", value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    pub with: Vec<String>,
    /// Only these implementations of batch norm [default: those that a backend runs unasked]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub implementation: Vec<String>,
    /// Only these devices, such as cpu, cuda:0 or wgpu [default: all that there are]
    #[arg(long, value_name = "DEVICE", value_delimiter = ',', value_parser = device)]
    pub device: Vec<String>,
    /// Workloads to train: lenet-bn, lenet, softmax and others that `inspect` lists, or files, such as ./mine.toml
    #[arg(long, value_name = "NAME", value_delimiter = ',', default_values = ["lenet-bn", "lenet"])]
    pub workload: Vec<String>,
    /// What of the workloads is changed.
    #[command(flatten)]
    pub changes: ChangeArguments,
    /// Do not ask before a sweep of many cells
    #[arg(long)]
    pub yes: bool,
    /// Epochs of a run to the end [default: the most of any workload, 5 of those that are built in]
    #[arg(long, value_name = "N")]
    pub epochs: Option<u32>,
    /// Seeds, each one round over all cells: 1, 2, … N [default: 3]
    #[arg(long, value_name = "N")]
    pub seeds: Option<u32>,
    /// Time for rounds and audits: where it is short, runs are for time only, and the dearest cells
    /// go without [default: 15m]
    #[arg(long, value_name = "TIME", value_parser = units::parse_duration)]
    pub budget: Option<Duration>,
    /// Folder in which the run's folder is made [default: reports/runs]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Continue a run that was interrupted, or had too little time: its folder, its name, or `latest`;
    /// backends outside the repository are named again
    #[arg(long, value_name = "RUN", conflicts_with_all = [
        "quick", "no_audit", "with", "base", "implementation", "device", "workload", "epochs", "seeds", "out", "threads",
        "timeout", "memory_limit", "dataset", "data_dir", "optimiser", "learning_rate", "batch_size", "samples",
        "yes", "executor", "nodes", "sbatch",
    ])]
    pub resume: Option<PathBuf>,
    /// Where rounds are run: on this machine, or each as a job of a cluster that Slurm runs (docs/cluster.md)
    #[arg(long, value_enum, value_name = "NAME", default_value_t = ExecutorName::Local)]
    pub executor: ExecutorName,
    /// Nodes that are used at the same time at most [default: as many as Slurm gives]
    #[arg(long, value_name = "N")]
    pub nodes: Option<u32>,
    /// An option for sbatch, such as --sbatch=--partition=long; may be given several times
    #[arg(long, value_name = "OPTION", require_equals = true, allow_hyphen_values = true)]
    pub sbatch: Vec<String>,
    /// Submit the jobs and end; `collect` gathers later what they have measured
    #[arg(long)]
    pub submit_only: bool,
    /// One epoch and one seed, to try things out
    #[arg(long)]
    pub quick: bool,
    /// Hold no timed epoch against its steps made once more; the report says so
    #[arg(long)]
    pub no_audit: bool,
    /// What a worker may use.
    #[command(flatten)]
    pub worker: WorkerArguments,
    /// The data set.
    #[command(flatten)]
    pub data: DatasetArguments,
    /// Where backends lie.
    #[command(flatten)]
    pub backends: BackendArguments,
}

/// Where rounds are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ExecutorName {
    Local,
    Slurm,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArguments {
    /// Backends, or libraries by path.
    #[arg(
        value_name = "BACKEND",
        required = true,
        help = SELECTIONS
    )]
    pub selections: Vec<String>,
    /// Only these devices, such as cpu, cuda:0 or wgpu [default: all that there are]
    #[arg(long, value_name = "DEVICE", value_delimiter = ',', value_parser = device)]
    pub device: Vec<String>,
    /// Workloads to check: lenet-bn, lenet, softmax and others that `inspect` lists, or files, such as ./mine.toml
    #[arg(long, value_name = "NAME", value_delimiter = ',', default_values = ["lenet-bn", "lenet"])]
    pub workload: Vec<String>,
    /// Check every operation instead: random layers and small models, each value within what
    /// float32's rounding explains
    #[arg(long, conflicts_with_all = [
        "workload", "optimiser", "learning_rate", "batch_size", "samples", "dataset", "data_dir",
    ])]
    pub operations: bool,
    /// Random models that are tried [default: 300]
    #[arg(long, value_name = "N", requires = "operations", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub cases: Option<u32>,
    /// What they are drawn by [default: 1]
    #[arg(long, value_name = "N", requires = "operations")]
    pub seed: Option<u64>,
    /// Only the model of this number, as a failure names it
    #[arg(long, value_name = "NUMBER", requires = "operations", conflicts_with = "cases")]
    pub case: Option<u32>,
    /// Print what was found as JSON, of --operations and of files with a `[case]`
    #[arg(long)]
    pub json: bool,
    /// What of the workloads is changed.
    #[command(flatten)]
    pub changes: ChangeArguments,
    /// Do not ask before a sweep of many cells
    #[arg(long)]
    pub yes: bool,
    /// What a worker may use.
    #[command(flatten)]
    pub worker: WorkerArguments,
    /// The data set.
    #[command(flatten)]
    pub data: DatasetArguments,
    /// Where backends lie.
    #[command(flatten)]
    pub backends: BackendArguments,
}

/// What of the workloads is changed: a list makes a workload of each value.
#[derive(Debug, Args)]
pub struct ChangeArguments {
    /// Optimiser in place of the workloads', as a file has it: sgd, "momentum 0.9, weight decay 5e-4", adam; given
    /// several times it makes a workload of each
    #[arg(long, value_name = "WORDS", value_parser = workload::parse_optimiser)]
    pub optimiser: Vec<Optimiser>,
    /// Learning rates in place of the workloads': a list makes a workload of each
    #[arg(long, value_name = "RATE", value_delimiter = ',', value_parser = workload::parse_learning_rate)]
    pub learning_rate: Vec<f64>,
    /// Batch sizes in place of the workloads'; a list likewise
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    pub batch_size: Vec<u32>,
    /// Train on so many samples, the first of the data set; a list likewise
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..))]
    pub samples: Vec<u32>,
}

fn device(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("an empty word is no device; write cpu, cuda:0 or the like".to_owned());
    }
    plan::check_device(text).map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

/// Arguments of `operations`.
#[derive(Debug, Args)]
pub struct OperationsArguments {
    /// Backends, or libraries by path.
    #[arg(
        value_name = "BACKEND",
        default_value = "all",
        help = SELECTIONS
    )]
    pub selections: Vec<String>,
    /// Only these devices, such as cpu, cuda:0 or wgpu [default: all that there are]
    #[arg(long, value_name = "DEVICE", value_delimiter = ',', value_parser = device)]
    pub device: Vec<String>,
    /// Workloads whose step, prediction and layers are timed: lenet-bn, lenet, softmax, or files, such as
    /// ./mine.toml [default: operations at LeNet's shapes]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub workload: Vec<String>,
    /// Only operations with this in their lower-case name, such as conv or batch_norm1 [default: all]
    #[arg(long, value_name = "TEXT", value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    pub filter: Vec<String>,
    /// Name the operations and do nothing else
    #[arg(long)]
    pub list: bool,
    /// Fewer rounds, to try things out
    #[arg(long)]
    pub quick: bool,
    /// Folder of operations.json [default: reports/runs]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// What a worker may use.
    #[command(flatten)]
    pub worker: WorkerArguments,
    /// Download nothing that building a backend would fetch
    #[arg(long)]
    pub offline: bool,
    /// Where backends lie.
    #[command(flatten)]
    pub backends: BackendArguments,
}
