//! One timed run of one cell: from a worker's messages to records.

use std::path::Path;

use trainmark_reports::record::{
    Begun, Cell, CheckRecord, Conformance, EpochRecord, Event, Purpose, RunOutcome, RunRecord,
};
use trainmark_reports::{RunStore, summary};

use super::gate;
use super::lost;
use super::prepare::ReadyCell;
use super::progress::Progress;
use crate::conformance::judge;
use crate::data;
use crate::executor::{Ending, Executor, Failure};
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

/// Times what a worker says of one run.
#[derive(Default)]
struct Heard {
    load_seconds: Option<f64>,
    open_seconds: Option<f64>,
    epochs: Vec<EpochRecord>,
    /// Checks of the run itself, beside the gate's.
    checks: Vec<CheckRecord>,
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
    ) -> anyhow::Result<RunRecord> {
        let load_average = machine::load_average();
        let frequency_mhz = power::frequency_mhz(machine::root());
        let cell = ready.cell.clone();
        let unix_time = super::unix_time();
        self.store.append(&Event::Begun(Begun { cell, seed, purpose, load_average, unix_time }))?;
        self.progress.begun(&ready.cell, seed, purpose);
        let log = log_name(ready, &run_name(seed, purpose));
        let mut heard = Heard::default();
        let mut watch = RunWatch::start(&ready.cell.device);
        let (ending, log) = match lost::before(&ready.cell) {
            Some(failure) => (Ending::Failed(failure), None),
            None => {
                let job = Job::Train(gate::task(ready, self.dataset, seed, self.epochs));
                let path = self.store.folder().join(&log);
                (self.follow(&job, ready, (seed, purpose), &path, watch.as_mut(), &mut heard)?, Some(log))
            }
        };
        let mut record = run_record(ready, workload, seed, purpose, &heard);
        record.load_average = load_average;
        record.frequency_mhz = frequency_mhz;
        record.gpu = watch.map(RunWatch::finish);
        record.log = log;
        self.judge(&mut record, &heard, ending, workload, gate);
        self.finish(record)
    }

    /// Runs the job in a worker, and writes down each epoch as it ends.
    fn follow(
        &mut self,
        job: &Job,
        ready: &ReadyCell,
        (seed, purpose): (u64, Purpose),
        log: &Path,
        mut watch: Option<&mut RunWatch>,
        heard: &mut Heard,
    ) -> anyhow::Result<Ending> {
        self.executor.run(job, ready.cell.threads, log, &mut |message| {
            if let Some(watch) = watch.as_deref_mut() {
                watch.hear(message);
            }
            match message {
                Message::Loaded { seconds, .. } => heard.load_seconds = Some(*seconds),
                Message::Opened { seconds } => heard.open_seconds = Some(*seconds),
                Message::Checked(check) => heard.checks.push(check.clone()),
                Message::Epoch(epoch) => {
                    let record = epoch_record(ready, seed, purpose, epoch);
                    self.store.append(&Event::Epoch(record.clone()))?;
                    self.progress.epoch(&ready.cell, epoch);
                    heard.epochs.push(record);
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
        let mut record = run_record(ready, workload, seed, Purpose::Sample, &Heard::default());
        // Where the device was lost before, no worker has printed anything.
        record.log = Some(log_name(ready, "check")).filter(|log| self.store.folder().join(log).is_file());
        record.conformance = Some(verdict.conformance.clone());
        match &verdict.failure {
            Some(failure) => fail(&mut record, failure.clone()),
            None => {
                record.outcome = RunOutcome::NotConformant;
                record.reason = gate::failed_checks(&verdict.conformance);
            }
        }
        // The gate has told the user already.
        self.store.append(&Event::Ended(Box::new(record)))?;
        Ok(())
    }

    fn judge(
        &self,
        record: &mut RunRecord,
        heard: &Heard,
        ending: Ending,
        workload: &Workload,
        gate: &Conformance,
    ) {
        let mut conformance = gate.clone();
        match ending {
            Ending::Done(_) if record.epochs != self.epochs => {
                record.outcome = RunOutcome::Failed;
                let (told, asked) = (record.epochs, self.epochs);
                record.reason =
                    Some(format!("the worker said that it was done after {told} of {asked} epochs"));
            }
            Ending::Done(done) => {
                record.peak_rss_bytes = done.peak_rss_bytes;
                record.cpu_seconds = done.cpu_seconds;
                record.first_batch_norm = done.first_batch_norm;
                conformance.checks.extend(heard.checks.iter().cloned());
                conformance.checks.extend(judge(workload, &self.dataset.name, &heard.epochs));
                conformance.passed = conformance.checks.iter().all(|check| check.passed);
                if !conformance.passed {
                    record.outcome = RunOutcome::NotConformant;
                    record.reason = gate::failed_checks(&conformance);
                }
            }
            Ending::Failed(failure) => {
                let failure = lost::explained(failure, &record.cell);
                fail(record, failure);
            }
        }
        record.conformance = Some(conformance);
    }

    fn finish(&mut self, record: RunRecord) -> anyhow::Result<RunRecord> {
        self.store.append(&Event::Ended(Box::new(record.clone())))?;
        self.progress.ended(&record);
        Ok(record)
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

fn epoch_record(ready: &ReadyCell, seed: u64, purpose: Purpose, epoch: &EpochMessage) -> EpochRecord {
    let status = if epoch.train_loss.is_some() { "ok" } else { "loss is not finite" };
    EpochRecord {
        cell: ready.cell.clone(),
        seed,
        purpose,
        epoch: epoch.epoch,
        train_seconds: epoch.train_seconds,
        unfinished_seconds: Some(epoch.unfinished_seconds),
        train_cpu_seconds: Some(epoch.train_cpu_seconds),
        predict_seconds: epoch.predict_seconds,
        train_loss: epoch.train_loss,
        train_accuracy: Some(epoch.train_accuracy),
        test_accuracy: Some(epoch.test_accuracy),
        rss_bytes: epoch.rss_bytes,
        status: status.to_owned(),
    }
}

fn run_record(
    ready: &ReadyCell,
    workload: &Workload,
    seed: u64,
    purpose: Purpose,
    heard: &Heard,
) -> RunRecord {
    let first_epoch_extra_seconds = summary::first_epoch_extra(&heard.epochs);
    let starts = heard.load_seconds.zip(heard.open_seconds);
    let cold_start_seconds = starts
        .zip(first_epoch_extra_seconds)
        // A first epoch that happened to be fast is no negative cost.
        .map(|((load, open), extra)| load + open + extra.max(0.0));
    RunRecord {
        cell: ready.cell.clone(),
        seed,
        purpose,
        outcome: RunOutcome::Ok,
        reason: None,
        log_tail: None,
        log: None,
        epochs: heard.epochs.len() as u32,
        load_seconds: heard.load_seconds,
        open_seconds: heard.open_seconds,
        first_epoch_extra_seconds,
        cold_start_seconds,
        peak_rss_bytes: None,
        cpu_seconds: None,
        load_average: None,
        frequency_mhz: None,
        gpu: None,
        targets: workload
            .targets
            .iter()
            .map(|target| summary::time_to_target(*target, &heard.epochs))
            .collect(),
        conformance: None,
        framework: Some(ready.library.info.framework.clone()),
        library_hash: Some(ready.library.hash.clone()),
        first_batch_norm: None,
    }
}

fn fail(record: &mut RunRecord, failure: Failure) {
    record.outcome = failure.cause.outcome();
    record.reason = Some(failure.reason);
    record.log_tail = failure.log_tail;
}
