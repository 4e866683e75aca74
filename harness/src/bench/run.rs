//! One timed run of one cell: from a worker's messages to records.

use std::path::{Path, PathBuf};

use trainmark_reports::record::{
    Begun, Cell, CheckRecord, Conformance, Epoch, Event, Purpose, Run, RunEnd, RunOutcome,
};

use super::cluster::RoundJob;
use super::contender::Contender;
use super::event::{Happening, Sink};
use super::gate;
use super::prepare::{Ready, ReadyCell};
use super::request::Schedule;
use super::runner::{JobReport, Runner, Surroundings};
use crate::conformance::judge;
use crate::executor::Ending;
use crate::failure::Failure;
use crate::worker::evidence::Evidence;
use crate::worker::protocol::{EpochMessage, Job, Message};
use crate::workload::Workload;

/// What all runs of a benchmark share.
pub(super) struct Bench<'b> {
    /// Cells, workloads and data.
    pub(super) ready: &'b Ready,
    /// How they are trained.
    pub(super) schedule: &'b Schedule,
    /// Who trains them.
    pub(super) runner: &'b dyn Runner,
    /// Who hears of it.
    pub(super) sink: &'b mut dyn Sink,
    /// The run folder.
    pub(super) folder: PathBuf,
    /// The job of a cluster that this is.
    pub(super) job: Option<&'b RoundJob>,
}

/// What is asked of a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    /// The seed.
    pub(super) seed: u64,
    /// Why it is made.
    pub(super) purpose: Purpose,
    /// How many epochs it trains.
    pub(super) epochs: u32,
}

