//! The runs on both sides of a place.

use std::ops::Range;

use super::{LEAST, NARROW, WINDOW};
use crate::distributions::{student_quantile, student_two_sided};
use crate::interval::{CONFIDENCE, Interval, Method, ROUNDING};

/// A series whose windows' means and squares are had at once.
pub(super) struct Series {
    /// Of the values before each place, less the series' mean.
    sums: Vec<f64>,
    /// Of their squares.
    squares: Vec<f64>,
    /// How many times as large the variance of a mean is as if what a run is off by did not last.
    growth: f64,
}

/// The runs after a place held against those before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Test {
    pub(super) at: usize,
    pub(super) runs: [usize; 2],
    pub(super) p_value: f64,
    pub(super) ratio: Interval,
}

impl Series {
    /// Of values of which this part of what one is off by lasts in the next.
    pub(super) fn new(values: &[f64], lasting: f64) -> Self {
        let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
        let summed = |term: fn(f64) -> f64| {
            let mut sum = 0.0;
            let rest = values.iter().map(move |value| {
                sum += term(value - mean);
                sum
            });
            std::iter::once(0.0).chain(rest).collect()
        };
        let growth = (1.0 + lasting) / (1.0 - lasting);
        Self { sums: summed(|value| value), squares: summed(|value| value * value), growth }
    }

    pub(super) fn len(&self) -> usize {
        self.sums.len() - 1
    }

    /// The test of every place with [`LEAST`] runs before it and one after it, and where the next step
    /// bounds these, as many: of the windows' widths the one that is most certain.
    pub(super) fn tests<'s>(&'s self, steps: &'s [usize]) -> impl Iterator<Item = Test> + 's {
        (LEAST..self.len()).filter_map(move |at| {
            let around = self.around(steps, at, WINDOW);
            let least = if around.end == self.len() { 1 } else { LEAST };
            if at - around.start < LEAST || around.end - at < least {
                return None;
            }
            let tests = [WINDOW, NARROW].map(|width| self.test(self.around(steps, at, width), at));
            tests.into_iter().min_by(|one, other| one.p_value.total_cmp(&other.p_value))
        })
    }

    /// The runs around a place, on either side up to the next step, at most so many.
    pub(super) fn around(&self, steps: &[usize], at: usize, width: usize) -> Range<usize> {
        let before = steps.iter().copied().filter(|step| *step < at).max().unwrap_or(0);
        let after = steps.iter().copied().filter(|step| *step > at).min().unwrap_or(self.len());
        before.max(at.saturating_sub(width))..after.min(at + width)
    }

    /// The place in a range that parts its runs best, at least so many of them on either side: where the
    /// least is left of both.
    pub(super) fn best_part(&self, around: Range<usize>, least: usize) -> Option<usize> {
        let places = around.start + least..=around.end.saturating_sub(least);
        let left = |at: usize| self.deviations(around.start..at) + self.deviations(at..around.end);
        places.min_by(|&one, &other| left(one).total_cmp(&left(other)))
    }

    fn mean(&self, runs: Range<usize>) -> f64 {
        (self.sums[runs.end] - self.sums[runs.start]) / runs.len() as f64
    }

    /// The sum of the squares of what the runs differ by from their mean.
    fn deviations(&self, runs: Range<usize>) -> f64 {
        let sum = self.sums[runs.end] - self.sums[runs.start];
        (self.squares[runs.end] - self.squares[runs.start] - sum * sum / runs.len() as f64).max(0.0)
    }

    fn test(&self, around: Range<usize>, at: usize) -> Test {
        let (before, after) = (around.start..at, at..around.end);
        let runs = [before.len(), after.len()];
        let difference = self.mean(after.clone()) - self.mean(before.clone());
        let freedom = (runs[0] + runs[1] - 2) as f64;
        let variance = (self.deviations(before) + self.deviations(after)) / freedom;
        let error = (self.growth * variance * runs.iter().map(|&runs| 1.0 / runs as f64).sum::<f64>()).sqrt();
        // What squares of sums leave of equal values is rounding.
        let is_exact = error <= ROUNDING.sqrt();
        let p_value = match () {
            () if difference.abs() <= ROUNDING => 1.0,
            // As the sign test says it of pairs: so few orders have all of one side below the other.
            () if is_exact => (2.0 / orders(runs)).min(1.0),
            () => student_two_sided(difference / error, freedom),
        };
        let half = if is_exact { 0.0 } else { student_quantile((1.0 + CONFIDENCE) / 2.0, freedom) * error };
        let [estimate, low, high] = [difference, difference - half, difference + half].map(f64::exp);
        Test { at, runs, p_value, ratio: Interval { estimate, low, high, method: Method::StudentT } }
    }
}

/// In how many ways runs can be parted so.
fn orders([before, after]: [usize; 2]) -> f64 {
    (1..=after).map(|number| (before + number) as f64 / number as f64).product()
}
