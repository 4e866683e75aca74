//! `--confirm`: the library before a step and the one after it in the same rounds.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context;
use trainmark_reports::history::{Confirmation, History, Line};

use crate::cli::arguments::HistoryArguments;
use crate::cli::exit;
use crate::interrupt::{Interrupt, Interrupted};
use crate::process::Program;
use crate::registry::{build::content_hash, repository_root};
use crate::{machine, plan, shell};

/// Where the benchmarks go, in the history's folder: they are a part of it.
const FOLDER: &str = "confirmed";
/// How deep below `target/backends` libraries lie, at most.
const DEEPEST: usize = 6;

/// Two libraries, and what they are held against each other for.
struct Trial<'h> {
    libraries: &'h [String; 2],
    lines: Vec<&'h Line>,
}

/// Runs a benchmark of two builds for each pair of libraries that a step lies between and that none was
/// made of yet, suspected steps among them. Says whether there was any.
///
/// # Errors
/// Where no process can be started, or the user interrupts.
pub(super) fn all(arguments: &HistoryArguments, history: &History) -> anyhow::Result<bool> {
    let trials = trials(history);
    if trials.is_empty() {
        tell!("confirm: no step lies between two libraries that were not yet held against each other");
        return Ok(false);
    }
    let places = places(&arguments.library);
    // It ends after the benchmark that it has started, which keeps what was recorded.
    Interrupt::default().listen()?;
    let mut was_any = false;
    for trial in trials {
        match trial.command(&places, &arguments.dir) {
            Ok(words) => {
                was_any = true;
                run(&words)?;
            }
            Err(reason) => tell!("not confirmed: {}: {reason}", trial.name()),
        }
    }
    Ok(was_any)
}

/// What is to be tried, that of one pair of libraries, data set, device and number of threads together.
fn trials(history: &History) -> Vec<Trial<'_>> {
    let mut trials: Vec<Trial<'_>> = Vec::new();
    for series in &history.series {
        for step in series.steps.iter().chain(&series.suspected) {
            let (Confirmation::NotYet, Some(libraries)) = (&step.confirmation, &step.libraries) else {
                continue;
            };
            let line = &series.line;
            match trials.iter_mut().find(|trial| trial.libraries == libraries && trial.goes_with(line)) {
                Some(trial) if trial.lines.contains(&line) => {}
                Some(trial) => trial.lines.push(line),
                None => trials.push(Trial { libraries, lines: vec![line] }),
            }
        }
    }
    trials
}

impl Trial<'_> {
    fn name(&self) -> String {
        let names: Vec<String> = self.lines.iter().map(|line| line.name()).collect();
        names.join(", ")
    }

    fn goes_with(&self, line: &Line) -> bool {
        let of = |line: &Line| {
            (line.machine.clone(), line.fingerprint.clone(), line.device.clone(), line.threads, line.timed)
        };
        self.lines.iter().all(|other| of(other) == of(line))
    }

    /// The words after `trainmark`, or why there are none.
    fn command(&self, places: &BTreeMap<String, PathBuf>, dir: &Path) -> Result<Vec<String>, String> {
        let line = self.lines[0];
        let here = machine::environment();
        if (&here.cpu, here.logical_cpus) != (&line.machine.cpu, line.machine.logical_cpus) {
            return Err(format!("it is of another machine, {}", line.machine));
        }
        let place = |hash: &String| {
            let missing = || format!("no library {hash:.12}… in target/backends: name it with --library");
            places.get(hash).map(|path| path.to_string_lossy().into_owned()).ok_or_else(missing)
        };
        let [base, head] = [place(&self.libraries[0])?, place(&self.libraries[1])?];
        let out = dir.join(FOLDER).to_string_lossy().into_owned();
        let mut words: Vec<String> =
            ["bench", "--base", &base, "--head", &head, "--out", &out].map(str::to_owned).to_vec();
        words.extend([
            "--device".to_owned(),
            line.device.clone(),
            "--threads".to_owned(),
            line.threads.to_string(),
        ]);
        if !line.dataset.starts_with("idx:") {
            words.extend(["--dataset".to_owned(), line.dataset.clone()]);
        }
        if line.timed.starts_with("first") {
            words.extend(["--epochs".to_owned(), "1".to_owned()]);
        }
        let implementations: BTreeSet<&str> = self
            .lines
            .iter()
            .map(|line| line.implementation.as_str())
            .filter(|name| *name != "none")
            .collect();
        if !implementations.is_empty() && self.lines.iter().all(|line| line.implementation != "none") {
            let names: Vec<&str> = implementations.into_iter().collect();
            words.extend(["--implementation".to_owned(), names.join(",")]);
        }
        words.extend(self.workloads()?);
        Ok(words)
    }

    /// `--workload` with the names, and what was changed of them.
    fn workloads(&self) -> Result<Vec<String>, String> {
        let parts = |line: &Line| match line.workload.split_once(" (") {
            Some((name, changes)) => (name.to_owned(), changes.trim_end_matches(')').to_owned()),
            None => (line.workload.clone(), String::new()),
        };
        let all: BTreeSet<(String, String)> = self.lines.iter().map(|line| parts(line)).collect();
        let changes: BTreeSet<&String> = all.iter().map(|(_, changes)| changes).collect();
        let (Some(changes), 1) = (changes.first(), changes.len()) else {
            return Err("its workloads were changed each in its own way: bench them by themselves".to_owned());
        };
        let names: BTreeSet<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
        let mut words = vec!["--workload".to_owned(), names.into_iter().collect::<Vec<_>>().join(",")];
        for change in changes.split(", ").filter(|change| !change.is_empty()) {
            words.extend(option(change)?);
        }
        Ok(words)
    }
}

