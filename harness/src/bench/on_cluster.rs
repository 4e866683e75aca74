//! A benchmark whose rounds are jobs of a cluster: to its end, only submitted, or gathered.

use std::path::{Path, PathBuf};

use anyhow::Context;
use trainmark_reports::record::{Event, Outcome};
use trainmark_reports::{Record, RunStore};

use super::cluster::{self, Head, Lines, Slurm, SlurmOptions, Standing};
use super::event::{Fan, Sink};
use super::page::Page;
use super::prepare::Preparer;
use super::start;
use super::{BenchRequest, Finished, Place, finish, prepare};
use crate::interrupt::Interrupt;

/// What was submitted.
#[derive(Debug)]
pub struct Sent {
    /// The run folder.
    pub folder: PathBuf,
    /// The scripts, where there was no Slurm to submit them to.
    pub unsent: Option<Unsent>,
}

/// Scripts that are to be submitted by hand.
#[derive(Debug)]
pub struct Unsent {
    /// Of the rounds.
    pub rounds: PathBuf,
    /// Of the audits, which begin when all rounds have ended; `None`: none were asked for.
    pub audits: Option<PathBuf>,
}

/// What was gathered of a benchmark on a cluster.
#[derive(Debug)]
pub struct Gathered {
    /// Where it is.
    pub standing: Standing,
    /// The record, and how the benchmark ended; where something is left to be run, as if interrupted.
    pub finished: Finished,
}

/// Opens the record, and writes what the jobs need.
fn open(
    request: &BenchRequest,
    options: &SlurmOptions,
    place: &Place,
    preparer: &mut Preparer<'_>,
) -> anyhow::Result<RunStore> {
    let ready = prepare(request, place, preparer)?;
    let (mut store, _) = start::open_store(request, place, &ready, preparer.runner)?;
    store.copy_lines();
    let started = Record::read_started(store.folder())?;
    cluster::write_jobs(store.folder(), options, &ready, &started.plan)?;
    Ok(store)
}

/// Runs it to its end.
pub(super) fn run(
    request: &BenchRequest,
    options: &SlurmOptions,
    place: &Place,
    mut preparer: Preparer<'_>,
) -> anyhow::Result<Finished> {
    let start = preparer.runner.clock();
    let slurm = Slurm::find()?;
    let mut store = open(request, options, place, &mut preparer)?;
    let folder = store.folder().to_owned();
    let Preparer { runner, sink, .. } = preparer;
    let record = Record::read(&folder)?;
    let mut lines = Lines::new(sink, record.planned_runs(), record.ended_runs());
    drop(record);
    let mut page = Page::new(&folder, &mut lines);
    page.open()?;
    let mut fan = Fan(vec![&mut store, &mut page]);
    let mut head = Head::new(&folder, request, options, Some(slurm), &mut fan, runner.interrupt())?;
    let outcome = head.submit_rounds().and_then(|()| head.follow())?;
    let seconds = (runner.clock() - start).as_secs_f64();
    store.append(&Event::Finished { outcome, seconds, peak: None })?;
    finish(folder, outcome)
}

/// Submits its jobs, and leaves them to themselves: rounds, and the audits after them. Without Slurm the
/// scripts are written, to be submitted elsewhere.
///
/// # Errors
/// As [`super::run`].
pub fn submit(request: &BenchRequest, place: &Place, mut preparer: Preparer<'_>) -> anyhow::Result<Sent> {
    let options = request.slurm.as_ref().context("only rounds of --executor slurm can be submitted")?;
    let slurm = Slurm::find().ok();
    let mut store = open(request, options, place, &mut preparer)?;
    let folder = store.folder().to_owned();
    let Preparer { runner, sink, .. } = preparer;
    let mut fan = Fan(vec![&mut store, sink]);
    let mut head = Head::new(&folder, request, options, slurm, &mut fan, runner.interrupt())?;
    head.submit_rounds()?;
    head.submit_audits_after()?;
    let unsent = slurm.is_none().then(|| {
        let (rounds, audits) = cluster::scripts(&folder);
        Unsent { rounds, audits: request.schedule.audits().then_some(audits) }
    });
    Ok(Sent { folder, unsent })
}

/// Gathers what the jobs of a benchmark have written until now. Nothing is submitted.
///
/// # Errors
/// Where the folder holds no such benchmark, another process follows it, or Slurm does not answer.
pub fn collect(folder: &Path, sink: &mut dyn Sink) -> anyhow::Result<Gathered> {
    let request = BenchRequest::read(folder)?;
    let options = request.slurm.as_ref();
    let options =
        options.with_context(|| format!("{} was not run with --executor slurm", folder.display()))?;
    let (mut store, record) = RunStore::reopen(folder)?;
    store.copy_lines();
    let (interrupt, slurm) = (Interrupt::default(), Slurm::find().ok());
    let mut lines = Lines::new(sink, record.planned_runs(), record.ended_runs());
    let mut fan = Fan(vec![&mut store, &mut lines]);
    let mut head = Head::new(folder, &request, options, slurm, &mut fan, &interrupt)?;
    let (standing, outcome) = head.collect()?;
    let outcome = if standing.is_over { outcome } else { Outcome::Interrupted };
    if standing.is_over && record.outcome != Some(outcome) {
        store.append(&Event::Finished { outcome, seconds: 0.0, peak: None })?;
    }
    drop(store);
    Ok(Gathered { standing, finished: finish(folder.to_owned(), outcome)? })
}
