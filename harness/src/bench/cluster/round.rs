//! What a job does on its node: a round, or a part of the audits. It prepares nothing, and writes a
//! record of its own.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use trainmark_reports::record::{Event, Node, Outcome, Started};
use trainmark_reports::{Record, RunStore, StoreError};

use super::fence::Fence;
use super::layout::Layout;
use super::manifest::Manifest;
use super::{node, script, verdicts};
use crate::bench::event::{Fan, Sink};
use crate::bench::gate::Verdict;
use crate::bench::history::History;
use crate::bench::prepare::{Ready, ReadyCell};
use crate::bench::run::Bench;
use crate::bench::{BenchRequest, progress, start, unix_time};
use crate::executor::{Executor, Limits, Program, Waiting};
use crate::interrupt::{Interrupt, Interrupted};

/// The word that makes this program run a round: the run folder and the seed follow.
pub const ROUND_COMMAND: &str = "--cluster-round";
/// The word that makes it audit: the run folder and the number of the part follow.
pub const AUDIT_COMMAND: &str = "--cluster-audit";

/// How long a job waits for one before it, which ends, to let go of a record.
const PATIENCE: Duration = Duration::from_secs(60);

/// A round that is a job.
pub(in crate::bench) struct RoundJob {
    /// Where it runs.
    pub(in crate::bench) node: Node,
    /// How many other rounds have begun.
    pub(in crate::bench) rounds_beside: usize,
    /// Its own run folder.
    folder: PathBuf,
    kind: String,
}

impl RoundJob {
    /// Writes down what the gate has found of a cell, for other rounds on nodes of the same kind.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub(in crate::bench) fn note(
        &self,
        one: &ReadyCell,
        verdict: &Verdict,
        log: String,
    ) -> anyhow::Result<()> {
        verdicts::note(&self.folder, &self.kind, one, verdict, log)
    }
}

/// What both kinds of jobs begin with.
struct Job {
    layout: Layout,
    request: BenchRequest,
    started: Started,
    executor: Executor,
    ready: Ready,
}

impl Job {
    fn begin(folder: &Path) -> anyhow::Result<Self> {
        let layout = Layout::new(folder);
        let request = BenchRequest::read(folder)?;
        let started = Record::read_started(folder)?;
        let limits = Limits::new(request.schedule.timeout, request.schedule.memory_limit);
        let executor = Executor { program: Program::own()?, limits, interrupt: Interrupt::default() };
        executor.interrupt.listen()?;
        let ready = Manifest::read(&layout)?.ready(&node::name())?;
        Ok(Self { layout, request, started, executor, ready })
    }

    /// This node; from here on threads wait as its peak has shown.
    fn node(&mut self) -> Node {
        let threads = self.request.selected.threads.most();
        let environment = start::environment(threads, &self.ready, &self.executor);
        let warnings = start::of_machine(threads, &self.ready, &environment);
        let warnings = warnings.iter().map(ToString::to_string).collect();
        self.ready.wait(Waiting::recorded(environment.settings.as_ref()));
        node::here(environment, warnings, &self.layout.rounds())
    }

    /// What is run on this node, heard by `sink`.
    fn bench<'j>(&'j self, sink: &'j mut dyn Sink, job: Option<&'j RoundJob>) -> Bench<'j> {
        let (ready, schedule, runner) = (&self.ready, &self.request.schedule, &self.executor);
        Bench { ready, schedule, runner, sink, folder: self.layout.folder().to_owned(), job }
    }
}

