//! A comparison in Markdown, for a pull request.

use super::{RunComparison, grids, notes};
use crate::formats::markdown::{bullets, escape};
use crate::number::utc;

/// The document.
pub fn markdown(comparison: &RunComparison) -> String {
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
    text
}
