//! The commands.

mod advice;
pub mod arguments;
mod bench;
mod check;
mod check_operations;
mod collect;
mod compare;
mod data;
mod doctor;
pub mod exit;
mod headline;
mod history;
mod inspect;
mod job;
mod list;
mod merge;
mod new_backend;
mod new_version;
mod operations;
mod pack;
mod report;
mod resume;
mod site;
mod sweep;
mod table;
mod verify;
mod workloads;

use std::path::PathBuf;

use clap::{CommandFactory, Parser};

use crate::bench::{ThreadCounts, cluster};
use crate::executor::{Executor, Limits, MemoryLimit, Program};
use crate::interrupt::{Interrupt, Interrupted};
use crate::output;
use crate::registry::{self, Registry};
use crate::{signals, worker};

use arguments::{BackendArguments, Cli, Command, WorkerArguments};

/// The first of some options that is given.
fn first_given<const N: usize>(options: [(&'static str, bool); N]) -> Option<&'static str> {
    options.into_iter().find_map(|(option, is_given)| is_given.then_some(option))
}

/// Runs the command line and returns the exit code.
pub fn main() -> i32 {
    let code = code();
    match output::lost() {
        Some(error) => {
            tell!("error: cannot write to standard output: {error}");
            if code == exit::OK { exit::USAGE } else { code }
        }
        None => code,
    }
}

fn code() -> i32 {
    let result = match std::env::args_os().nth(1) {
        // Not commands of the parser's, which would offer them in completions.
        Some(first) if first == worker::COMMAND => worker::guard::main().map(worker::guard::end_like),
        Some(first) if first == worker::guard::GUARDED => worker::main().map(|()| exit::OK),
        Some(first) if first == cluster::ROUND_COMMAND || first == cluster::AUDIT_COMMAND => {
            signals::prepare().and_then(|()| job::run(&first))
        }
        _ => match Cli::try_parse() {
            Ok(cli) => signals::prepare().and_then(|()| run(cli.command)),
            Err(error) => {
                let printed = error.print();
                if error.use_stderr() {
                    return exit::USAGE;
                }
                output::keep_trouble(printed);
                return exit::OK;
            }
        },
    };
    match result {
        Ok(code) => code,
        Err(error) if error.is::<Interrupted>() => {
            tell!("interrupted");
            exit::INTERRUPTED
        }
        Err(error) => {
            match advice::of(&error) {
                Some(advice) => tell!("error: {error:#}; {advice}"),
                None => tell!("error: {error:#}"),
            }
            exit::USAGE
        }
    }
}

fn run(command: Command) -> anyhow::Result<i32> {
    match command {
        Command::Bench(arguments) => bench::run(arguments),
        Command::Operations(arguments) => operations::run(&arguments),
        Command::List(arguments) => list::run(&arguments.backends),
        Command::Check(arguments) => check::run(&arguments),
        Command::Inspect { workload, toml } => inspect::run(workload.as_deref(), toml),
        Command::Data(arguments) => data::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Collect { run } => collect::run(&run),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::History(arguments) => history::run(&arguments),
        Command::Merge(arguments) => merge::run(&arguments),
        Command::Pack(arguments) => pack::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Site(arguments) => site::run(&arguments),
        Command::NewBackend(arguments) => new_backend::run(&arguments),
        Command::NewVersion(arguments) => new_version::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments.backends),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "trainmark", &mut script);
            say!("{}", String::from_utf8_lossy(&script).trim_end());
            Ok(exit::OK)
        }
    }
}

/// Folder of all run folders, unless `--out` names another.
fn runs_folder() -> PathBuf {
    registry::repository_root().join("reports").join("runs")
}

fn registry(arguments: &BackendArguments) -> anyhow::Result<Registry> {
    Registry::discover(&registry::repository_root(), &arguments.backend_path)
}

fn executor(limits: Limits) -> anyhow::Result<Executor> {
    Ok(Executor { program: Program::own()?, limits, interrupt: Interrupt::default() })
}

impl WorkerArguments {
    fn limits(&self) -> Limits {
        let memory = self.memory_limit.map_or(MemoryLimit::DEFAULT, MemoryLimit::Bytes);
        Limits::new(self.timeout, memory)
    }

    fn threads(&self) -> ThreadCounts {
        ThreadCounts::new(&self.threads)
    }
}
