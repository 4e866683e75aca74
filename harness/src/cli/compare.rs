//! `compare`

use std::path::Path;

use anyhow::{Context, bail};
use trainmark_reports::Record;
use trainmark_reports::compare::{self, Check, RunComparison};

use super::arguments::{CompareArguments, CompareFormat};
use super::{bench, exit};
use crate::grid::drawn;

pub(super) fn run(arguments: &CompareArguments) -> anyhow::Result<i32> {
    let [a, b] = [("A", &arguments.a), ("B", &arguments.b)].map(|(name, run)| read(name, run));
    let comparison = compare::compare(&a?, &b?, arguments.across_machines)?;
    if arguments.fail_on.is_some() && comparison.is_same_run {
        bail!("A and B are the same run, {}: --fail-on could not fail", comparison.sides[0].run_id);
    }
    let check = arguments.fail_on.map(|limit| Check::of(&comparison, limit));
    let document = match arguments.format {
        CompareFormat::Text => text(&comparison),
        CompareFormat::Markdown => compare::markdown(&comparison, check.as_ref()),
        CompareFormat::Json => compare::json(&comparison, check.as_ref())?,
    };
    say!("{}", document.trim_end());
    Ok(check.as_ref().map_or(exit::OK, tell))
}

fn read(name: &str, run: &Path) -> anyhow::Result<Record> {
    let folder = bench::find_run(run).with_context(|| format!("cannot read {name}"))?;
    Record::read(&folder).with_context(|| format!("cannot read {name}"))
}

fn text(comparison: &RunComparison) -> String {
    let mut text = String::new();
    for (side, name) in comparison.sides.iter().zip(["A", "B"]) {
        text += &format!("{name}  {}\n", side.run_id);
    }
    for grid in compare::grids(comparison) {
        let words: &[&str] = if grid.header[0].is_empty() { &["A", "B"] } else { &["verdict"] };
        text += &format!("\n{}\n{}\n", grid.title, drawn(&grid, words));
    }
    let notes = compare::notes(comparison);
    if !notes.is_empty() {
        text += &format!("\n{}\n", notes.join("\n"));
    }
    text
}

/// Tells on standard error what became of the check, so that a document on standard output
/// stays one.
fn tell(check: &Check<'_>) -> i32 {
    for line in check.lines() {
        tell!("{line}");
    }
    if check.passed() { exit::OK } else { exit::FAILED }
}
