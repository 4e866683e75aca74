//! `check`

use anyhow::bail;
use trainmark_reports::record::{Cell, CheckRecord};

use super::arguments::CheckArguments;
use super::sweep::{self, Extent};
use super::{check_operations, exit, first_given, workloads};
use crate::bench::Selected;
use crate::bench::event::{Happening, Sink};
use crate::bench::gate::{Gate, Log, Verdict};
use crate::bench::prepare::{Preparer, ReadyCell};
use crate::bench::progress::Works;
use crate::conformance;
use crate::failure::{Failure, FailureKind};
use crate::workload::Workload;

pub(super) fn run(arguments: &CheckArguments) -> anyhow::Result<i32> {
    if arguments.operations {
        return check_operations::run(arguments);
    }
    arguments.check_drawn()?;
    let workloads =
        workloads::chosen(&arguments.workload, &arguments.changes, arguments.worker.limits().memory)?;
    let (cases, workloads): (Vec<_>, Vec<_>) = workloads.into_iter().partition(|one| one.case.is_some());
    arguments.check_fit(&cases, &workloads)?;
    let of_cases = if cases.is_empty() { exit::OK } else { check_operations::run_given(arguments, cases)? };
    if workloads.is_empty() {
        return Ok(of_cases);
    }
    Ok(of_cases.max(check_workloads(arguments, workloads)?))
}

impl CheckArguments {
    /// Refuses what is said of drawn models where none are. The parser does not, where a workload is named:
    /// `--operations` cannot be required of what it conflicts with.
    fn check_drawn(&self) -> anyhow::Result<()> {
        let drawn = first_given([
            ("--cases", self.cases.is_some()),
            ("--seed", self.seed.is_some()),
            ("--case", self.case.is_some()),
        ]);
        match drawn {
            Some(option) => bail!("{option} says what --operations draws, and it is not asked for"),
            None => Ok(()),
        }
    }

    /// Refuses options that mean nothing for what is checked.
    fn check_fit(&self, cases: &[Workload], workloads: &[Workload]) -> anyhow::Result<()> {
        if let (true, Some(workload)) = (self.json, workloads.first()) {
            bail!(
                "--json prints what --operations and files with a [case] find, and {} is a workload: its checks are told \
                 as lines",
                workload.name
            );
        }
        let samples = first_given([
            ("--dataset", self.data.dataset.is_some()),
            ("--data-dir", self.data.data_dir.is_some()),
        ]);
        match (samples, cases.first()) {
            (Some(option), Some(case)) if workloads.is_empty() => {
                bail!("{option} has no part in {}: a case has samples of its own", case.name)
            }
            _ => Ok(()),
        }
    }
}

fn check_workloads(arguments: &CheckArguments, workloads: Vec<Workload>) -> anyhow::Result<i32> {
    let executor = super::executor(arguments.worker.limits())?;
    let registry = super::registry(&arguments.backends)?;
    let selected = Selected {
        selections: arguments.selections.clone(),
        devices: arguments.device.clone(),
        dataset: workloads::dataset(arguments.data.dataset.as_ref(), &workloads)?,
        workloads,
        data_dir: arguments.data.data_dir.clone(),
        threads: arguments.worker.threads(),
        offline: arguments.data.offline,
        ..Selected::default()
    };
    selected.check()?;
    sweep::ask(&selected, &registry, Extent::Checks, arguments.yes)?;
    let mut lines = Lines { works: Works::for_stderr(), told: Told::default() };
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
    told: Told,
}

/// What has been said of cells that have not passed, so that it is said once.
#[derive(Default)]
struct Told {
    /// Cell and detail of each check that failed.
    details: Vec<(String, String)>,
    /// Backend, reason, and the first cell of which it was said.
    reasons: Vec<(String, String, String)>,
    /// Whether the last reason had been said before.
    is_said: bool,
}

impl Told {
    /// A check whose detail is not that of one before it.
    fn check(&mut self, cell: &Cell, check: &CheckRecord) -> CheckRecord {
        let mut check = check.clone();
        if !check.passed && !check.detail.is_empty() {
            let detail = (cell.to_string(), check.detail.clone());
            if self.details.contains(&detail) {
                check.detail = "as above".to_owned();
            } else {
                self.details.push(detail);
            }
        }
        check
    }

    /// The line for a cell that has not passed.
    fn reason(&mut self, cell: &Cell, reason: &str) -> String {
        let name = cell.to_string();
        let is_same = |(backend, known, first): &&(String, String, String)| {
            *backend == cell.backend && known == reason && *first != name
        };
        let first = self.reasons.iter().find(is_same);
        self.is_said = first.is_some();
        if let Some((_, _, first)) = first {
            let outcome = reason.split(':').next().unwrap_or_default();
            return format!("{outcome}, as {first} above");
        }
        self.reasons.push((cell.backend.clone(), reason.to_owned(), name));
        reason.to_owned()
    }
}

impl Sink for Lines {
    fn hear(&mut self, happening: Happening<'_>) -> anyhow::Result<()> {
        match happening {
            Happening::Note(text) => tell!("{text}"),
            Happening::Unavailable(row) => {
                self.works.aside(|| say!("{row}: unavailable: {}", row.reason));
            }
            // What is built beside it has lines of its own on a terminal.
            Happening::Checking(cell) => {
                let name = cell.to_string();
                self.told.details.retain(|(of, _)| *of != name);
                self.works.aside(|| say!("{name}"));
            }
            Happening::Checked(cell, check) => {
                let check = self.told.check(cell, check);
                self.works.aside(|| say!("  {}", conformance::line(&check)));
            }
            Happening::Verdict(_, Ok(checks)) => {
                self.told.is_said = false;
                self.works.aside(|| say!("  passed all {checks} checks"));
            }
            Happening::Verdict(cell, Err(reason)) => {
                let line = self.told.reason(cell, reason);
                self.works.aside(|| say!("  {line}"));
            }
            Happening::Judged(_) if self.told.is_said => {}
            Happening::Judged(verdict) => self.works.aside(|| explain(verdict)),
            _ => self.works.hear(happening)?,
        }
        Ok(())
    }
}
