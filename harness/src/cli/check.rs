//! `check`

use trainmark_reports::record::{Cell, CheckRecord, Purpose, Run, Unavailable};

use super::arguments::CheckArguments;
use super::exit;
use crate::bench::gate::{Gate, Verdict};
use crate::bench::progress::{self, BuildView, Progress};
use crate::bench::{BenchRequest, prepare, unavailable_name};
use crate::conformance;
use crate::failure::FailureKind;
use crate::registry::build::{BuildEvent, Recipe};
use crate::worker::protocol::EpochMessage;

pub(super) fn run(arguments: &CheckArguments) -> anyhow::Result<i32> {
    let executor = super::executor(arguments.worker.limits())?;
    let mut registry = super::registry(&arguments.backends)?;
    let request = BenchRequest {
        workloads: arguments.workload.clone(),
        dataset: arguments.data.dataset,
        data_dir: arguments.data.data_dir.clone(),
        offline: arguments.data.offline,
        ..super::request_for_cells(
            &arguments.selections,
            &arguments.device,
            &arguments.worker,
            &arguments.backends,
        )
    };
    request.check()?;
    let workloads = request.workloads()?;
    prepare::check_names(&request, &registry)?;
    let dataset = request.obtain_dataset()?;
    if let Some(notice) = &dataset.notice {
        tell!("{notice}");
    }
    executor.interrupt.listen()?;
    let mut lines = Lines { builds: progress::builds_for_stderr() };
    let prepared = prepare::prepare(&request, &workloads, &mut registry, &executor, &mut lines)?;
    let log = tempfile::NamedTempFile::new()?;
    let mut passed = prepared.unavailable.is_empty() && !prepared.cells.is_empty();
    let mut gate = Gate::new(&dataset, &executor);
    for ready in &prepared.cells {
        let verdict = gate.check(ready, log.path(), &mut lines)?;
        if let Some(failure) = &verdict.failure {
            if failure.is_interruption() {
                return Ok(exit::INTERRUPTED);
            }
            for line in failure.log_tail.iter().flat_map(|tail| tail.lines()) {
                say!("     | {line}");
            }
        }
        if let Some(advice) = advice(&verdict) {
            say!("  look first at: {advice}; docs/writing-a-backend.md has the contract");
        }
        passed &= verdict.conformance.passed;
    }
    Ok(if passed { exit::OK } else { exit::FAILED })
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
    builds: Box<dyn BuildView>,
}

impl Progress for Lines {
    fn note(&mut self, text: &str) {
        tell!("{text}");
    }

    fn build(&mut self, recipe: &Recipe, event: &BuildEvent) {
        self.builds.hear(recipe, event);
    }

    fn unavailable(&mut self, row: &Unavailable) {
        let print = || say!("{}: unavailable: {}", unavailable_name(row), row.reason);
        self.builds.aside(&mut { print });
    }

    fn checking(&mut self, cell: &Cell) {
        say!("{cell}");
    }

    fn checked(&mut self, _cell: &Cell, check: &CheckRecord) {
        say!("  {}", conformance::line(check));
    }

    fn gate(&mut self, _cell: &Cell, verdict: &Result<usize, String>) {
        match verdict {
            Ok(checks) => say!("  passed all {checks} checks"),
            Err(reason) => say!("  {reason}"),
        }
    }

    fn plan(&mut self, _runs: usize, _epochs: u32, _estimate_seconds: f64) {}

    fn replan(&mut self, _runs: usize, _seconds: f64) {}

    fn begun(&mut self, _cell: &Cell, _seed: u64, _purpose: Purpose) {}

    fn epoch(&mut self, _cell: &Cell, _epoch: &EpochMessage) {}

    fn ended(&mut self, _run: &Run) {}

    fn finished(&mut self) {}
}
