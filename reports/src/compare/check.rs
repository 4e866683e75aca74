//! A check for continuous integration: is some cell of B slower than it may be?

use std::str::FromStr;

use super::{CellPair, Judgement, RunComparison};

/// How much slower a cell of B may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FailOn {
    /// In per cent of A's seconds per epoch.
    pub slower_percent: f64,
}

impl FromStr for FailOn {
    type Err = String;

    /// Reads `slower:5%`.
    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_prefix("slower:").and_then(|rest| rest.strip_suffix('%'));
        let percent = number.and_then(|number| number.trim().parse::<f64>().ok());
        match percent {
            Some(slower_percent) if (0.0..=1000.0).contains(&slower_percent) => Ok(Self { slower_percent }),
            _ => Err(format!("`{text}` is no limit; write for example slower:5%")),
        }
    }
}

/// What the check has come to. Cells are in A's order.
#[derive(Debug, Clone, PartialEq)]
pub struct Check<'c> {
    /// The limit.
    pub limit: FailOn,
    /// Cells that are slower by more than the limit, their interval's low end too.
    pub slower: Vec<&'c CellPair>,
    /// Cells that could not be judged, with the reason.
    pub not_judged: Vec<(&'c CellPair, String)>,
    /// Cells that could.
    pub judged: usize,
}

impl<'c> Check<'c> {
    /// Holds every cell against the limit.
    pub fn of(comparison: &'c RunComparison, limit: FailOn) -> Self {
        let most = 1.0 + limit.slower_percent / 100.0;
        let mut check = Self { limit, slower: Vec::new(), not_judged: Vec::new(), judged: 0 };
        for pair in &comparison.cells {
            match (&pair.ratio, pair.judgement()) {
                (Err(reason), _) => check.not_judged.push((pair, reason.clone())),
                (Ok(_), Judgement::NeedsMoreSeeds) => {
                    let reason = "one seed of both is too few; run both with --seeds 3 or more";
                    check.not_judged.push((pair, reason.to_owned()));
                }
                (Ok(ratio), judgement) => {
                    check.judged += 1;
                    let is_beyond = ratio.interval.is_some_and(|interval| interval.low > most);
                    if judgement == Judgement::Slower && is_beyond {
                        check.slower.push(pair);
                    }
                }
            }
        }
        check
    }

    /// Whether it passed. Without a cell that could be judged it could not fail, and so does
    /// not pass either.
    pub fn passed(&self) -> bool {
        self.slower.is_empty() && self.judged > 0
    }
}
