//! One timed run of one cell: from a worker's messages to records.

use std::path::Path;

use trainmark_reports::RunStore;
use trainmark_reports::record::{
    Begun, Cell, CheckRecord, Conformance, Epoch, Event, Purpose, Run, RunEnd, RunOutcome,
};

use super::gate;
use super::lost;
use super::prepare::ReadyCell;
use super::progress::Progress;
use crate::conformance::judge;
use crate::data;
use crate::executor::{Ending, Executor, Threads};
use crate::failure::Failure;
use crate::machine::gpu::RunWatch;
use crate::machine::{self, power};
use crate::worker::protocol::{EpochMessage, Job, Message};
use crate::workload::Workload;

/// What all runs of a benchmark share.
pub(super) struct Bench<'b> {
    /// The data set.
    pub(super) dataset: &'b data::Prepared,
    /// Starts the workers.
    pub(super) executor: &'b Executor,
    /// Epochs per run.
    pub(super) epochs: u32,
    /// Where everything is written down.
    pub(super) store: &'b mut RunStore,
    /// What the user sees.
    pub(super) progress: &'b mut dyn Progress,
}

impl Bench<'_> {
    /// Runs a cell once, for this purpose, and writes it down.
    ///
    /// # Errors
    /// Where the records cannot be written, or no worker can be started.
    pub(super) fn run(
        &mut self,
        ready: &ReadyCell,
        workload: &Workload,
        seed: u64,
        purpose: Purpose,
        gate: &Conformance,
    ) -> anyhow::Result<Run> {
        let mut run = new_run(ready, seed, purpose);
        run.end.frequency_mhz = power::frequency_mhz(machine::root());
        let begun = Begun { load_average: machine::load_average(), unix_time: super::unix_time() };
        self.store.append(&Event::Begun(run.line(begun.clone())))?;
        run.begun = Some(begun);
        self.progress.begun(&ready.cell, seed, purpose);
        let log = log_name(ready, &run_name(seed, purpose));
        let mut checks = Vec::new();
        let mut watch = RunWatch::start(&ready.cell.device);
        let (ending, log) = match lost::before(&ready.cell) {
            Some(failure) => (Ending::Failed(failure), None),
            None => {
                let job = Job::Train(gate::task(ready, self.dataset, seed, self.epochs));
                let path = self.store.folder().join(&log);
                (self.follow(&job, ready.threads(), &mut run, &path, watch.as_mut(), &mut checks)?, Some(log))
            }
        };
        run.end.gpu = watch.map(RunWatch::finish);
        run.end.log = log;
        self.judge(&mut run, checks, ending, workload, gate);
        self.store.append(&run.ended(&workload.targets))?;
        self.progress.ended(&run);
        Ok(run)
    }

    /// Runs the job in a worker, and writes down each epoch as it ends.
    fn follow(
        &mut self,
        job: &Job,
        threads: Threads<'_>,
        run: &mut Run,
        log: &Path,
        mut watch: Option<&mut RunWatch>,
        checks: &mut Vec<CheckRecord>,
    ) -> anyhow::Result<Ending> {
        self.executor.run(job, threads, log, &mut |message| {
            if let Some(watch) = watch.as_deref_mut() {
                watch.hear(message);
            }
            match message {
                Message::Loaded { seconds, .. } => run.end.load_seconds = Some(*seconds),
                Message::Opened { seconds } => run.end.open_seconds = Some(*seconds),
                Message::Checked(check) => checks.push(check.clone()),
                Message::Epoch(message) => {
                    let epoch = epoch_of(message);
                    self.store.append(&Event::Epoch(run.line(epoch.clone())))?;
                    self.progress.epoch(&run.cell, message);
                    run.epochs.push(epoch);
                }
                _ => {}
            }
            Ok(())
        })
    }

    /// Writes down a cell that the gate has stopped.
    ///
    /// # Errors
    /// Where the records cannot be written.
    pub(super) fn stopped(
        &mut self,
        ready: &ReadyCell,
        workload: &Workload,
        seed: u64,
        verdict: &gate::Verdict,
    ) -> anyhow::Result<()> {
        let mut run = new_run(ready, seed, Purpose::Sample);
        // Where the device was lost before, no worker has printed anything.
        run.end.log = Some(log_name(ready, "check")).filter(|log| self.store.folder().join(log).is_file());
        run.end.conformance = Some(verdict.conformance.clone());
        match &verdict.failure {
            Some(failure) => fail(&mut run.end, failure.clone()),
            None => {
                run.end.outcome = RunOutcome::NotConformant;
                run.end.reason = gate::failed_checks(&verdict.conformance);
            }
        }
        // The gate has told the user already.
        self.store.append(&run.ended(&workload.targets))?;
        Ok(())
    }

    fn judge(
        &self,
        run: &mut Run,
        checks: Vec<CheckRecord>,
        ending: Ending,
        workload: &Workload,
        gate: &Conformance,
    ) {
        let mut conformance = gate.clone();
        match ending {
            Ending::Done(_) if run.epochs.len() != self.epochs as usize => {
                run.end.outcome = RunOutcome::Failed;
                let (told, asked) = (run.epochs.len(), self.epochs);
                run.end.reason =
                    Some(format!("the worker said that it was done after {told} of {asked} epochs"));
            }
            Ending::Done(done) => {
                run.end.peak_rss_bytes = done.peak_rss_bytes;
                run.end.cpu_seconds = done.cpu_seconds;
                run.end.first_batch_norm = done.first_batch_norm;
                conformance.checks.extend(checks);
                conformance.checks.extend(judge(workload, &self.dataset.name, &run.epochs));
                conformance.passed = conformance.checks.iter().all(|check| check.passed);
                if !conformance.passed {
                    run.end.outcome = RunOutcome::NotConformant;
                    run.end.reason = gate::failed_checks(&conformance);
                }
            }
            Ending::Failed(failure) => fail(&mut run.end, lost::explained(failure, &run.cell)),
        }
        run.end.conformance = Some(conformance);
    }
}

/// Log of a cell's worker, relative to the run folder.
pub(super) fn log_name(ready: &ReadyCell, what: &str) -> String {
    let Cell { workload, backend, implementation, device, .. } = &ready.cell;
    // Names come from plugins, and must not lead out of the folder.
    let legal = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    let cell = format!("{workload}-{backend}-{implementation}-{device}");
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
