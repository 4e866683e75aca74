//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::styling::{AnsiColor, Styles};
use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser};
use clap::{Args, Parser, Subcommand, ValueEnum};

use trainmark_plugin::Optimiser;
use trainmark_reports::compare::FailOn;
use trainmark_reports::formats::{FORMATS, document_names};
use trainmark_reports::history::Since;

use crate::data::{DatasetChoice, DatasetParser};
use crate::plan;
use crate::scaffold::Language;
use crate::units;
use crate::workload;

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

const SELECTIONS: &str =
    "`all`, or backends as BACKEND[@VERSION,…][/IMPLEMENTATION][@DEVICE], or libraries by path";

const BENCH_EXAMPLES: &str = "Examples:
  trainmark bench all                          every backend but those that download much
  trainmark bench all --with pytorch           and one of these
  trainmark bench candle tch                   two backends
  trainmark bench handwritten/builtin@cpu      one implementation on one device
  trainmark bench candle@0.10,0.11             two versions of a framework; `list` has them all
  trainmark bench ./libmine.so --quick         a library of your own, one epoch, one seed
  trainmark bench all --workload ./mine.toml   a network of your own (docs/workloads.md)
  trainmark bench tch --learning-rate 0.1,0.5,1 --batch-size 64,256   every combination, in one run
  trainmark bench tch --threads 1,2,4          what more threads bring
  trainmark bench candle --base main           what a change costs: the sources as they are against a revision
  trainmark bench --base ./old.so --head ./new.so --fail-on slower:5%
  trainmark bench all --executor slurm --nodes 4 --sbatch=--partition=long   on a cluster (docs/cluster.md)
  trainmark bench --resume latest              continue the run that was interrupted last

Exit code: 0 all went well; 1 a run failed or nothing could be run; 2 the command line or
an input cannot be used; 130 interrupted, what was recorded is kept.";

const COLLECT_EXAMPLES: &str = "Examples:
  trainmark bench all --executor slurm --submit-only
  trainmark collect latest                     as often as you like

Exit code: 0 all rounds have ended well, or some still wait or run; 1 a run failed, or jobs were lost:
`bench --resume` runs what is missing.";

const CHECK_EXAMPLES: &str = "Examples:
  trainmark check handwritten
  trainmark check ./libmine.so --workload softmax
  trainmark check handwritten --workload ./mine.toml   a network of your own (docs/workloads.md)
  trainmark check candle --operations --cases 1000   random layers and small models

A model of --operations that fails is made smaller while it still does, and printed with
the command that finds it again.";

const OPERATIONS_EXAMPLES: &str = "Examples:
  trainmark operations                             every operation of every backend
  trainmark operations candle --filter conv,pool   some of one backend
  trainmark operations tch/builtin                 those with batch norm, by its own layer
  trainmark operations tch/none                    those without batch norm
  trainmark operations --workload ./mine.toml      the layers of a network of your own
  trainmark operations --list                      their names, and what each computes

Times are kept in operations.json, beside the runs; `bench` and `report` show those of a
run's libraries. --out keeps them apart, such as those of a change before and after.

Exit code: 0 all went well; 1 an operation failed or none was timed; 2 the command line or
an input cannot be used; 130 interrupted, what was measured is kept.";

const REPORT_EXAMPLES: &str = "Examples:
  trainmark report                             the latest run
  trainmark report --format markdown > pr.md   for a pull request";

const COMPARE_EXAMPLES: &str = "Examples:
  trainmark compare 20260131T130500Z-all latest
  trainmark compare base/run new/run --format markdown --fail-on slower:5%

B is slower or faster where the 95% interval of its ratio to A, paired by seed, lies
beyond 1 and both runs' noise floors. --fail-on asks for more: the whole interval beyond
the limit. A cell with one seed or without times is named and does not fail.

Exit code: 0 all went well; 1 with --fail-on, a cell is too slow or none could be judged;
2 the runs cannot be read or compared.";