/// The option that makes a change that a workload's name tells.
fn option(change: &str) -> Result<[String; 2], String> {
    let numbers = [("learning rate ", "--learning-rate"), ("batch size ", "--batch-size")];
    let number = numbers.iter().find_map(|(words, option)| Some((*option, change.strip_prefix(words)?)));
    let samples = || Some(("--samples", change.strip_suffix(" samples")?));
    match number.or_else(samples) {
        Some((option, value)) if value != "all" => Ok([option.to_owned(), value.to_owned()]),
        _ => Err(format!("its workload was changed ({change}): bench it by itself")),
    }
}

/// Every library that is named or lies in `target/backends`, by its SHA-256.
fn places(named: &[PathBuf]) -> BTreeMap<String, PathBuf> {
    let mut files = named.to_vec();
    collect(&repository_root().join("target").join("backends"), DEEPEST, &mut files);
    let hashed = files.into_iter().filter_map(|path| {
        let path = std::path::absolute(path).ok()?;
        let hash = File::open(&path).and_then(|mut file| content_hash(&mut file));
        match hash {
            Ok(hash) => Some((hash, path)),
            Err(error) => {
                tell!("note: cannot read {}: {error}", path.display());
                None
            }
        }
    });
    // The first of two of the same stands: one that was named.
    let mut places = BTreeMap::new();
    for (hash, path) in hashed {
        places.entry(hash).or_insert(path);
    }
    places
}

fn collect(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        match path.symlink_metadata() {
            Ok(metadata) if metadata.is_dir() && depth > 0 => collect(&path, depth - 1, files),
            Ok(metadata) if metadata.is_file() && plan::is_library_path(&path.to_string_lossy()) => {
                files.push(path)
            }
            _ => {}
        }
    }
}

/// Runs the benchmark as a process of its own; what it prints goes to standard error.
fn run(words: &[String]) -> anyhow::Result<()> {
    let told: Vec<String> = words.iter().map(|word| shell::quoted(word)).collect();
    tell!("confirm: cargo run -- {}", told.join(" "));
    let stderr = std::os::fd::AsFd::as_fd(&std::io::stderr()).try_clone_to_owned();
    let program = Program::own()?;
    let mut command = program.command();
    command.args(words).stdin(Stdio::null()).stdout(stderr.context("cannot use standard error")?);
    let status = command.status().context("cannot start the benchmark of both libraries")?;
    if status.code() == Some(exit::INTERRUPTED) {
        return Err(Interrupted.into());
    }
    if status.code() != Some(exit::OK) {
        tell!("the benchmark of both libraries did not go well: {status}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::option;

    #[test]
    fn changes_of_a_workload_are_options() {
        let words = |change| option(change).map(|words| words.join(" "));
        assert_eq!(words("2000 samples").unwrap(), "--samples 2000");
        assert_eq!(words("learning rate 0.5").unwrap(), "--learning-rate 0.5");
        assert_eq!(words("batch size 64").unwrap(), "--batch-size 64");
        for other in ["all samples", "other layers", "Adam"] {
            assert!(words(other).unwrap_err().contains("bench it by itself"), "{other}");
        }
    }
}
