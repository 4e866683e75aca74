//! What the conformance gate found.

use serde::{Deserialize, Serialize};

use super::CheckRecord;

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
