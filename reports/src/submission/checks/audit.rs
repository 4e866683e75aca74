//! Whether what was timed was audited.

use super::super::Finding;
use super::Subject;
use crate::number::count;
use crate::record::Run;

const AUDIT: &str = "audit";

/// One run of each cell that counts was made once more, step by step.
pub(super) fn made(subject: &Subject<'_>) -> Finding {
    let record = subject.record;
    if record.started.plan.audit != Some(true) {
        return Finding::failed(AUDIT, "nothing was audited: run it again without --no-audit and --quick");
    }
    let counting: Vec<_> = record
        .cells()
        .into_iter()
        .filter(|cell| record.is_ranked(cell) && record.samples_of(cell).any(Run::is_ok))
        .collect();
    let is_audited =
        |run: &Run| run.audit.as_ref().is_some_and(|audit| audit.passed() && !audit.checks.is_empty());
    let missing = counting.iter().filter(|cell| !record.samples_of(cell).any(is_audited));
    let wrong: Vec<String> = missing.map(|cell| format!("{cell} was not audited")).collect();
    Finding::of(
        AUDIT,
        &wrong,
        format!("an epoch of each of {} was made once more", count(counting.len(), "cell")),
    )
}