impl Bench<'_> {
    /// Tells everyone of a line of the record.
    ///
    /// # Errors
    /// Where the records cannot be written.
    pub(super) fn record(&mut self, event: &Event) -> anyhow::Result<()> {
        self.sink.hear(Happening::Recorded(event))
    }

    /// Runs a cell once.
    ///
    /// # Errors
    /// Where the records cannot be written, or no job can be started.
    pub(super) fn run(&mut self, one: &Contender<'_>, asked: Asked) -> anyhow::Result<Run> {
        let Asked { seed, purpose, epochs } = asked;
        let mut run = new_run(one.ready, seed, purpose);
        let Surroundings { unix_time, load_average, frequency_mhz } = self.runner.surroundings();
        run.end.frequency_mhz = frequency_mhz;
        let begun = Begun { load_average, unix_time, epochs: Some(epochs) };
        self.record(&Event::Begun(run.line(begun.clone())))?;
        run.begun = Some(begun);
        let log = log_name(one.ready, &run_name(seed, purpose));
        let (report, checks) = self.follow(one.ready, &mut run, epochs, &self.folder.join(&log))?;
        run.end.gpu = report.gpu;
        run.end.log = self.existing_log(log);
        let (conformance, evidence) = self.judge(&mut run, report.ending, checks, one, epochs);
        run.end.conformance = Some(conformance);
        self.draw(one, &run, evidence)?;
        self.record(&run.ended(&one.workload.targets))?;
        Ok(run)
    }

    /// Has a run made, and tells of each epoch as it ends. Returns what came of it, with the
    /// checks of the run itself.
    fn follow(
        &mut self,
        ready: &ReadyCell,
        run: &mut Run,
        epochs: u32,
        log: &Path,
    ) -> anyhow::Result<(JobReport, Vec<CheckRecord>)> {
        let mut checks = Vec::new();
        let job = Job::Train(ready.task(&self.ready.dataset, run.seed, epochs));
        let report = self.runner.run(&job, ready.threads(), log, &mut |message| {
            match message {
                Message::Loaded { seconds, library_hash, .. } => {
                    run.end.load_seconds = Some(*seconds);
                    run.end.library_hash = Some(library_hash.clone());
                }
                Message::Opened { seconds } => run.end.open_seconds = Some(*seconds),
                Message::Checked(check) => checks.push(check.clone()),
                Message::Epoch(message) => {
                    let epoch = epoch_of(message);
                    self.sink.hear(Happening::Recorded(&Event::Epoch(run.line(epoch.clone()))))?;
                    run.epochs.push(epoch);
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok((report, checks))
    }

    /// Where a job never began there is none.
    fn existing_log(&self, log: String) -> Option<String> {
        self.folder.join(&log).is_file().then_some(log)
    }

    /// Tells of a cell that the gate has stopped.
    ///
    /// # Errors
    /// Where the records cannot be written.
    pub(super) fn stopped(
        &mut self,
        ready: &ReadyCell,
        workload: &Workload,
        seed: u64,
        verdict: gate::Verdict,
    ) -> anyhow::Result<()> {
        let mut run = new_run(ready, seed, Purpose::Sample);
        run.end.log = self.existing_log(check_log_name(self.schedule, ready));
        match verdict.failure {
            Some(failure) => fail(&mut run.end, failure),
            None => not_conformant(&mut run.end, &verdict.conformance),
        }
        run.end.conformance = Some(verdict.conformance);
        self.record(&run.ended(&workload.targets))
    }

    /// Tells of a cell of which no run was made, and why.
    ///
    /// # Errors
    /// Where the records cannot be written.
    pub(super) fn left_out(&mut self, one: &Contender<'_>, seed: u64, reason: String) -> anyhow::Result<()> {
        let mut run = new_run(one.ready, seed, Purpose::Sample);
        (run.end.outcome, run.end.reason) = (RunOutcome::LeftOut, Some(reason));
        run.end.conformance = Some(one.verdict.conformance.clone());
        self.record(&run.ended(&one.workload.targets))
    }

    /// Says how a run of `asked` epochs ended. Returns what its checks have found, and what an audit would need.
    fn judge(
        &self,
        run: &mut Run,
        ending: Ending,
        checks: Vec<CheckRecord>,
        one: &Contender<'_>,
        asked: u32,
    ) -> (Conformance, Option<Box<Evidence>>) {
        let mut evidence = None;
        let mut conformance = one.verdict.conformance.clone();
        let told = run.epochs.len();
        match ending {
            Ending::Done(_) if told != asked as usize => {
                run.end.outcome = RunOutcome::Failed;
                run.end.reason =
                    Some(format!("the worker said that it was done after {told} of {asked} epochs"));
            }
            Ending::Done(_) if run.end.library_hash.as_ref() != Some(&one.ready.library.hash) => {
                run.end.outcome = RunOutcome::Failed;
                run.end.reason = Some("the worker loaded another library than was checked".to_owned());
            }
            Ending::Done(done) => {
                run.end.peak_rss_bytes = done.peak_rss_bytes;
                run.end.cpu_seconds = done.cpu_seconds;
                run.end.first_batch_norm = done.first_batch_norm;
                evidence = done.evidence;
                conformance.checks.extend(checks);
                conformance.checks.extend(judge(one.workload, &self.ready.dataset.name, &run.epochs));
                conformance.passed = conformance.checks.iter().all(|check| check.passed);
                if !conformance.passed {
                    not_conformant(&mut run.end, &conformance);
                }
            }
            Ending::Failed(failure) => fail(&mut run.end, failure),
        }
        (conformance, evidence)
    }
}

/// Log of a cell's gate, relative to the run folder. Each round that is a job has one of its own.
pub(super) fn check_log_name(schedule: &Schedule, ready: &ReadyCell) -> String {
    match schedule.only {
        Some(seed) => log_name(ready, &format!("check-{seed}")),
        None => log_name(ready, "check"),
    }
}

/// Log of a cell's worker, relative to the run folder.
pub(super) fn log_name(ready: &ReadyCell, what: &str) -> String {
    let Cell { workload, backend, implementation, device, threads, tells_threads, .. } = &ready.cell;
    // Names come from plugins, and must not lead out of the folder.
    let legal = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    // What is changed of a workload makes its name long: what tells backends apart must not be cut off.
    let is_short = workload.chars().count() <= 40;
    let workload = if is_short {
        workload.clone()
    } else {
        format!("{workload:.30}-{:.8}", ready.workload.definition())
    };
    let threads = if *tells_threads { format!("-{threads}") } else { String::new() };
    let cell = format!("{workload}-{backend}-{implementation}-{device}{threads}");
    // Long ones would be no file names.
    let cell: String =
        cell.chars().take(100).map(|character| if legal(character) { character } else { '_' }).collect();
    format!("logs/{cell}-{what}.log")
}

/// `3`, or `3-repeat` where it is no sample.
fn run_name(seed: u64, purpose: Purpose) -> String {
    match purpose {
        Purpose::Sample => seed.to_string(),
        _ => format!("{seed}-{}", purpose.name()),
    }
}

/// A run that is to end well, until something says that it did not.
fn new_run(ready: &ReadyCell, seed: u64, purpose: Purpose) -> Run {
    let end = RunEnd {
        outcome: RunOutcome::Ok,
        framework: Some(ready.library.info.framework.clone()),
        library_hash: Some(ready.library.hash.clone()),
        ..RunEnd::default()
    };
    Run { end, ..Run::new(ready.cell.clone(), seed, purpose) }
}

fn epoch_of(message: &EpochMessage) -> Epoch {
    let status = if message.train_loss.is_some() { "ok" } else { "loss is not finite" };
    Epoch {
        number: message.epoch,
        train_seconds: message.train_seconds,
        unfinished_seconds: Some(message.unfinished_seconds),
        train_cpu_seconds: Some(message.train_cpu_seconds),
        predict_seconds: message.predict_seconds,
        train_loss: message.train_loss,
        train_accuracy: Some(message.train_accuracy),
        test_accuracy: Some(message.test_accuracy),
        rss_bytes: message.rss_bytes,
        status: status.to_owned(),
    }
}

fn fail(end: &mut RunEnd, failure: Failure) {
    end.outcome = failure.outcome();
    end.reason = Some(failure.reason);
    end.log_tail = failure.log_tail;
}

fn not_conformant(end: &mut RunEnd, conformance: &Conformance) {
    end.outcome = RunOutcome::NotConformant;
    end.reason = gate::failed_checks(&conformance.checks);
}
