//! `check`

use super::arguments::CheckArguments;
use super::exit;
use crate::bench::Selected;
use crate::bench::event::{Happening, Sink};
use crate::bench::gate::{Gate, Log, Verdict};
use crate::bench::prepare::{Preparer, ReadyCell};
use crate::bench::progress::Works;
use crate::conformance;
use crate::failure::{Failure, FailureKind};

pub(super) fn run(arguments: &CheckArguments) -> anyhow::Result<i32> {
    let executor = super::executor(arguments.worker.limits())?;
    let registry = super::registry(&arguments.backends)?;
    let selected = Selected {
        selections: arguments.selections.clone(),
        devices: arguments.device.clone(),
        workloads: arguments.workload.clone(),
        dataset: arguments.data.dataset,
        data_dir: arguments.data.data_dir.clone(),
        threads: arguments.worker.threads(),
        offline: arguments.data.offline,
        ..Selected::default()
    };
    selected.check()?;
    let mut lines = Lines { works: Works::for_stderr() };
    let ready = Preparer::new(&selected, registry, &executor, &mut lines)?.prepare_and_check()?;
    let log = tempfile::NamedTempFile::new()?;
    let mut gate = Gate::new(&ready.dataset, &executor).going_on(&ready.early);
    gate.check_together(&ready.cells, |_| Log::temporary(), &mut lines)?;
    if executor.interrupt.is_set() {
        return Ok(exit::INTERRUPTED);
    }
    let mut passed = ready.unavailable.is_empty() && !ready.cells.is_empty();
    passed &= gate.early().iter().all(|early| early.verdict.conformance.passed);
    let again: Vec<&ReadyCell> = ready.cells.iter().filter(|one| !gate.has_found(&one.cell)).collect();
    for one in again {
        let verdict = gate.check(one, log.path(), &mut lines)?;
        if verdict.failure.as_ref().is_some_and(Failure::is_interruption) {
            return Ok(exit::INTERRUPTED);
        }
        passed &= verdict.conformance.passed;
    }
    Ok(if passed { exit::OK } else { exit::FAILED })
}

/// What helps to find out why a cell has not passed.
fn explain(verdict: &Verdict) {
    let failure = verdict.failure.as_ref().filter(|failure| !failure.is_interruption());
    for line in failure.into_iter().flat_map(Failure::log_lines) {
        say!("     | {line}");
    }
    if let Some(advice) = advice(verdict) {
        say!("  look first at: {advice}; docs/writing-a-backend.md has the contract");
    }
}

/// Where to look for the mistake behind the first check that failed. A call that broke
/// down has said more itself than one that is not there yet.
fn advice(verdict: &Verdict) -> Option<&'static str> {
    let broke_down = verdict.failure.as_ref().is_some_and(|failure| failure.kind != FailureKind::Unsupported);
    let mut failed = verdict.conformance.checks.iter().filter(|check| !check.passed);
    if broke_down { None } else { failed.find_map(|check| conformance::advice(check.kind?)) }
}

/// Prints every check as a line of its own.
struct Lines {
    works: Works,
}

impl Sink for Lines {
    fn hear(&mut self, happening: Happening<'_>) -> anyhow::Result<()> {
        match happening {
            Happening::Note(text) => tell!("{text}"),
            Happening::Unavailable(row) => {
                self.works.aside(|| say!("{row}: unavailable: {}", row.reason));
            }
            // What is built beside it has lines of its own on a terminal.
            Happening::Checking(cell) => self.works.aside(|| say!("{cell}")),
            Happening::Checked(_, check) => {
                self.works.aside(|| say!("  {}", conformance::line(check)));
            }
            Happening::Verdict(_, Ok(checks)) => {
                self.works.aside(|| say!("  passed all {checks} checks"));
            }
            Happening::Verdict(_, Err(reason)) => self.works.aside(|| say!("  {reason}")),
            Happening::Judged(verdict) => self.works.aside(|| explain(verdict)),
            _ => self.works.hear(happening)?,
        }
        Ok(())
    }
}
