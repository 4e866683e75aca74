//! The command line.

mod backends;
mod data;
mod examples;
mod runs;
mod shared;
mod timed;

use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Parser, Subcommand};

pub use backends::{ListArguments, NewBackendArguments, NewVersionArguments};
pub use data::{DataAction, DataArguments};
use examples::{
    BENCH_EXAMPLES, CHECK_EXAMPLES, COLLECT_EXAMPLES, COMPARE_EXAMPLES, DATA_EXAMPLES, HISTORY_EXAMPLES,
    MERGE_EXAMPLES, NEW_BACKEND_EXAMPLES, NEW_VERSION_EXAMPLES, OPERATIONS_EXAMPLES, PACK_EXAMPLES,
    REPORT_EXAMPLES, SITE_EXAMPLES, VERIFY_EXAMPLES,
};
pub use runs::{
    CompareArguments, CompareFormat, HistoryArguments, HistoryFormat, MergeArguments, PackArguments,
    ReportArguments, SiteArguments, VerifyArguments, VerifyFormat,
};
pub use shared::{BackendArguments, DatasetArguments, WorkerArguments};
pub use timed::{BenchArguments, ChangeArguments, CheckArguments, ExecutorName, OperationsArguments};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default())
    .placeholder(AnsiColor::Cyan.on_default());

/// Trains the same network with every deep-learning framework you name, proves
/// that they compute the same function, and measures how fast they do it.
#[derive(Debug, Parser)]
#[command(name = "trainmark", version, styles = STYLES, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check and time backends, and write CSV and an HTML report.
    #[command(after_help = BENCH_EXAMPLES)]
    Bench(BenchArguments),
    /// Time single operations (a step, a convolution, a batch norm, …), which reports show.
    #[command(after_help = OPERATIONS_EXAMPLES)]
    Operations(OperationsArguments),
    /// List backends with their implementations and devices, and what is missing.
    List(ListArguments),
    /// Check that a backend computes the same function as the reference.
    #[command(after_help = CHECK_EXAMPLES)]
    Check(CheckArguments),
    /// Print a workload's layers with output shapes and parameter counts, or list all workloads.
    Inspect {
        /// A workload, such as lenet-bn, or a file, such as ./mine.toml; none: list what is built in.
        workload: Option<String>,
        /// Print the file that describes it, to start one's own from
        #[arg(long, requires = "workload")]
        toml: bool,
    },
    /// Show where data sets lie, or fetch one.
    #[command(after_help = DATA_EXAMPLES)]
    Data(DataArguments),
    /// Render a run's CSV and HTML again, and print its table, or another document.
    #[command(after_help = REPORT_EXAMPLES)]
    Report(ReportArguments),
    /// Gather what the jobs of a benchmark on a cluster have measured until now.
    #[command(after_help = COLLECT_EXAMPLES)]
    Collect {
        /// The run: its folder, its name, or `latest`
        run: PathBuf,
    },
    /// Say of each cell whether a run is slower or faster than an earlier one.
    #[command(after_help = COMPARE_EXAMPLES)]
    Compare(CompareArguments),
    /// Follow every cell through many runs, and say where it became slower or faster.
    #[command(after_help = HISTORY_EXAMPLES)]
    History(HistoryArguments),
    /// Make one run folder of several, such as those of two machines, and report on it.
    #[command(after_help = MERGE_EXAMPLES)]
    Merge(MergeArguments),
    /// Make one file of a run, without names of people and places, to hand it to others.
    #[command(after_help = PACK_EXAMPLES)]
    Pack(PackArguments),
    /// Check a run that others hand in: that it is whole, and agrees with itself.
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(VerifyArguments),
    /// Make static pages of a folder of runs: which framework now, each over its versions, defects.
    #[command(after_help = SITE_EXAMPLES)]
    Site(SiteArguments),
    /// Write the folder of a new backend, which builds and says what is to be filled in.
    #[command(after_help = NEW_BACKEND_EXAMPLES)]
    NewBackend(NewBackendArguments),
    /// Write a version of a backend that is built with a working copy of its framework.
    #[command(after_help = NEW_VERSION_EXAMPLES)]
    NewVersion(NewVersionArguments),
    /// Say what this machine has and lacks, and the command that mends it.
    Doctor(ListArguments),
    /// Print a script that completes commands in your shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}
