//! `bench`

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use trainmark_reports::Record;
use trainmark_reports::compare::FailOn;
use trainmark_reports::paired::{BuildCheck, build_pairs};
use trainmark_reports::record::Outcome;
use trainmark_reports::summary::{group, summarize};

use super::arguments::{BenchArguments, ExecutorName, WorkerArguments};
use super::resume::{self, Foreign};
use super::sweep::{self, Extent};
use super::{exit, table, workloads};
use crate::bench::cluster::{Slurm, SlurmOptions};
use crate::bench::event::{Happening, Sink};
use crate::bench::on_cluster::{self, Sent, Unsent};
use crate::bench::prepare::Preparer;
use crate::bench::{
    self, BenchRequest, Finished, Place, Schedule, Selected, Side, Sides, ThreadCounts, Unchanged, progress,
};
use crate::executor::Limits;
use crate::plan::{self, Selection};
use crate::registry::{self, Registry, Version};
use crate::workload::Workload;
use crate::{data, shell, units};

const DEFAULT_SEEDS: u32 = 3;
const DEFAULT_BUDGET: Duration = Duration::from_secs(15 * 60);
/// Of two builds that are held against each other: rounds end before that once a difference is shown.
const MOST_SEEDS_OF_BUILDS: u32 = 30;

pub(super) fn run(arguments: BenchArguments) -> anyhow::Result<i32> {
    let (is_agreed, fail_on, submit_only) = (arguments.yes, arguments.fail_on, arguments.submit_only);
    let (request, place) = request_and_place(arguments)?;
    request.check()?;
    let schedule = &request.schedule;
    let executor = super::executor(Limits::new(schedule.timeout, schedule.memory_limit))?;
    let registry = Registry::discover(&registry::repository_root(), &request.selected.backend_paths)?;
    if let Place::Within(_) = place {
        sweep::ask(&request.selected, &registry, Extent::Benchmark, is_agreed)?;
    }
    let mut screen = progress::for_stderr();
    let mut screen = WithTables(screen.as_mut());
    let mut preparer = Preparer::new(&request.selected, registry, &executor, &mut screen)?;
    if fail_on.is_some() {
        preparer = preparer.for_a_check();
    }
    if submit_only {
        let sent = unless_unchanged(on_cluster::submit(&request, &place, preparer))?;
        return Ok(sent.map_or(exit::OK, |sent| tell_sent(&sent)));
    }
    let Some(finished) = unless_unchanged(bench::run(&request, &place, preparer))? else {
        return Ok(exit::OK);
    };
    report(&finished, &request);
    let code = exit_code(&finished);
    let is_judged = request.selected.sides.is_some() && code != exit::INTERRUPTED;
    Ok(if is_judged && is_in_vain(&finished.record, fail_on) { exit::FAILED } else { code })
}

/// `None`, said aloud, where two builds are the same, so that nothing was run and nothing can be slower.
fn unless_unchanged<T>(done: anyhow::Result<T>) -> anyhow::Result<Option<T>> {
    match done {
        Err(error) if error.is::<Unchanged>() => {
            tell!("passed: {error}");
            Ok(None)
        }
        done => done.map(Some),
    }
}

/// Says what was submitted, and how it goes on.
fn tell_sent(sent: &Sent) -> i32 {
    let folder = shell::quoted_path(&sent.folder);
    if let Some(Unsent { rounds, audits }) = &sent.unsent {
        let rounds = shell::quoted_path(rounds);
        say!("no sbatch here: submit the rounds on a machine of the cluster with `sbatch {rounds}`");
        if let Some(audits) = audits {
            let audits = shell::quoted_path(audits);
            say!("and the audits, which follow the rounds, with `sbatch --dependency=afterany:JOB {audits}`");
        }
    }
    say!("run     {}", sent.folder.display());
    say!("gather  `collect {folder}` whenever you like; `bench --resume {folder}` runs what was lost");
    exit::OK
}

/// A screen that shows the results so far as tables, too.
struct WithTables<'s>(&'s mut dyn Sink);

impl Sink for WithTables<'_> {
    fn hear(&mut self, happening: Happening<'_>) -> anyhow::Result<()> {
        self.0.hear(happening)?;
        if let Happening::SoFar(record) = happening {
            let ended = units::count(record.runs.len(), "run");
            let text = format!("\nso far, after {ended}:\n{}", table::results(record));
            self.0.hear(Happening::Note(&text))?;
        }
        Ok(())
    }
}

