//! Arguments of what reads runs.

use std::path::PathBuf;

use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser};
use clap::{Args, ValueEnum};

use trainmark_reports::compare::FailOn;
use trainmark_reports::formats::{FORMATS, document_names};
use trainmark_reports::history::Since;

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
