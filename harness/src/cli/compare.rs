//! `compare`

use std::path::Path;

use anyhow::{Context, bail};
use trainmark_reports::Record;
use trainmark_reports::compare::{self, Check, FailOn, RunComparison};

use super::arguments::{CompareArguments, CompareFormat};
use super::{bench, exit, table};
use crate::units;

pub(super) fn run(arguments: &CompareArguments) -> anyhow::Result<i32> {
    let [a, b] = [("A", &arguments.a), ("B", &arguments.b)].map(|(name, run)| read(name, run));
    let comparison = compare::compare(&a?, &b?, arguments.across_machines)?;
    if arguments.fail_on.is_some() && comparison.is_same_run {
        bail!("A and B are the same run, {}: --fail-on could not fail", comparison.sides[0].run_id);
    }
    let document = match arguments.format {
        CompareFormat::Text => text(&comparison),
        CompareFormat::Markdown => compare::markdown(&comparison),
        CompareFormat::Json => compare::json(&comparison)?,
    };
    say!("{}", document.trim_end());
    Ok(arguments.fail_on.map_or(exit::OK, |limit| check(&comparison, limit)))
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
        text += &format!("\n{}\n{}\n", grid.title, table::grid(&grid.header, &grid.rows, words));
    }
    let notes = compare::notes(comparison);
    if !notes.is_empty() {
        text += &format!("\n{}\n", notes.join("\n"));
    }
    text
}

/// Tells on standard error what became of the check, so that a document on standard output
/// stays one.
fn check(comparison: &RunComparison, limit: FailOn) -> i32 {
    let check = Check::of(comparison, limit);
    let percent = limit.slower_percent;
    for (pair, reason) in &check.not_judged {
        tell!("not judged: {}: {reason}", pair.cell);
    }
    if comparison.noise_floor().is_some_and(|floor| floor > 1.0 + percent / 100.0) {
        tell!("the noise floor is above {percent}%: a cell that is slower by less than it is not told");
    }
    for pair in &check.slower {
        let times = pair.times().unwrap_or(f64::NAN);
        tell!("failed: {} is slower by more than {percent}%: {times:.3} times as long", pair.cell);
    }
    if check.judged == 0 {
        tell!("failed: no cell could be judged, so that nothing was checked");
    } else if check.passed() {
        tell!("passed: no cell of {} is slower by more than {percent}%", units::count(check.judged, "cell"));
    }
    if check.passed() { exit::OK } else { exit::FAILED }
}
