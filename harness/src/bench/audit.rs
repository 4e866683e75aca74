//! The audit of one timed run of each cell, once all is timed. Which run it will be nobody can
//! foresee: each that ends well takes the place of the one that was drawn before with such
//! chance that all are as likely in the end.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use trainmark_reports::files;
use trainmark_reports::record::{Audit, Cell, CheckRecord, Event, OfRun, Purpose, Run, RunOutcome};

use super::contender::Contender;
use super::event::Happening;
use super::gate;
use super::history::History;
use super::prepare::ReadyCell;
use super::run::{self, Bench};
use crate::chance;
use crate::executor::Ending;
use crate::failure::Failure;
use crate::interrupt::Interrupted;
use crate::worker::evidence::Evidence;
use crate::worker::protocol::{Job, Message};

/// Folder of the evidence that waits for its audit, in the run folder.
pub(super) const FOLDER: &str = "audit";

/// The run that is drawn of a cell so far.
#[derive(Debug, Serialize, Deserialize)]
struct Drawn {
    cell: Cell,
    seed: u64,
    /// What the run was made for; absent in files of before some were for time only.
    #[serde(default)]
    purpose: Purpose,
    library_hash: String,
    evidence: Box<Evidence>,
}

impl Drawn {
    /// What lies there, if it can be read: a file that was torn by a crash counts for nothing.
    fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&files::read(path, files::RECORD_LIMIT).ok()?).ok()
    }

    /// Takes the place of what lies there, whole or not at all.
    fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_vec(self).context("cannot encode a run's evidence")?;
        let made = path.parent().map_or(Ok(()), fs::create_dir_all);
        made.and_then(|()| files::replace(path, &text))
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

impl Bench<'_> {
    fn is_audited(&self) -> bool {
        self.schedule.audit == Some(true)
    }

    /// By the cell's place in the plan.
    fn drawn_path(&self, index: usize) -> PathBuf {
        self.folder.join(FOLDER).join(format!("{index}.json"))
    }

    /// Lets chance decide whether a sample that has ended well is the one that is audited of its
    /// cell, so far. Where its evidence cannot be kept, the cell goes without, and that is said.
    ///
    /// # Errors
    /// Where nobody can be told, or there is no chance.
    pub(super) fn draw(
        &mut self,
        one: &Contender<'_>,
        run: &Run,
        evidence: Option<Box<Evidence>>,
    ) -> anyhow::Result<()> {
        let Some(evidence) = evidence.filter(|_| self.is_audited() && run.is_sample() && run.is_ok()) else {
            return Ok(());
        };
        let path = self.drawn_path(one.index);
        // One of the same run is of a try whose end was lost.
        let is_same = |drawn: Drawn| (drawn.seed, drawn.purpose) == (run.seed, run.purpose);
        let is_first = Drawn::read(&path).is_none_or(is_same);
        if is_first || chance::below(one.well_ended + 1)? == 0 {
            let (cell, library_hash) = (run.cell.clone(), one.ready.library.hash.clone());
            let drawn = Drawn { cell, seed: run.seed, purpose: run.purpose, library_hash, evidence };
            if let Err(error) = drawn.write(&path) {
                let note = format!("{}: seed {} cannot be audited: {error:#}", run.cell, run.seed);
                self.sink.hear(Happening::Note(&note))?;
            }
        }
        Ok(())
    }

    /// Audits the run that was drawn of each of these cells which has not been audited before.
    ///
    /// # Errors
    /// [`Interrupted`], and where the records cannot be written or no job can be started.
    pub(super) fn audit_cells(&mut self, history: &History<'_>, cells: &[&ReadyCell]) -> anyhow::Result<()> {
        if !self.is_audited() {
            return Ok(());
        }
        for one in cells {
            let path = self.drawn_path(history.plan_index(&one.cell, &self.ready.cells));
            let Some(drawn) = Drawn::read(&path).filter(|drawn| drawn.cell == one.cell) else { continue };
            if !history.is_audited(&one.cell) {
                if drawn.library_hash != one.library.hash {
                    let note = format!("{}: not audited: its library has changed since the run", one.cell);
                    self.sink.hear(Happening::Note(&note))?;
                    continue;
                }
                self.audit(one, drawn)?;
            }
            // What lies there after its verdict does no harm.
            let _ = fs::remove_file(&path);
        }
        let _ = fs::remove_dir(self.folder.join(FOLDER));
        Ok(())
    }

    fn audit(&mut self, one: &ReadyCell, drawn: Drawn) -> anyhow::Result<()> {
        self.runner.interrupt().check()?;
        let Drawn { cell, seed, purpose, evidence, .. } = drawn;
        let epoch = evidence.epoch;
        self.sink.hear(Happening::Auditing(&cell))?;
        let start = self.runner.clock();
        let job = Job::Audit { task: one.task(&self.ready.dataset, seed, self.schedule.epochs), evidence };
        let log = self.folder.join(run::log_name(one, "audit"));
        let mut checks: Vec<CheckRecord> = Vec::new();
        let report = self.runner.run(&job, one.threads(), &log, &mut |message| {
            if let Message::Checked(check) = message {
                checks.push(check.clone());
            }
            Ok(())
        })?;
        let failure = match report.ending {
            Ending::Failed(failure) => Some(failure),
            Ending::Done(_) => None,
        };
        if failure.as_ref().is_some_and(Failure::is_interruption) {
            bail!(Interrupted);
        }
        let seconds = (self.runner.clock() - start).as_secs_f64();
        let (outcome, reason) = verdict(&checks, failure);
        let what = Audit { epoch, seconds, outcome, reason, checks };
        self.record(&Event::Audited(OfRun { cell, seed, purpose, what }))
    }
}

fn verdict(checks: &[CheckRecord], failure: Option<Failure>) -> (RunOutcome, Option<String>) {
    // A check that has failed says more than what came after it.
    if let Some(reason) = gate::failed_checks(checks) {
        return (RunOutcome::NotConformant, Some(reason));
    }
    match failure {
        Some(failure) => (failure.outcome(), Some(format!("audit: {}", failure.reason))),
        None if checks.is_empty() => {
            (RunOutcome::Failed, Some("audit: the worker ended it without any check".to_owned()))
        }
        None => (RunOutcome::Ok, None),
    }
}
