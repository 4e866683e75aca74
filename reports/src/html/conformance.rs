//! What the conformance gate said of every cell.

use serde::Serialize;

use crate::csv;
use crate::number::{count, significant};
use crate::record::CheckRecord;
use crate::summary::CellSummary;

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

pub(super) fn conformance(cells: &[CellSummary<'_>]) -> Vec<Verdict> {
    cells.iter().map(Verdict::from).collect()
}

impl From<&CellSummary<'_>> for Verdict {
    fn from(summary: &CellSummary<'_>) -> Self {
        let conformance = summary.conformance();
        let checks = conformance.map_or(&[][..], |conformance| &conformance.checks);
        let word = csv::runs::conformance_word(conformance);
        Self {
            cell: summary.cell.to_string(),
            verdict: format!("{word}, {}", count(checks.len(), "check")),
            checks: checks.iter().map(CheckRow::from).collect(),
        }
    }
}

impl From<&CheckRecord> for CheckRow {
    fn from(check: &CheckRecord) -> Self {
        let [measured, limit] =
            [check.measured, check.limit].map(|value| value.map_or_else(|| "none".to_owned(), significant));
        let (name, detail) = (check.name.clone(), check.detail.clone());
        Self { name, passed: check.passed, measured, limit, detail }
    }
}
