//! Steps in series of values: where the level changes, and whether that is more than noise.
//!
//! A series has one value for each run of a history, such as the logarithm of a cell's time over that of
//! its control in the same run. Between each two neighbouring runs lies a place where the level may have
//! changed. There the mean of up to [`WINDOW`] runs before is held against that of up to as many after
//! it, back and on to the next step, or of up to [`NARROW`], if that is more certain, by Student's t test with the variance within both: one run is one
//! sample, so that what differs from run to run, and not only what differs within one, is noise. A step
//! needs [`LEAST`] runs on either side.
//!
//! All places of all series are one family for Holm's correction: whoever reads a history reads all of
//! it. And each place counts [`LOOKS`] times, since it is looked at anew while the runs after it become
//! more: a history is read after every run, and a wrong step on any of these days is one. What one run
//! is off by may last in the next ones, so that they tell less than their number: how much of it does is
//! found of all series (module `lasting`), and the variance of a mean grows by it.
//!
//! A step's interval must lie beyond the noise floor, too. Steps are found one after the other, the
//! most certain one of each series first, each is moved to where it parts the runs around it best, and in
//! the end those go that no longer pass between their neighbours.

mod lasting;
mod window;

use std::ops::Range;

use serde::Serialize;

use super::comparison::{Comparison, SIGNIFICANCE, Verdict, verdict};
use super::interval::Interval;
use super::significance::holm;
use lasting::lasting;
use window::{Series, Test};

/// The most runs on either side of a place whose means are held against each other. More would find
/// smaller steps, and take a slow drift for one.
pub const WINDOW: usize = 20;

/// The most runs of the narrow windows, which find what lasts for fewer than [`WINDOW`] runs.
pub const NARROW: usize = 7;

/// How often a place counts in the family: it is looked at anew while the runs after it become more, up to
/// [`WINDOW`], each time through windows of two widths.
pub const LOOKS: usize = 2 * WINDOW;

/// The least runs on either side of a step. A single disturbed run, or two, are none.
pub const LEAST: usize = 3;

/// A place where the level of a series changes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Step {
    /// The index of the first value after it.
    pub at: usize,
    /// Runs before it that its mean is held against, and runs after it.
    pub runs: [usize; 2],
    /// How many times as much it is afterwards, with its 95% interval.
    pub ratio: Interval,
    /// Of this place alone.
    pub p_value: f64,
    /// Corrected for all places of all series, and for how often they are looked at.
    pub adjusted_p_value: f64,
    /// [`Verdict::Higher`] or [`Verdict::Lower`] of a step.
    pub verdict: Verdict,
}

impl Step {
    /// Whether what was measured of both sides in the same rounds is less than the step for certain.
    #[must_use]
    pub fn is_excluded_by(&self, comparison: &Comparison) -> bool {
        let Some(interval) = &comparison.interval else { return false };
        match self.verdict {
            Verdict::Higher => interval.high < self.ratio.low,
            _ => interval.low > self.ratio.high,
        }
    }
}

/// What was found of a series.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    /// Its steps, in order.
    pub steps: Vec<Step>,
    /// A step that its newest runs, fewer than [`LEAST`], look like: what further runs decide.
    pub suspected: Option<Step>,
    /// Places that were tested.
    pub tested: usize,
}

/// The steps of several series of logarithms, each in the order of its runs. `floor` is the noise floor
/// of the runs of a series that lie in a range, a ratio of at least 1.
#[must_use]
pub fn find(series: &[Vec<f64>], floor: impl Fn(usize, Range<usize>) -> f64) -> Vec<Changes> {
    let lasting = lasting(series);
    let mut search = Search {
        series: series.iter().map(|values| Series::new(values, lasting)).collect(),
        found: vec![Vec::new(); series.len()],
        floor,
    };
    let mut judged = search.judged();
    while search.add(&judged) {
        judged = search.judged();
    }
    while search.remove(&judged) {
        judged = search.judged();
    }
    search.changes(&judged)
}

struct Search<F> {
    series: Vec<Series>,
    /// Of each series the places of its steps, ascending.
    found: Vec<Vec<usize>>,
    floor: F,
}

/// A place of a series, and what may be said of it.
struct Place {
    series: usize,
    step: Step,
}

impl Place {
    /// Whether there are enough runs after it.
    fn is_decided(&self) -> bool {
        self.step.runs[1] >= LEAST
    }

