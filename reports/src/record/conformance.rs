//! What the conformance gate found.

use serde::{Deserialize, Serialize};

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

/// One check of the conformance gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckRecord {
    /// Short name, such as `train_step batch 96: gradients`.
    pub name: String,
    /// Whether it passed.
    pub passed: bool,
    /// The measured error, where the check measures one.
    pub measured: Option<f64>,
    /// The limit that it is held against.
    pub limit: Option<f64>,
    /// What a reader needs to know: the worst tensor, the reason of a refusal.
    pub detail: String,
}