const HISTORY_EXAMPLES: &str = "Examples:
  trainmark history ./nightly
  trainmark history ./nightly --format html > history.html
  trainmark history ./nightly --fail-on slower:5% --confirm

What is followed is how many times as long as the control (handwritten) a cell takes in the
same rounds. A step is told where the runs after it differ from those before by more than
noise, corrected for all places of all series; docs/history.md has the rules.

Exit code: 0 all went well; 1 with --fail-on, a cell has become too slow or none could be
judged; 2 the folder cannot be read or holds no run; 130 interrupted.";

const MERGE_EXAMPLES: &str = "Examples:
  trainmark merge both laptop=latest server=../server/20260131T130500Z-all";

const PACK_EXAMPLES: &str = "Examples:
  trainmark pack latest                        writes RUN.tar.gz into this folder
  trainmark pack 20260131T130500Z-all --hide alice --out ~/packs

What is left out or replaced is named. Read docs/site.md before you publish one.";

const VERIFY_EXAMPLES: &str = "Examples:
  trainmark verify 20260131T130500Z-all.tar.gz
  trainmark verify latest --format json

A record that somebody has invented as a whole can pass: docs/site.md says what is found.

Exit code: 0 nothing speaks against it; 1 a check failed; 2 it cannot be read at all.";

const SITE_EXAMPLES: &str = "Examples:
  trainmark site runs --out public             runs holds run folders and packs

Each run is verified first; one that fails is named with the reason and not shown. runs/site.toml
may list those that the maintainers made (docs/site.md). The pages need no server and no network.

Exit code: 0 there are pages; 1 no run can be shown; 2 the folder cannot be used.";

const DATA_EXAMPLES: &str = "Examples:
  trainmark data                               where fashion-mnist is, and the others
  trainmark data fetch mnist                   downloads MNIST

TRAINMARK_DATA does what --data-dir does: it names the folder of a data set, or one in
which each data set has a folder (mnist, kmnist, emnist, cifar10, …).";

const NEW_BACKEND_EXAMPLES: &str = "Examples:
  trainmark new-backend mine --lang rust               in the repository's backends/mine
  trainmark new-backend mine --lang python             of which you write one file
  trainmark new-backend mine --lang c --dir ../mine    in a folder of your own

Then: trainmark check mine --workload softmax          says what to fill in first";

const NEW_VERSION_EXAMPLES: &str = "Examples:
  trainmark new-version candle 0.12.0-dev --path ../candle

Then: trainmark bench candle@0.11,0.12.0-dev           the working copy beside the release";

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
    /// Time for rounds and audits, such as 15m: where it is short, runs are for time only, and the
    /// dearest cells go without
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = units::parse_duration)]
    pub budget: Duration,
    /// Folder in which the run's folder is made [default: reports/runs]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Continue an interrupted run: its folder, its name, or `latest`; backends outside the repository
    /// are named again
    #[arg(long, value_name = "RUN", conflicts_with_all = [
        "quick", "no_audit", "with", "base", "implementation", "device", "workload", "epochs", "seeds", "budget", "out", "threads",
        "timeout", "memory_limit", "dataset", "data_dir", "offline", "optimiser", "learning_rate", "batch_size", "samples",
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
    /// Print what was found as JSON
    #[arg(long, requires = "operations")]
    pub json: bool,
    /// What of the workloads is changed.
    #[command(flatten)]
    pub changes: ChangeArguments,
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
    #[arg(long, value_name = "RATE", value_delimiter = ',', value_parser = learning_rate)]
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

fn learning_rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|rate| rate.is_finite() && *rate > 0.0);
    rate.ok_or_else(|| format!("`{text}` is no learning rate; write a number above 0, such as 0.1"))
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

/// Arguments of `list` and `doctor`.
#[derive(Debug, Args)]
pub struct ListArguments {
    /// Where backends lie.
    #[command(flatten)]
    pub backends: BackendArguments,
}

