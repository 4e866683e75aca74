//! A check for continuous integration: is some cell of B slower than it may be?

use std::str::FromStr;

use super::grids::close;
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
    /// Judged cells that may be slower by more than the limit: they are not shown to be, but
    /// their interval's high end lies beyond it. With that end, a ratio B over A.
    pub undecided: Vec<(&'c CellPair, f64)>,
    /// Cells that could not be judged, with the reason.
    pub not_judged: Vec<(&'c CellPair, String)>,
    /// Cells that could.
    pub judged: usize,
    /// The noise floor that cells were held against.
    pub noise_floor: Option<f64>,
}

impl<'c> Check<'c> {
    /// Holds every cell against the limit.
    pub fn of(comparison: &'c RunComparison, limit: FailOn) -> Self {
        let most = 1.0 + limit.slower_percent / 100.0;
        let mut check = Self {
            limit,
            slower: Vec::new(),
            undecided: Vec::new(),
            not_judged: Vec::new(),
            judged: 0,
            noise_floor: comparison.noise_floor(),
        };
        for pair in &comparison.cells {
            match (&pair.ratio, pair.judgement()) {
                (Err(reason), _) => check.not_judged.push((pair, reason.clone())),
                (Ok(_), Judgement::NeedsMoreSeeds) => {
                    let reason = "one seed of both is too few; run both with --seeds 3 or more";
                    check.not_judged.push((pair, reason.to_owned()));
                }
                (Ok(ratio), judgement) => {
                    check.judged += 1;
                    let Some(interval) = ratio.interval else { continue };
                    if judgement == Judgement::Slower && interval.low > most {
                        check.slower.push(pair);
                    } else if interval.high > most {
                        check.undecided.push((pair, interval.high));
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

    /// What has become of it, in words; one line each, the outcome last.
    pub fn lines(&self) -> Vec<String> {
        let percent = self.limit.slower_percent;
        let mut lines: Vec<String> = self
            .not_judged
            .iter()
            .map(|(pair, reason)| format!("not judged: {}: {reason}", pair.cell))
            .collect();
        if self.is_below_noise() {
            lines.push(format!(
                "the noise floor is above {percent}%: a cell that is slower by less than it is not told; more \
                 seeds lower it"
            ));
        }
        lines.extend(self.slower.iter().map(|pair| {
            let times = pair.times().unwrap_or(f64::NAN);
            format!("failed: {} is slower by more than {percent}%: {times:.3} times as long", pair.cell)
        }));
        let undecided = self.undecided_words();
        if self.judged == 0 {
            lines.push("failed: no cell could be judged, so that nothing was checked".to_owned());
        } else if self.passed() {
            let passed =
                format!("passed: no cell of {} is shown to be slower by more than {percent}%", self.judged);
            lines.push(undecided.map_or(passed.clone(), |undecided| format!("{passed}; {undecided}")));
        } else {
            lines.extend(undecided);
        }
        lines
    }

    /// Whether noise alone may make a cell slower by more than the limit.
    fn is_below_noise(&self) -> bool {
        self.noise_floor.is_some_and(|floor| floor > 1.0 + self.limit.slower_percent / 100.0)
    }

    fn undecided_words(&self) -> Option<String> {
        if self.undecided.is_empty() {
            return None;
        }
        let names = self.undecided.iter();
        let names: Vec<String> =
            names.map(|(pair, high)| format!("{} (up to {}×)", pair.cell, close(*high))).collect();
        Some(format!("not decided for {}: {}; more seeds would decide", names.len(), names.join(", ")))
    }
}
