//! A check for continuous integration: is the head of some backend slower than it may be?

use super::builds::{BuildPair, build_pairs};
use crate::compare::{FailOn, close};
use crate::record::Record;
use crate::statistics::Verdict;
use crate::summary::{CellSummary, group, summarize};

/// What the check has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildCheck {
    /// In words; one line each, the outcome last.
    pub lines: Vec<String>,
    /// Whether no head is slower than it may be, and some could be judged.
    pub passed: bool,
}

impl BuildCheck {
    /// Holds every head of a record against the limit.
    pub fn of(record: &Record, limit: FailOn) -> Self {
        let groups = group(summarize(record));
        let pairs = build_pairs(record, &groups);
        let percent = limit.slower_percent;
        let (mut lines, mut failed, mut undecided, mut judged) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for pair in &pairs {
            let cell = pair.head.cell;
            if let Some(reason) = why_not_judged(pair) {
                lines.push(format!("not judged: {cell}: {reason}"));
                continue;
            }
            judged += 1;
            let high =
                pair.seconds.and_then(|seconds| seconds.interval).map_or(f64::NAN, |interval| interval.high);
            if pair.is_slower_by(percent) {
                failed.push(format!("failed: {cell} is slower than its base by more than {percent}%"));
            } else if high > 1.0 + percent / 100.0 {
                undecided.push(format!("{cell} (up to {}×)", close(high)));
            }
        }
        let passed = failed.is_empty() && judged > 0;
        lines.extend(failed);
        let undecided = match undecided.len() {
            0 => None,
            many => {
                Some(format!("not decided for {many}: {}; more seeds would decide", undecided.join(", ")))
            }
        };
        if judged == 0 {
            lines.push("failed: no two builds could be judged, so that nothing was checked".to_owned());
        } else if passed {
            let told = format!("passed: no head of {judged} is shown to be slower by more than {percent}%");
            lines.push(undecided.map_or(told.clone(), |undecided| format!("{told}; {undecided}")));
        } else {
            lines.extend(undecided);
        }
        Self { lines, passed }
    }
}

/// Why nothing can be checked of two builds.
fn why_not_judged(pair: &BuildPair<'_>) -> Option<String> {
    let Some(seconds) = pair.seconds else { return Some(pair.why_not_compared()) };
    if seconds.verdict == Verdict::NeedsMoreSeeds {
        return Some("one seed of both is too few; use --seeds 3 or more".to_owned());
    }
    let (base, head) = (library(pair.base), library(pair.head));
    (base.is_some() && base == head)
        .then(|| "base and head are the same library, and a check that cannot fail is no check".to_owned())
}

fn library<'g>(cell: &CellSummary<'g>) -> Option<&'g str> {
    cell.runs.iter().find_map(|run| run.end.library_hash.as_deref())
}
