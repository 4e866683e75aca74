//! What the conformance gate said of every cell.

use serde::Serialize;

use crate::csv;
use crate::number::{count, significant};
use crate::store::Record;

/// The conformance gate's verdict for one cell.
#[derive(Serialize)]
pub(super) struct Verdict {
    cell: String,
    verdict: String,
    checks: Vec<CheckRow>,
}

#[derive(Serialize)]
struct CheckRow {
    name: String,
    passed: bool,
    measured: String,
    limit: String,
    detail: String,
}

/// A cell's verdict is that of the run that failed the gate, else of the last.
pub(super) fn conformance(record: &Record) -> Vec<Verdict> {
    let verdict_of = |cell: &crate::record::Cell| {
        let verdicts = || record.runs_of(cell).filter_map(|run| run.conformance.as_ref());
        let conformance = verdicts().find(|conformance| !conformance.passed).or(verdicts().last());
        let checks = conformance.map_or(&[][..], |conformance| &conformance.checks);
        let shown = |value: Option<f64>| value.map_or_else(|| "none".to_owned(), significant);
        Verdict {
            cell: cell.to_string(),
            verdict: format!(
                "{}, {}",
                csv::runs::conformance_word(conformance),
                count(checks.len(), "check")
            ),
            checks: checks
                .iter()
                .map(|check| CheckRow {
                    name: check.name.clone(),
                    passed: check.passed,
                    measured: shown(check.measured),
                    limit: shown(check.limit),
                    detail: check.detail.clone(),
                })
                .collect(),
        }
    };
    record.cells().into_iter().map(verdict_of).collect()
}
