//! The seam between a benchmark and the place where its jobs are done.

use std::fs;
use std::path::Path;
use std::time::Instant;

use trainmark_reports::ceiling::Peak;
use trainmark_reports::record::GpuUse;

use super::unix_time;
use crate::executor::{Ending, Executor, Threads};
use crate::failure::{Failure, FailureKind};
use crate::interrupt::Interrupt;
use crate::machine::gpu::{self, RunWatch};
use crate::machine::{self, power};
use crate::peak;
use crate::worker::protocol::{Job, Listener};

/// Does jobs: in worker processes of this machine, elsewhere, or by a script in a test. What is
/// timed is done by itself; gates may be asked for at the same time, from several threads.
///
/// Whoever implements it owes that
/// - a job is done with the library, data set and device that it names, where they must be
///   brought to first if the paths are not those of the place; nothing of a job that has ended
///   runs beside it, and nothing of it is left when [`Runner::run`] returns;
/// - what is measured is measured where the job is done: no time of a message's way is in it;
/// - what a job prints is then in the log, on this machine; no file is there where none began;
/// - crash, hang, too much memory, a device that is gone and a place that does not answer are
///   a [`Failure`], with a reason that says so; an error is only what no further job could do
///   better;
/// - once the user has interrupted, the job under way fails soon, as interrupted.
pub trait Runner: Sync {
    /// Does a job with `threads` for the plugin. What it prints goes to `log`, what it says to
    /// `heard`, in order and as it happens.
    ///
    /// # Errors
    /// Where nothing can be started at all, or `heard` fails.
    fn run(
        &self,
        job: &Job,
        threads: Threads<'_>,
        log: &Path,
        heard: Listener<'_>,
    ) -> anyhow::Result<JobReport>;

    /// What it is like there, just before a job.
    fn surroundings(&self) -> Surroundings;

    /// What the processor there reaches on that many threads; `None` where that cannot be
    /// measured.
    fn peak(&self, threads: usize) -> Option<Peak>;

    /// Whether the user asked to stop.
    fn interrupt(&self) -> &Interrupt;

    /// The time, for budgets.
    fn clock(&self) -> Instant {
        Instant::now()
    }
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq)]
pub struct JobReport {
    /// Well, or why not.
    pub ending: Ending,
    /// What a training took of its graphics processor, where that is known.
    pub gpu: Option<GpuUse>,
}

/// A machine at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Surroundings {
    /// Seconds since the Unix epoch.
    pub unix_time: f64,
    /// One-minute load average.
    pub load_average: Option<f64>,
    /// The processors' mean clock, in MHz.
    pub frequency_mhz: Option<f64>,
}

/// In worker processes of this machine.
impl Runner for Executor {
    fn run(
        &self,
        job: &Job,
        threads: Threads<'_>,
        log: &Path,
        heard: Listener<'_>,
    ) -> anyhow::Result<JobReport> {
        let device = job.task().map(|task| &*task.device).unwrap_or_default();
        if let Some(reason) = gpu::found().lost(device) {
            // It may be of an earlier try.
            let _ = fs::remove_file(log);
            let ending = Ending::Failed(Failure::new(FailureKind::Failed, reason));
            return Ok(JobReport { ending, gpu: None });
        }
        let is_watched = matches!(job, Job::Train(_));
        let mut watch = is_watched.then(|| RunWatch::start(device)).flatten();
        let ending = self.run(job, threads, log, &mut |message| {
            if let Some(watch) = &mut watch {
                watch.hear(message);
            }
            heard(message)
        })?;
        let ending = match ending {
            Ending::Failed(failure) => Ending::Failed(explained(failure, device)),
            done => done,
        };
        Ok(JobReport { ending, gpu: watch.map(RunWatch::finish) })
    }

    fn surroundings(&self) -> Surroundings {
        Surroundings {
            unix_time: unix_time(),
            load_average: machine::load_average(),
            frequency_mhz: power::frequency_mhz(machine::root()),
        }
    }

    fn peak(&self, threads: usize) -> Option<Peak> {
        peak::measure(threads).ok()
    }

    fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }
}

/// A failure on a device, with what the driver then says of that: a worker that is killed,
/// or hangs, cannot tell that its device was lost.
fn explained(failure: Failure, device: &str) -> Failure {
    let is_explained = matches!(failure.kind, FailureKind::Interrupted | FailureKind::Unsupported);
    match gpu::found().lost(device).filter(|_| !is_explained) {
        Some(lost) => {
            let reason = format!("{}; {lost}", failure.reason);
            Failure { kind: FailureKind::Failed, reason, ..failure }
        }
        None => failure,
    }
}
