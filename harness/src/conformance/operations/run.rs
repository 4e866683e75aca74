//! Has a backend try cases, in as few workers as it survives.

use std::path::Path;
use std::time::Instant;

use super::case::{CaseName, Origin};
use super::report::{Checked, Failed};
use super::trial::{Finding, Tried};
use crate::bench::prepare::ReadyCell;
use crate::bench::runner::Runner;
use crate::data;
use crate::executor::{Ending, Threads, Waiting};
use crate::failure::{Failure, FailureKind};
use crate::worker::protocol::{Job, Message};

/// Workers that cases may end before the rest is left.
const MOST_CRASHES: usize = 20;
/// Crashes of which the smallest case is looked for, …
const SHRUNK_CRASHES: usize = 3;
/// … each with so many workers at most.
const MOST_ROUNDS: usize = 30;
/// What is wrong where a case has ended its worker.
const CRASH: &str = "crash";

/// Which cases are tried, and where.
pub struct OperationCheck<'r> {
    /// Some data set: a task has one.
    pub dataset: &'r data::DecodedFiles,
    /// Who does the jobs.
    pub runner: &'r dyn Runner,
    /// Where they come from.
    pub origin: &'r Origin,
    /// The seed that draws them, if any does.
    pub seed: u64,
    /// Their numbers.
    pub numbers: &'r [u32],
}

/// How a worker ended that was to try cases.
enum Ended {
    /// They were all tried.
    Well,
    /// While it tried this one.
    In(CaseName, Failure),
    /// Before it tried any.
    Before(Failure),
}

impl OperationCheck<'_> {
    /// Tries those of the cases that a cell's implementation computes. What ends a worker is a
    /// failure of its case, and the rest goes on in another one.
    ///
    /// # Errors
    /// Where no worker can be started, or the user interrupts.
    pub fn check(&self, ready: &ReadyCell, log: &Path) -> anyhow::Result<Checked> {
        let begun = Instant::now();
        let names = self.numbers.iter().copied().map(CaseName::drawn);
        let mut waiting: Vec<CaseName> = names
            .filter(|name| name.case(self.origin).is_some_and(|case| case.is_of(&ready.cell.implementation)))
            .collect();
        let mut checked = Checked {
            backend: ready.cell.backend.clone(),
            implementation: ready.cell.implementation.to_string(),
            device: ready.cell.device.to_string(),
            framework: ready.library.info.framework.clone(),
            cases: waiting.len(),
            ..Checked::default()
        };
        let mut failed: Vec<Failed> = Vec::new();
        let mut crashes = 0;
        while !waiting.is_empty() {
            let ended = self.try_all(ready, &waiting, true, log, &mut |name, tried| {
                checked.take(tried);
                note(&mut failed, name, tried);
            })?;
            let (name, failure) = match ended {
                Ended::Well => break,
                Ended::Before(failure) => {
                    checked.stopped = Some(failure.to_string());
                    break;
                }
                Ended::In(name, failure) => (name, failure),
            };
            let place = waiting.iter().position(|one| one.number == name.number);
            waiting.drain(..place.map_or(waiting.len(), |place| place + 1));
            // Of one that has failed before, this was a smaller one: what was found stays.
            if name.smaller.is_empty() {
                crashes += 1;
                let finding = if crashes <= SHRUNK_CRASHES && failure.kind == FailureKind::Failed {
                    self.shrink(ready, name, failure, log)?
                } else {
                    Failed { name, finding: crash(&failure) }
                };
                failed.push(finding);
            }
            if crashes == MOST_CRASHES && !waiting.is_empty() {
                checked.stopped = Some(format!("{crashes} of them have ended their worker"));
                break;
            }
        }
        let told = checked.agreed + checked.declined() + failed.len();
        if told != checked.cases && checked.stopped.is_none() {
            checked.stopped = Some(format!("the worker has told of {told} of {}", checked.cases));
        }
        checked.group(&failed, self.origin);
        checked.seconds = begun.elapsed().as_secs_f64();
        Ok(checked)
    }

    fn try_all(
        &self,
        ready: &ReadyCell,
        names: &[CaseName],
        shrinks: bool,
        log: &Path,
        heard: &mut dyn FnMut(&CaseName, &Tried),
    ) -> anyhow::Result<Ended> {
        let task = ready.task(self.dataset, self.seed, names.len() as u32);
        let job = Job::Operations { task, cases: names.to_vec(), shrinks };
        // Nothing is timed.
        let threads = Threads { waiting: Waiting::Asleep, ..ready.threads() };
        let mut trying = None;
        let report = self.runner.run(&job, threads, log, &mut |message| {
            match message {
                Message::Trying { case } => trying = Some(case.clone()),
                Message::Tried { case, tried } => heard(case, tried),
                _ => {}
            }
            Ok(())
        })?;
        self.runner.interrupt().check()?;
        Ok(match (report.ending, trying) {
            (Ending::Done(_), _) => Ended::Well,
            (Ending::Failed(failure), Some(name)) => Ended::In(name, failure),
            (Ending::Failed(failure), None) => Ended::Before(failure),
        })
    }

    /// The smallest case that still ends its worker; each that does costs one.
    fn shrink(
        &self,
        ready: &ReadyCell,
        name: CaseName,
        failure: Failure,
        log: &Path,
    ) -> anyhow::Result<Failed> {
        let mut smallest = Failed { name, finding: crash(&failure) };
        for _ in 0..MOST_ROUNDS {
            let Some(case) = smallest.name.case(self.origin) else { break };
            let fitting = case.smaller().into_iter().enumerate().filter(|(_, case)| case.fits());
            let names: Vec<CaseName> = fitting.map(|(place, _)| smallest.name.step(place)).collect();
            match self.try_all(ready, &names, false, log, &mut |_, _| {})? {
                Ended::In(name, failure) => smallest = Failed { name, finding: crash(&failure) },
                Ended::Well | Ended::Before(_) => break,
            }
        }
        Ok(smallest)
    }
}

fn crash(failure: &Failure) -> Finding {
    let what = if failure.kind == FailureKind::TimedOut { "time limit" } else { CRASH };
    Finding { what: what.to_owned(), detail: failure.reason.clone() }
}

/// Keeps of each case that fails the smallest one, which is told last.
fn note(failed: &mut Vec<Failed>, name: &CaseName, tried: &Tried) {
    let Tried::Failed(finding) = tried else { return };
    let one = Failed { name: name.clone(), finding: finding.clone() };
    match failed.last_mut().filter(|last| last.name.number == name.number) {
        Some(last) => *last = one,
        None => failed.push(one),
    }
}
