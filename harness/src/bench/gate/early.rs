//! Cells that have passed the gate while backends were still being built. That they compute the
//! same function holds; what it told of time does not.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use tempfile::NamedTempFile;
use trainmark_reports::record::Cell;

use super::{Estimate, Gate, Verdict, gate_without, summary};
use crate::bench::event::{Happening, Sink};
use crate::bench::prepare::ReadyCell;
use crate::executor::Ending;
use crate::failure::{Failure, FailureKind};
use crate::worker::protocol::Job;

/// What the gate found of a cell on a machine that was busy.
#[derive(Debug, Clone)]
pub struct Early {
    /// The cell.
    pub cell: Cell,
    /// All of it but its time.
    pub verdict: Verdict,
    /// What the worker has printed.
    log: Arc<NamedTempFile>,
}

impl Early {
    /// `None` where the builds may be to blame: the cell is checked again when they are over.
    pub(crate) fn new(cell: &Cell, verdict: Verdict, log: NamedTempFile) -> Option<Self> {
        use FailureKind::{Interrupted, OutOfMemory, TimedOut};
        let kind = verdict.failure.as_ref().map(|failure| failure.kind);
        let is_final = !matches!(kind, Some(Interrupted | OutOfMemory | TimedOut));
        is_final.then(|| Self { cell: cell.clone(), verdict, log: Arc::new(log) })
    }
}

impl Gate<'_> {
    /// With what was found of some cells while backends were being built.
    #[must_use]
    pub fn going_on(mut self, early: &[Early]) -> Self {
        for one in early {
            self.remember(&one.cell, &one.verdict.conformance);
        }
        self.early = early.to_vec();
        self
    }

    pub(super) fn take_early(&mut self, cell: &Cell) -> Option<Early> {
        let place = self.early.iter().position(|early| early.cell == *cell)?;
        Some(self.early.swap_remove(place))
    }

    /// A verdict with the time of an epoch, which is measured now that nothing is built any more.
    pub(super) fn estimated(
        &self,
        early: Early,
        ready: &ReadyCell,
        log: &Path,
        sink: &mut dyn Sink,
    ) -> anyhow::Result<Verdict> {
        let mut verdict = early.verdict;
        keep_log(early.log.path(), log).with_context(|| format!("cannot write {}", log.display()))?;
        if !verdict.conformance.passed {
            return Ok(verdict);
        }
        match self.estimate(ready)? {
            Ok(estimate) => verdict.estimate = estimate,
            Err(failure) => {
                verdict.conformance.passed = false;
                verdict.failure = Some(failure);
                let told = summary(&verdict.conformance, verdict.failure.as_ref());
                sink.hear(Happening::Verdict(&early.cell, &told))?;
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
            Ending::Done(done) if done.epoch_estimate_seconds.is_none() => {
                Err(gate_without("an estimate of an epoch's time"))
            }
            Ending::Done(done) => Ok(Estimate::new(&done)),
        })
    }
}

fn keep_log(from: &Path, to: &Path) -> std::io::Result<()> {
    to.parent().map_or(Ok(()), std::fs::create_dir_all)?;
    std::fs::copy(from, to).map(drop)
}