fn request_and_place(arguments: BenchArguments) -> anyhow::Result<(BenchRequest, Place)> {
    if let Some(run) = &arguments.resume {
        let folder = find_run(run)?;
        let mut request = BenchRequest::read(&folder)?;
        let named = Selected {
            selections: arguments
                .selections
                .iter()
                .map(|text| absolute_selection(text))
                .collect::<Result<_, _>>()?,
            backend_paths: absolute_all(&arguments.backends.backend_path)?,
            ..Selected::default()
        };
        Foreign::of(&request.selected).check_named(&named, &folder)?;
        request.selected.offline |= arguments.data.offline;
        if let Some(budget) = arguments.budget {
            anyhow::ensure!(
                request.slurm.is_none(),
                "--budget with --resume: rounds on a cluster keep the budget that the run was begun with"
            );
            request.schedule.budget = Some(budget);
        }
        return Ok((request, Place::Resume(folder)));
    }
    let parent = arguments.out.clone().unwrap_or_else(super::runs_folder);
    Ok((request(arguments)?, Place::Within(parent)))
}

fn request(arguments: BenchArguments) -> anyhow::Result<BenchRequest> {
    let limits = arguments.worker.limits();
    let workloads = workloads::chosen(&arguments.workload, &arguments.changes, limits.memory)?;
    workloads.iter().try_for_each(Workload::check_is_trained)?;
    workloads::tell_controls(&workloads);
    let epochs = workloads.iter().map(|workload| workload.epochs).max().unwrap_or(1);
    let sides = sides(&arguments)?;
    let slurm = slurm(&arguments)?;
    let seeds = if sides.is_some() { MOST_SEEDS_OF_BUILDS } else { DEFAULT_SEEDS };
    let (epochs, seeds) = if arguments.quick { (1, 1) } else { (epochs, seeds) };
    let seeds = arguments.seeds.unwrap_or(seeds);
    let schedule = Schedule {
        epochs: arguments.epochs.unwrap_or(epochs),
        seeds,
        only: None,
        until_decided: sides.is_some() && arguments.seeds.is_none(),
        repeats: seeds > 1 && !arguments.quick,
        audit: Some(!arguments.no_audit),
        budget: Some(arguments.budget.unwrap_or(DEFAULT_BUDGET)),
        timeout: limits.call,
        memory_limit: limits.memory,
    };
    let named = arguments.selections.iter().cloned().chain(with_versions(arguments.with));
    let selections = named.map(|text| absolute_selection(&text));
    let selected = Selected {
        selections: selections.collect::<Result<_, _>>()?,
        sides,
        implementations: arguments.implementation,
        devices: arguments.device,
        dataset: workloads::dataset(arguments.data.dataset.as_ref(), &workloads)?,
        workloads,
        data_dir: arguments.data.data_dir.as_deref().map(absolute).transpose()?,
        data_variable: data::Sources::from_process().data_dir.as_deref().map(absolute).transpose()?,
        threads: threads(&arguments.worker, slurm.as_ref()),
        backend_paths: absolute_all(&arguments.backends.backend_path)?,
        offline: arguments.data.offline,
    };
    Ok(BenchRequest { selected, schedule, slurm, command: command_line() })
}

/// How rounds are sent to a cluster, if they are.
fn slurm(arguments: &BenchArguments) -> anyhow::Result<Option<SlurmOptions>> {
    let options = SlurmOptions { nodes: arguments.nodes, sbatch: arguments.sbatch.clone() };
    if arguments.executor == ExecutorName::Local {
        let is_meant = options != SlurmOptions::default() || arguments.submit_only;
        anyhow::ensure!(!is_meant, "--nodes, --sbatch and --submit-only go with --executor slurm");
        return Ok(None);
    }
    let until_decided = arguments.base.is_some() && arguments.seeds.is_none();
    anyhow::ensure!(
        !until_decided,
        "--base with --executor slurm needs --seeds N: all rounds are submitted at once, so that none can be the \
         last because it decided"
    );
    Ok(Some(options))
}

/// Threads per backend: all processors, on a cluster those of the smallest node, where the user has said
/// nothing.
fn threads(arguments: &WorkerArguments, slurm: Option<&SlurmOptions>) -> ThreadCounts {
    let of_nodes = slurm.filter(|_| arguments.threads.is_empty()).and_then(Slurm::fewest_processors);
    of_nodes.map_or_else(|| arguments.threads(), |count| ThreadCounts::new(&[count]))
}

/// The two builds of `--base` and `--head`.
fn sides(arguments: &BenchArguments) -> anyhow::Result<Option<Sides>> {
    let Some(base) = &arguments.base else { return Ok(None) };
    let head = arguments.head.as_deref().map_or(Ok(Side::Tree), Side::parse)?;
    let sides = Sides { base: Side::parse(base)?, head };
    if arguments.selections.is_empty() && sides.libraries().next().is_none() {
        bail!("name the backend that --base and --head are builds of, as in `bench candle --base {base}`");
    }
    Ok(Some(sides))
}

