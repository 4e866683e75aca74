//! The commands.

pub mod arguments;
mod bench;
mod check;
mod compare;
mod data;
mod doctor;
pub mod exit;
mod inspect;
mod list;
mod merge;
mod new_backend;
mod operations;
mod report;
mod resume;
mod table;

use std::path::PathBuf;

use anyhow::Context;
use clap::{CommandFactory, Parser};

use crate::executor::{Executor, Limits, MemoryLimit};
use crate::interrupt::{Interrupt, Interrupted};
use crate::machine;
use crate::output;
use crate::registry::{self, Registry};

use arguments::{BackendArguments, Cli, Command, WorkerArguments};

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
    // Not a command of the parser's, which would offer it in completions.
    let is_worker = std::env::args_os().nth(1).is_some_and(|first| first == crate::worker::COMMAND);
    let result = if is_worker {
        crate::worker::main().map(|()| exit::OK)
    } else {
        match Cli::try_parse() {
            Ok(cli) => run(cli.command),
            Err(error) => {
                let printed = error.print();
                if error.use_stderr() {
                    return exit::USAGE;
                }
                output::keep_trouble(printed);
                return exit::OK;
            }
        }
    };
    match result {
        Ok(code) => code,
        Err(error) if error.is::<Interrupted>() => {
            tell!("interrupted");
            exit::INTERRUPTED
        }
        Err(error) => {
            tell!("error: {error:#}");
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
        Command::Inspect { workload } => inspect::run(workload.as_deref()),
        Command::Data(arguments) => data::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Merge(arguments) => merge::run(&arguments),
        Command::NewBackend(arguments) => new_backend::run(&arguments),
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
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    Ok(Executor { program, limits, interrupt: Interrupt::default() })
}

impl WorkerArguments {
    fn limits(&self) -> Limits {
        let memory = self.memory_limit.map_or(MemoryLimit::DEFAULT, MemoryLimit::Bytes);
        Limits { call: self.timeout, memory }
    }

    fn threads(&self) -> usize {
        self.threads.unwrap_or_else(machine::logical_cpus)
    }
}
