//! What came of all cases, as text and as data.

use std::collections::BTreeMap;

use serde::Serialize;
use trainmark_reports::record::Unavailable;

use super::case::{Case, CaseName, Origin};
use super::trial::{Finding, Tried};

/// What came of the cases of all cells.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// The seed that they were drawn by.
    pub seed: u64,
    /// How many were drawn.
    pub cases: usize,
    /// Cell by cell.
    pub cells: Vec<Checked>,
    /// Backends and devices that could not be checked.
    pub unavailable: Vec<Unavailable>,
}

/// What came of the cases of one cell.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Checked {
    /// Backend name.
    pub backend: String,
    /// Name of the implementation.
    pub implementation: String,
    /// Device id.
    pub device: String,
    /// Framework and version.
    pub framework: String,
    /// Cases that this implementation computes.
    pub cases: usize,
    /// How many of them were within all bounds.
    pub agreed: usize,
    /// The largest error of these, as a share of its bound. It is 1 where rounding has decided otherwise
    /// than in float64 what it may decide, such as the maximum of a pool's near-equal values.
    pub largest_share: f64,
    /// How many the backend declines; reasons that differ in numbers are one.
    pub declined: Vec<Declined>,
    /// The others, those that are alike together.
    pub failed: Vec<Like>,
    /// Why not all cases were tried, if so.
    pub stopped: Option<String>,
    /// Wall time of it all.
    pub seconds: f64,
}

/// Cases that a backend declines alike.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Declined {
    /// Its reason for the first of them.
    pub reason: String,
    /// How many.
    pub count: usize,
}

/// A case that has failed, and the smallest one made of it that fails in the same way.
#[derive(Debug, Clone, PartialEq)]
pub struct Failed {
    /// The smallest.
    pub name: CaseName,
    /// What is wrong with that.
    pub finding: Finding,
}

/// Cases that fail alike: the same is wrong with the same kinds of layers.
#[derive(Debug, Clone, Serialize)]
pub struct Like {
    /// What is wrong.
    pub what: String,
    /// Kinds of the layers of the smallest model, but for the last ones.
    pub kinds: Vec<&'static str>,
    /// The cases' numbers.
    pub numbers: Vec<u32>,
    /// How far the smallest of them is off, or why its call failed.
    pub detail: String,
    /// The smallest one's number.
    pub number: u32,
    /// The smallest one's samples and layers.
    pub lines: Vec<String>,
    /// The smallest one as a workload's file, which `check` takes.
    pub workload: String,
    /// A command that draws it and finds it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub again: Option<String>,
}

impl Report {
    /// Whether all that was asked for was checked and nothing failed.
    pub fn is_good(&self) -> bool {
        let is_good = |cell: &Checked| cell.failed.is_empty() && cell.stopped.is_none();
        let has_agreed = self.cells.iter().any(|cell| cell.agreed > 0);
        self.unavailable.is_empty() && has_agreed && self.cells.iter().all(is_good)
    }
}

impl Checked {
    /// Takes in what came of a case; of a failed one only if it is no smaller one.
    pub(super) fn take(&mut self, tried: &Tried) {
        match tried {
            Tried::Agreed { share } => {
                self.agreed += 1;
                self.largest_share = self.largest_share.max(*share);
            }
            Tried::Declined { reason } => {
                let known = self.declined.iter_mut().find(|known| are_alike(&known.reason, reason));
                match known {
                    Some(known) => known.count += 1,
                    None => self.declined.push(Declined { reason: reason.clone(), count: 1 }),
                }
            }
            Tried::Failed(_) => {}
        }
    }

    /// How many the backend declines in all.
    pub(super) fn declined(&self) -> usize {
        self.declined.iter().map(|declined| declined.count).sum()
    }

    /// Takes in the cases that failed, those that are alike together.
    pub(super) fn group(&mut self, failed: &[Failed], origin: &Origin) {
        let mut groups: BTreeMap<_, Vec<(Case, &Failed)>> = BTreeMap::new();
        for one in failed {
            if let Some(case) = one.name.case(origin) {
                groups.entry((&one.finding.what, case.kinds())).or_default().push((case, one));
            }
        }
        let cell = self.name();
        let likes = groups.into_iter().filter_map(|((what, kinds), members)| {
            let (case, smallest) = members.iter().min_by_key(|(case, _)| case.size())?;
            let number = smallest.name.number;
            Some(Like {
                what: what.clone(),
                kinds,
                numbers: members.iter().map(|(_, one)| one.name.number).collect(),
                detail: smallest.finding.detail.clone(),
                number,
                lines: case.lines(),
                workload: case.workload(format!("case-{number}")).to_toml(),
                again: match origin {
                    Origin::Seed(seed) => {
                        Some(format!("trainmark check {cell} --operations --seed {seed} --case {number}"))
                    }
                    Origin::Given(_) => None,
                },
            })
        });
        self.failed = likes.collect();
        self.failed.sort_by_key(|like| std::cmp::Reverse(like.numbers.len()));
    }

    /// As it is selected.
    pub fn name(&self) -> String {
        format!("{}/{}@{}", self.backend, self.implementation, self.device)
    }
}

/// Whether two texts differ in numbers only.
fn are_alike(one: &str, other: &str) -> bool {
    let without_numbers = |text: &str| text.replace(|letter: char| letter.is_ascii_digit(), "");
    without_numbers(one) == without_numbers(other)
}

/// One cell as text.
pub fn render(cell: &Checked) -> String {
    let failed: usize = cell.failed.iter().map(|like| like.numbers.len()).sum();
    let declined = cell.declined();
    let mut line = format!("{}: {} of {} cases agree", cell.name(), cell.agreed, cell.cases);
    if declined > 0 {
        line += &format!("; {declined} declined");
    }
    if failed > 0 {
        line += &format!("; {failed} failed");
    }
    let mut lines = vec![format!("{line} ({:.1} s)", cell.seconds)];
    lines.extend(cell.declined.iter().map(|one| format!("  declined {}: {}", one.count, one.reason)));
    for like in &cell.failed {
        lines.extend(like.render());
    }
    lines.extend(cell.stopped.iter().map(|why| format!("  not all cases were tried: {why}")));
    lines.join("\n")
}

impl Like {
    fn render(&self) -> Vec<String> {
        let kinds =
            if self.kinds.is_empty() { String::new() } else { format!(" of {}", self.kinds.join(", ")) };
        let count = self.numbers.len();
        let mut lines = vec![format!("  FAILED {count}: {}{kinds}: {}", self.what, self.detail)];
        let indented = |line: &str| if line.is_empty() { String::new() } else { format!("      {line}") };
        lines.extend(self.workload.lines().map(indented));
        lines.extend(self.again.iter().map(|again| format!("    again: {again}")));
        let or = if self.again.is_some() { "or: " } else { "again: " };
        lines.push(format!("    {or}the lines above in FILE.toml, and check with --workload ./FILE.toml"));
        lines
    }
}