/// The backends of `--with`: a comma stands between two of them, and between versions of one.
fn with_versions(parts: Vec<String>) -> Vec<String> {
    let mut backends: Vec<String> = Vec::new();
    for part in parts {
        match backends.last_mut().filter(|last| last.contains('@') && Version::is_meant(&part)) {
            Some(last) => *last += &format!(",{part}"),
            None => backends.push(part),
        }
    }
    backends
}

fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("cannot use the path {}", path.display()))
}

fn absolute_all(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    paths.iter().map(|path| absolute(path)).collect()
}

/// A library's path must hold when the run is resumed from another folder.
fn absolute_selection(text: &str) -> anyhow::Result<String> {
    let selection = Selection::parse(text)?;
    if !plan::is_library_path(&selection.backend) {
        return Ok(text.to_owned());
    }
    let backend = absolute(Path::new(&selection.backend))?.to_string_lossy().into_owned();
    Ok(Selection { backend, ..selection }.to_string())
}

/// An argument with the paths of libraries and workloads in it from the root on.
fn absolute_argument(argument: &str) -> String {
    let workload = |text: &str| match absolute(Path::new(text)) {
        Ok(path) if text.ends_with(".toml") => path.to_string_lossy().into_owned(),
        _ => text.to_owned(),
    };
    match absolute_selection(argument) {
        Ok(selection) if selection != argument => selection,
        _ => {
            let (option, value) = argument.split_once('=').unwrap_or(("", argument));
            let value = value.split(',').map(workload).collect::<Vec<_>>().join(",");
            if option.is_empty() { value } else { format!("{option}={value}") }
        }
    }
}

/// How to repeat this command from the repository's root.
pub(super) fn command_line() -> String {
    let arguments = std::env::args_os().skip(1).map(|argument| {
        let argument = argument.to_string_lossy().into_owned();
        shell::quoted(&absolute_argument(&argument))
    });
    format!("cargo run -- {}", arguments.collect::<Vec<_>>().join(" "))
}

/// The folder of a run that is named by path, by name, or as `latest`.
pub(super) fn find_run(run: &Path) -> anyhow::Result<PathBuf> {
    let runs = super::runs_folder();
    if run == Path::new("latest") && !run.exists() {
        return Ok(trainmark_reports::latest(&runs)?);
    }
    for folder in [run.to_owned(), runs.join(run)] {
        if folder.is_dir() {
            return Ok(folder);
        }
    }
    bail!("no run {}: neither a folder nor a name in {}", run.display(), runs.display())
}

/// The exit code that a finished benchmark deserves.
fn exit_code(finished: &Finished) -> i32 {
    match finished.outcome {
        Outcome::Interrupted => exit::INTERRUPTED,
        _ if finished.went_well() => exit::OK,
        _ => exit::FAILED,
    }
}

/// Whether what two builds were asked for came to nothing: the head is slower than the limit, or none of
/// them could be compared at all.
fn is_in_vain(record: &Record, limit: Option<FailOn>) -> bool {
    if let Some(limit) = limit {
        let check = BuildCheck::of(record, limit);
        check.lines.iter().for_each(|line| tell!("{line}"));
        return !check.passed;
    }
    let groups = group(summarize(record));
    let is_none = build_pairs(record, &groups).iter().all(|pair| pair.seconds.is_none());
    if is_none {
        tell!("failed: no head was compared with its base");
    }
    is_none
}

fn report(finished: &Finished, request: &BenchRequest) {
    say!("{}", table::render(&finished.record).trim_end());
    let report = finished.folder.join("report.html");
    say!("\nreport  {}", report.display());
    if finished.outcome == Outcome::Interrupted {
        tell!(
            "interrupted: what was recorded is kept; continue with `{}`",
            resume::command(request, &finished.folder)
        );
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_comma_stands_between_backends_and_between_versions() {
        let parts = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
        let read = |text: &str| super::with_versions(parts(text)).join(" ");
        assert_eq!(read("tch,candle@0.9,0.10/builtin,jax"), "tch candle@0.9,0.10/builtin jax");
        assert_eq!(read("tch/none,3d"), "tch/none 3d");
    }

    #[test]
    fn the_paths_of_workloads_hold_elsewhere_too() {
        let here = std::env::current_dir().unwrap().display().to_string();
        let absolute = super::absolute_argument;
        assert_eq!(absolute("lenet,mine.toml"), format!("lenet,{here}/mine.toml"));
        assert_eq!(absolute("--workload=a/mine.toml"), format!("--workload={here}/a/mine.toml"));
        assert_eq!(absolute("/a/mine.toml"), "/a/mine.toml");
        assert_eq!(absolute("./libmine.so"), format!("{here}/libmine.so"));
        assert_eq!(absolute("--epochs=3"), "--epochs=3");
    }

    #[test]
    fn the_exit_codes_are_the_documented_ones() {
        use crate::cli::exit;
        assert_eq!([exit::OK, exit::FAILED, exit::USAGE, exit::INTERRUPTED], [0, 1, 2, 130]);
    }
}
