//! Two builds of one backend, the base and the head, in the same rounds: what has a change cost?

use serde::Serialize;

use crate::record::{Build, Cell, Record};
use crate::statistics::{self, Comparison, Verdict};
use crate::summary::{CellSummary, Group};

/// A cell of the head beside that of the base.
#[derive(Debug, Clone, PartialEq)]
pub struct BuildPair<'g> {
    /// The cell of the base.
    pub base: &'g CellSummary<'g>,
    /// That of the head.
    pub head: &'g CellSummary<'g>,
    /// Seconds per epoch, head over base; `None` where one of the two has no time.
    pub seconds: Option<Comparison>,
}

impl BuildPair<'_> {
    /// Whether a difference is shown.
    pub fn is_decided(&self) -> bool {
        let verdict = self.seconds.map(|seconds| seconds.verdict);
        matches!(verdict, Some(Verdict::Lower | Verdict::Higher))
    }

    /// Which of the two has no time.
    pub fn why_not_compared(&self) -> String {
        let both = [(Build::Base, self.base), (Build::Head, self.head)];
        both.into_iter().find(|(_, one)| one.seconds().is_none()).map_or_else(
            || "no run of both counts".to_owned(),
            |(build, one)| format!("the {} has no time ({})", build.name(), one.status()),
        )
    }

    /// Whether the head is shown to take longer, and its interval lies wholly beyond so many per cent.
    pub fn is_slower_by(&self, percent: f64) -> bool {
        self.seconds.is_some_and(|seconds| {
            let low = seconds.interval.map_or(0.0, |interval| interval.low);
            seconds.verdict == Verdict::Higher && low > 1.0 + percent / 100.0
        })
    }
}

/// Every cell of a head with that of its base; one family. None in a record without two builds.
pub fn build_pairs<'g>(record: &'g Record, groups: &'g [Group<'g>]) -> Vec<BuildPair<'g>> {
    let mut found = Vec::new();
    for group in groups {
        let rounds = record.rounds(group);
        for (of_head, of_base) in places(group) {
            let [head, base] = [of_head, of_base].map(|place| &group.cells[place]);
            let is_timed = head.train_seconds.is_some() && base.train_seconds.is_some();
            let seconds = is_timed.then(|| rounds.compare(of_head, of_base));
            found.push(BuildPair { base, head, seconds });
        }
    }
    let floor = record.noise_floor().map_or(1.0, |floor| floor.ratio);
    statistics::judge(found.iter_mut().filter_map(|pair| pair.seconds.as_mut()), floor);
    found
}

/// The places of a group's heads, each with that of its base.
fn places(group: &Group<'_>) -> Vec<(usize, usize)> {
    let heads = group.cells.iter().enumerate().filter_map(|(place, head)| {
        let (backend, build) = head.cell.build()?;
        let base = Cell { backend: Build::Base.of(backend), ..head.cell.clone() };
        let of_base = group.cells.iter().position(|other| *other.cell == base)?;
        (build == Build::Head).then_some((place, of_base))
    });
    heads.collect()
}

/// As a document for programs has it.
#[derive(Debug, Serialize)]
pub(crate) struct BuildDocument<'r> {
    base: &'r Cell,
    head: &'r Cell,
    comparison: Option<Comparison>,
}

impl<'r> From<&BuildPair<'r>> for BuildDocument<'r> {
    fn from(pair: &BuildPair<'r>) -> Self {
        Self { base: pair.base.cell, head: pair.head.cell, comparison: pair.seconds }
    }
}
