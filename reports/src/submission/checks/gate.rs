//! What the gate and the checks of the runs have said, and of which libraries.

use super::super::Finding;
use super::super::manifest::is_sha256;
use super::Subject;
use crate::number::count;
use crate::record::{CheckRecord, Conformance, Run, RunOutcome};

const GATE: &str = "gate";
const LIBRARIES: &str = "libraries";

/// Each run that counts has passed its checks, and each check has the verdict that its measure gives.
pub(super) fn consistent(subject: &Subject<'_>) -> Finding {
    let record = subject.record;
    let mut wrong = Vec::new();
    for run in &record.runs {
        wrong.extend(contradiction(run).map(|what| format!("{} seed {}: {what}", run.cell, run.seed)));
    }
    let cells = record.cells();
    let passed =
        cells.iter().filter(|cell| record.is_ranked(cell) && record.samples_of(cell).any(Run::is_ok));
    let told = format!("{} of {} passed it and counts", passed.count(), count(cells.len(), "cell"));
    Finding::of(GATE, &wrong, told)
}

fn contradiction(run: &Run) -> Option<String> {
    let conformance = run.end.conformance.as_ref();
    match (run.end.outcome, conformance) {
        (RunOutcome::Ok, None) => return Some("it counts and was not checked".to_owned()),
        (RunOutcome::Ok, Some(conformance)) if conformance.checks.is_empty() => {
            return Some("it counts and has no check".to_owned());
        }
        (RunOutcome::Ok, Some(conformance)) if !conformance.passed => {
            return Some(format!("it counts, and its checks have {}", conformance.words()));
        }
        _ => {}
    }
    conformance.and_then(misjudged)
}

fn misjudged(conformance: &Conformance) -> Option<String> {
    let wrong = conformance.checks.iter().find(|check| !is_as_measured(check));
    if let Some(check) = wrong {
        let verdict = if check.passed { "passed" } else { "failed" };
        return Some(format!(
            "`{}` is said to have {verdict}, at {} with the limit {}",
            check.name,
            check.measured.unwrap_or(f64::NAN),
            check.limit.unwrap_or(f64::NAN)
        ));
    }
    let failed = conformance.checks.iter().find(|check| !check.passed)?;
    conformance.passed.then(|| format!("`{}` failed, and all of them are said to have passed", failed.name))
}

/// A check that measures has passed where it is within its limit. Checks of before there were kinds are
/// taken as they are.
fn is_as_measured(check: &CheckRecord) -> bool {
    match (check.kind, check.measured, check.limit) {
        (Some(_), Some(measured), Some(limit)) => check.passed == (measured <= limit),
        (Some(_), None, Some(_)) => !check.passed,
        _ => true,
    }
}

/// The runs of each cell that count are of one library, whose hash is recorded.
pub(super) fn libraries(subject: &Subject<'_>) -> Finding {
    let record = subject.record;
    let mut wrong = Vec::new();
    let mut hashes: Vec<&str> = Vec::new();
    for cell in record.cells() {
        let ok = || record.runs.iter().filter(|run| run.cell == *cell && run.is_ok());
        let first = ok().find_map(|run| run.end.library_hash.as_deref());
        for run in ok() {
            match run.end.library_hash.as_deref() {
                Some(hash) if is_sha256(hash) && Some(hash) == first => {}
                Some(hash) if is_sha256(hash) => wrong.push(format!("{cell} has runs of two libraries")),
                _ => wrong.push(format!("{cell} seed {} names no library", run.seed)),
            }
        }
        hashes.extend(first.filter(|hash| !hashes.contains(hash)));
    }
    wrong.dedup();
    Finding::of(LIBRARIES, &wrong, format!("{}, each run by its hash", counted(hashes.len())))
}

fn counted(libraries: usize) -> String {
    if libraries == 1 { "1 library".to_owned() } else { format!("{libraries} libraries") }
}