    fn is_shown(&self) -> bool {
        matches!(self.step.verdict, Verdict::Higher | Verdict::Lower)
    }
}

impl<F: Fn(usize, Range<usize>) -> f64> Search<F> {
    /// Every place with [`LEAST`] runs before it and one after it, the series one after the other: one
    /// family.
    fn judged(&self) -> Vec<Place> {
        let of_series = self.series.iter().zip(&self.found).enumerate();
        let tests: Vec<(usize, Test)> = of_series
            .flat_map(|(series, (values, found))| values.tests(found).map(move |test| (series, test)))
            .collect();
        let p_values: Vec<f64> = tests.iter().map(|(_, test)| LOOKS as f64 * test.p_value).collect();
        let judged = tests.into_iter().zip(holm(&p_values)).map(|((series, test), adjusted_p_value)| {
            let Test { at, runs, p_value, ratio } = test;
            // It takes a while, and changes nothing where noise explains all.
            let is_significant = adjusted_p_value < SIGNIFICANCE;
            let floor = if is_significant { (self.floor)(series, at - runs[0]..at + runs[1]) } else { 1.0 };
            let floor = floor.max(1.0);
            let verdict = verdict(Some(ratio), Some(adjusted_p_value), (1.0 / floor, floor));
            Place { series, step: Step { at, runs, ratio, p_value, adjusted_p_value, verdict } }
        });
        judged.collect()
    }

    fn is_found(&self, place: &Place) -> bool {
        self.found[place.series].contains(&place.step.at)
    }

    /// Finds another step of each series, if there is one in any.
    fn add(&mut self, judged: &[Place]) -> bool {
        let mut best: Vec<Option<Step>> = vec![None; self.series.len()];
        let shown = judged.iter().filter(|place| place.is_decided() && place.is_shown());
        for place in shown.filter(|place| !self.is_found(place) && self.is_parted(place)) {
            let is_better = |old: Step| place.step.p_value < old.p_value;
            if best[place.series].is_none_or(is_better) {
                best[place.series] = Some(place.step);
            }
        }
        for (series, step) in best.iter().enumerate() {
            if let Some(step) = step {
                self.found[series].push(step.at);
                self.found[series].sort_unstable();
                self.move_to_best(series);
            }
        }
        best.iter().any(Option::is_some)
    }

    /// Whether no place so near to the end or to another step that it can be no step parts the runs
    /// around this one better: two disturbed runs there are not the last of three.
    fn is_parted(&self, place: &Place) -> bool {
        let values = &self.series[place.series];
        let around = values.around(&self.found[place.series], place.step.at, WINDOW);
        let best = values.best_part(around.clone(), 1);
        best.is_some_and(|at| at >= around.start + LEAST && at + LEAST <= around.end)
    }

    /// Moves each step of a series to where it parts the runs around it best.
    fn move_to_best(&mut self, series: usize) {
        let values = &self.series[series];
        for index in 0..self.found[series].len() {
            let around = values.around(&self.found[series], self.found[series][index], WINDOW);
            if let Some(best) = values.best_part(around, LEAST) {
                self.found[series][index] = best;
            }
        }
    }

    /// Takes the least certain step back that does not pass any more, if there is one.
    fn remove(&mut self, judged: &[Place]) -> bool {
        let lost = judged.iter().filter(|place| self.is_found(place) && !place.is_shown());
        let worst = lost.max_by(|one, other| one.step.p_value.total_cmp(&other.step.p_value));
        let Some(Place { series, step }) = worst else { return false };
        self.found[*series].retain(|at| *at != step.at);
        true
    }

    fn changes(&self, judged: &[Place]) -> Vec<Changes> {
        let mut changes = vec![Changes::default(); self.series.len()];
        for place in judged {
            let of_series = &mut changes[place.series];
            of_series.tested += usize::from(place.is_decided());
            if self.is_found(place) {
                of_series.steps.push(place.step);
            } else if !place.is_decided() && place.is_shown() {
                let is_better = |old: Step| place.step.p_value < old.p_value;
                let suspected = &mut of_series.suspected;
                *suspected = if suspected.is_none_or(is_better) { Some(place.step) } else { *suspected };
            }
        }
        changes
    }
}

#[cfg(test)]
mod tests;