/// Arguments of `report`.
#[derive(Debug, Args)]
pub struct ReportArguments {
    /// A run folder, or its name in reports/runs; none: the latest
    pub run: Option<PathBuf>,
    /// Names of [`FORMATS`].
    #[arg(long, help = format!("csv and html: files in the run folder; {}: to standard output, nothing else",
        document_names().join(", ")), value_name = "NAME", value_delimiter = ',', default_values = ["html", "csv"],
        value_parser = PossibleValuesParser::new(FORMATS.map(|format| format.name)))]
    pub format: Vec<String>,
}

/// Arguments of `compare`.
#[derive(Debug, Args)]
pub struct CompareArguments {
    /// The earlier run: its folder, its name in reports/runs, or `latest`
    pub a: PathBuf,
    /// The later run
    pub b: PathBuf,
    /// Compare runs of different processors, devices or numbers of threads
    #[arg(long)]
    pub across_machines: bool,
    /// Exit with 1 where a cell of B is slower than A by more than this, such as slower:5%
    #[arg(long, value_name = "LIMIT")]
    pub fail_on: Option<FailOn>,
    /// Form of what is printed
    #[arg(long, value_enum, value_name = "NAME", default_value_t = CompareFormat::Text)]
    pub format: CompareFormat,
}

/// In what form a comparison is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the names say it")]
pub enum CompareFormat {
    Text,
    Markdown,
    Json,
}

/// Arguments of `history`.
#[derive(Debug, Args)]
pub struct HistoryArguments {
    /// Folder with run folders on any level, such as a Git repository of them
    pub dir: PathBuf,
    /// Exit with 1 where a recent step made a cell slower by more than this, such as slower:5%
    #[arg(long, value_name = "LIMIT")]
    pub fail_on: Option<FailOn>,
    /// Steps from this day on count for --fail-on [default: those of the last 20 runs]
    #[arg(long, value_name = "YYYY-MM-DD", requires = "fail_on")]
    pub since: Option<Since>,
    /// First time the libraries before and after each step in the same rounds, where both are still there
    #[arg(long)]
    pub confirm: bool,
    /// A library that --confirm may need, besides those in target/backends
    #[arg(long, value_name = "LIBRARY", requires = "confirm")]
    pub library: Vec<PathBuf>,
    /// Form of what is printed
    #[arg(long, value_enum, value_name = "NAME", default_value_t = HistoryFormat::Text)]
    pub format: HistoryFormat,
}

/// In what form a history is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the names say it")]
pub enum HistoryFormat {
    Text,
    Markdown,
    Json,
    Html,
}

/// Arguments of `merge`.
#[derive(Debug, Args)]
pub struct MergeArguments {
    /// Run folder to make
    pub dir: PathBuf,
    /// Runs, each with a label for its machine [default label: its processor]
    #[arg(value_name = "[LABEL=]RUN", required = true, num_args = 2..)]
    pub runs: Vec<String>,
}

/// Arguments of `pack`.
#[derive(Debug, Args)]
pub struct PackArguments {
    /// A run folder, or its name in reports/runs, or `latest`
    pub run: PathBuf,
    /// Folder in which RUN.tar.gz is written [default: this one]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Names to leave out besides the user's and the machine's
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    pub hide: Vec<String>,
}

/// Arguments of `site`.
#[derive(Debug, Args)]
pub struct SiteArguments {
    /// Folder of run folders and packs, at whatever depth
    pub dir: PathBuf,
    /// Folder of the pages, which is made; an earlier site there is replaced
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Names to leave out besides the user's and the machine's
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    pub hide: Vec<String>,
}

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub struct VerifyArguments {
    /// A pack, a run folder, its name in reports/runs, or `latest`
    pub run: PathBuf,
    /// Form of what is printed
    #[arg(long, value_enum, value_name = "NAME", default_value_t = VerifyFormat::Text)]
    pub format: VerifyFormat,
}

/// In what form a verification is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the names say it")]
pub enum VerifyFormat {
    Text,
    Json,
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
