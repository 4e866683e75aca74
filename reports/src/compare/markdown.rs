//! A comparison in Markdown, for a pull request.

use super::{Check, RunComparison, grids, notes};
use crate::formats::markdown::{bullets, escape};
use crate::number::utc;

/// The document, with what became of the check where one was asked for.
pub fn markdown(comparison: &RunComparison, check: Option<&Check<'_>>) -> String {
    let mut text = "## trainmark: B against A\n\n".to_owned();
    for (side, name) in comparison.sides.iter().zip(["A", "B"]) {
        text += &format!("- {name}: {}, {}\n", escape(&side.run_id), utc(side.unix_time));
    }
    for grid in grids(comparison) {
        text += &format!("\n{}", grid.markdown(&["verdict", "A", "B"]));
    }
    let notes = notes(comparison);
    if !notes.is_empty() {
        text += &format!("\n{}", bullets(&notes));
    }
    if let Some(check) = check {
        text += &format!("\n### Check\n\n{}", bullets(&check.lines()));
    }
    text
}
