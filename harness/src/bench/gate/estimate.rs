//! What a run of a cell will take: measured by itself, when nothing is built or checked any more.

use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::{Gate, Verdict, gate_without, summary};
use crate::bench::event::{Happening, Sink};
use crate::bench::prepare::ReadyCell;
use crate::executor::Ending;
use crate::failure::Failure;
use crate::worker::protocol::{Done, Job};

/// What a run of a cell will take; nothing where the gate failed, since what is not run costs no time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Seconds of an epoch, training and prediction.
    pub epoch_seconds: f64,
    /// Seconds of a run beside its epochs: loading the library, opening a session.
    pub start_seconds: f64,
}

impl Estimate {
    /// What a worker says that has estimated; `None` where it says nothing of it.
    fn told(done: &Done) -> Option<Self> {
        let epoch_seconds = done.epoch_estimate_seconds?;
        Some(Self { epoch_seconds, start_seconds: done.start_estimate_seconds.unwrap_or_default() })
    }
}

impl Gate<'_> {
    /// The verdict on a cell, which is checked unless it was, with what its runs will take; what
    /// its worker prints goes to `log`.
    ///
    /// # Errors
    /// Where no job can be started, or the log cannot be written.
    pub fn pass(&mut self, ready: &ReadyCell, log: &Path, sink: &mut dyn Sink) -> anyhow::Result<Verdict> {
        let mut verdict = match self.take_early(&ready.cell) {
            Some(early) => early.kept(log)?,
            None => self.check(ready, log, sink)?,
        };
        // Of a machine of the same kind it is known.
        if !verdict.conformance.passed || verdict.estimate != Estimate::default() {
            return Ok(verdict);
        }
        match self.estimate(ready)? {
            Ok(estimate) => verdict.estimate = estimate,
            Err(failure) => {
                verdict.conformance.passed = false;
                verdict.failure = Some(failure);
                let told = summary(&verdict.conformance, verdict.failure.as_ref());
                sink.hear(Happening::Verdict(&ready.cell, &told))?;
            }
        }
        Ok(verdict)
    }

    fn estimate(&self, ready: &ReadyCell) -> anyhow::Result<Result<Estimate, Failure>> {
        let log = NamedTempFile::new().context("cannot create a temporary log")?;
        let job = Job::Estimate(ready.task(self.dataset, 1, 0));
        let report = self.runner.run(&job, ready.threads(), log.path(), &mut |_| Ok(()))?;
        Ok(match report.ending {
            Ending::Failed(failure) => Err(failure),
            Ending::Done(done) => {
                Estimate::told(&done).ok_or_else(|| gate_without("an estimate of an epoch's time"))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_tells_no_time_has_not_estimated() {
        let done = |epoch_estimate_seconds| Done { epoch_estimate_seconds, ..Done::default() };
        assert_eq!(Estimate::told(&done(None)), None);
        let estimate = Estimate { epoch_seconds: 1.0, start_seconds: 0.0 };
        assert_eq!(Estimate::told(&done(Some(1.0))), Some(estimate));
    }
}
