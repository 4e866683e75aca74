//! What the conformance gate found.

use serde::{Deserialize, Serialize};

use super::CheckRecord;
use crate::number::count;
use crate::text::one_line;

/// How the conformance gate ended for a run's cell.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Conformance {
    /// Whether every check passed.
    pub passed: bool,
    /// Every check, in order.
    pub checks: Vec<CheckRecord>,
    /// The backend's own losses in the gate, by which its devices are held against each other:
    /// of five training steps, and of a prediction. Empty where one of them is missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub losses: Vec<f64>,
}

impl Conformance {
    /// The word for a cell that has none.
    pub const MISSING: &str = "not checked";

    /// `passed`, `failed:` and the checks that failed, or `ended early` where the backend
    /// failed in the midst of the checks.
    pub fn words(&self) -> String {
        let failed = self.checks.iter().filter(|check| !check.passed).map(|check| one_line(&check.name));
        match failed.collect::<Vec<_>>() {
            _ if self.passed => "passed".to_owned(),
            none if none.is_empty() => format!("ended early, after {}", count(self.checks.len(), "check")),
            failed => format!("failed: {}", failed.join("; ")),
        }
    }
}