/// Runs the round with a seed of the benchmark in a run folder, or what is left of it. Returns how
/// it has ended.
///
/// # Errors
/// Where the node cannot do it, and where another job has taken it over.
pub fn run(folder: &Path, seed: u64) -> anyhow::Result<Outcome> {
    let mut job = Job::begin(folder)?;
    ensure!(job.request.schedule.seeds().contains(&seed), "the benchmark has no round with seed {seed}");
    job.request.schedule.only = Some(seed);
    let began = Instant::now();
    let own = job.layout.round(seed);
    let mut fence = Fence::take(&own, &node::attempt())?;
    fence.watch(&job.executor.interrupt)?;
    let node = job.node();
    let mut started =
        Started { environment: node.environment.clone(), unix_time: unix_time(), ..job.started.clone() };
    started.plan.seeds = vec![seed];
    let (mut store, earlier) = open(&job.layout, &seed.to_string(), started)?;
    let kind = node::kind(&node);
    job.ready.early = verdicts::known(&job.layout, &kind, &job.ready.cells);
    let rounds_beside = rounds_begun(&job.layout).saturating_sub(1);
    let round = RoundJob { node, rounds_beside, folder: own, kind };
    let mut screen = progress::for_stderr();
    let mut sink = Fan(vec![&mut fence, &mut store, screen.as_mut()]);
    let mut bench = job.bench(&mut sink, Some(&round));
    let outcome = bench.run_cells(earlier.as_ref())?;
    bench.record(&Event::Finished { outcome, seconds: began.elapsed().as_secs_f64(), peak: None })?;
    Ok(outcome)
}

/// Audits a part of the cells: every so manieth, from the part's number on.
///
/// # Errors
/// As [`run`].
pub fn audit(folder: &Path, part: u64) -> anyhow::Result<Outcome> {
    let mut job = Job::begin(folder)?;
    let began = Instant::now();
    let mut fence = Fence::take(&job.layout.audit(part), &node::attempt())?;
    fence.watch(&job.executor.interrupt)?;
    let node = job.node();
    let started = Started { environment: node.environment, unix_time: unix_time(), ..job.started.clone() };
    let options = job.request.slurm.clone().unwrap_or_default();
    let plan = &job.started.plan;
    let parts = script::audit_parts(&options, plan.seeds.len(), plan.cells.len());
    let (mut store, _) = open(&job.layout, &Layout::audit_name(part), started)?;
    let record = Record::read(folder)?;
    let history = History::new(&job.request.schedule, Some(&record));
    let is_of_part =
        |one: &&ReadyCell| (history.plan_index(&one.cell, &job.ready.cells) % parts) as u64 == part;
    let cells: Vec<&ReadyCell> = job.ready.cells.iter().filter(is_of_part).collect();
    let mut screen = progress::for_stderr();
    let mut sink = Fan(vec![&mut fence, &mut store, screen.as_mut()]);
    let mut bench = job.bench(&mut sink, None);
    let outcome = match bench.audit_cells(&history, &cells) {
        Ok(()) => Outcome::Complete,
        Err(error) if error.is::<Interrupted>() => Outcome::Interrupted,
        Err(error) => return Err(error),
    };
    bench.record(&Event::Finished { outcome, seconds: began.elapsed().as_secs_f64(), peak: None })?;
    Ok(outcome)
}

/// Opens the record of this name, or makes it. A job that was given up may still hold it, until it
/// sees that another has come.
pub(super) fn open(
    layout: &Layout,
    name: &str,
    started: Started,
) -> anyhow::Result<(RunStore, Option<Record>)> {
    let folder = layout.rounds().join(name);
    let began = Instant::now();
    loop {
        let opened = match folder.join(trainmark_reports::EVENTS_FILE).is_file() {
            true => RunStore::reopen(&folder).map(|(store, record)| (store, Some(record))),
            false => {
                let started = Started { run_id: name.to_owned(), ..started.clone() };
                RunStore::create_beside(&layout.rounds(), name, &started, &[]).map(|store| (store, None))
            }
        };
        match opened {
            Ok((mut store, earlier)) => {
                if earlier.is_some() {
                    store.append(&Event::Resumed { unix_time: unix_time() })?;
                }
                return Ok((store, earlier));
            }
            Err(StoreError::Locked { .. } | StoreError::Exists { .. }) if began.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(200));
            }
            Err(error) => return Err(error).context("cannot open the record of a job"),
        }
    }
}

/// How many rounds have begun, this one too.
fn rounds_begun(layout: &Layout) -> usize {
    let entries = layout.rounds().read_dir().into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_name().to_str().is_some_and(|name| name.parse::<u64>().is_ok())).count()
}
