//! What stands behind a ratio in a table, where there is no room for a verdict in words.

use crate::statistics::{Comparison, Verdict};

/// Noise explains the ratio.
const SAME: &str = " n.s.";
/// It was not judged.
const OPEN: &str = " ?";

/// The mark behind how many times as long one takes as another: none where a difference is shown.
pub(crate) fn mark(comparison: Option<&Comparison>) -> &'static str {
    match comparison.map(|comparison| comparison.verdict) {
        Some(Verdict::Lower | Verdict::Higher) => "",
        Some(Verdict::NoDifferenceShown) => SAME,
        Some(Verdict::NeedsMoreSeeds) | None => OPEN,
    }
}

/// What the marks of a text mean; empty where it has none.
pub fn marks_in_words(text: &str) -> String {
    // What is not judged has no interval between the ratio and its mark.
    let open = format!("×{OPEN}");
    let told = [
        (SAME, "n.s.: no difference shown, however large the ratio is."),
        (&open, "?: not judged, for want of seeds."),
    ];
    let told: Vec<&str> =
        told.into_iter().filter(|(mark, _)| text.contains(mark)).map(|(_, words)| words).collect();
    told.join(" ")
}

/// What may be said of a cell's time against the baseline's.
pub(crate) fn verdict_of_times(comparison: Option<&Comparison>) -> &'static str {
    match comparison.map(|comparison| comparison.verdict) {
        Some(Verdict::Lower) => "faster",
        Some(Verdict::Higher) => "slower",
        Some(Verdict::NoDifferenceShown) => "no difference shown",
        Some(Verdict::NeedsMoreSeeds) | None => "needs more seeds",
    }
}
