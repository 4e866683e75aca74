//! Where a series' level changes, what changed there, and whether two builds show it, too.

use std::cell::RefCell;
use std::collections::HashMap;

use serde::Serialize;

use super::measured::{Digest, Interleaved};
use super::{Point, Series};
use crate::collection::CollectedRun;
use crate::compare::Difference;
use crate::statistics::{Comparison, Noise, Verdict, median, steps};

/// How many runs beside a step its cause may lie: where noise hides it, a step is found a run too early
/// or too late.
const BESIDE: usize = 2;

/// A step of a series.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// What was found; `at` is the place of the first point after it.
    #[serde(flatten)]
    pub found: steps::Step,
    /// The point at which what is taken for its cause is told: its own, or the nearest within two runs
    /// with another library.
    pub cause_at: usize,
    /// What changed there.
    pub changes: Vec<Difference>,
    /// The libraries before and after, by SHA-256, where they differ.
    pub libraries: Option<[String; 2]>,
    /// What both libraries show in the same rounds.
    pub confirmation: Confirmation,
    /// How many times as many seconds cell and control take afterwards, each by itself, by medians.
    pub alone: [f64; 2],
}

/// What the two libraries of a step show in the same rounds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Confirmation {
    /// The library did not change, or is not known: there is nothing to hold against each other.
    SameLibrary,
    /// No run of the history has both.
    NotYet,
    /// They differ in the same direction.
    Shown {
        /// The run, by its place.
        run: usize,
        /// New over old.
        comparison: Comparison,
    },
    /// They do not: what they differ by excludes the step.
    NotShown {
        /// The run, by its place.
        run: usize,
        /// New over old.
        comparison: Comparison,
    },
    /// They neither show nor exclude it.
    Open {
        /// The run, by its place.
        run: usize,
        /// New over old.
        comparison: Comparison,
    },
}

impl Step {
    /// Whether the cell takes longer afterwards.
    pub fn is_slower(&self) -> bool {
        self.found.verdict == Verdict::Higher
    }

    /// Whether the two libraries were held against each other, and that excludes the step.
    pub fn is_refuted(&self) -> bool {
        matches!(self.confirmation, Confirmation::NotShown { .. })
    }

    /// Whether it is the control that changed more than the cell.
    pub fn is_of_control(&self) -> bool {
        let [cell, control] = self.alone.map(|ratio| ratio.ln().abs());
        control > cell
    }

    /// By how many runs its cause was before it (below 0) or after it.
    pub(super) fn cause_beside(&self) -> isize {
        self.cause_at as isize - self.found.at as isize
    }
}

/// Finds the steps of all series, which are one family.
pub(super) fn find(series: &mut [Series], runs: &[CollectedRun<Digest>]) {
    let logarithms: Vec<Vec<f64>> =
        series.iter().map(|series| series.points.iter().map(|point| point.times.ln()).collect()).collect();
    // What a place's floor is does not change while steps are found.
    let known: RefCell<HashMap<(usize, usize, usize), f64>> = RefCell::default();
    let found = steps::find(&logarithms, |place, range| {
        let key = (place, range.start, range.end);
        let floor = || floor(&series[place], &series[place].points[range], runs);
        *known.borrow_mut().entry(key).or_insert_with(floor)
    });
    for (series, changes) in series.iter_mut().zip(found) {
        series.tested = changes.tested;
        series.steps = changes.steps.into_iter().map(|found| step(series, found, runs)).collect();
        series.suspected = changes.suspected.map(|found| step(series, found, runs));
    }
}

/// The noise floor of all pairs of runs of the same that these runs of a machine made.
fn floor(series: &Series, points: &[Point], runs: &[CollectedRun<Digest>]) -> f64 {
    let of_run = |point: &Point| runs[point.run].record.pairs.get(&series.line.machine.label);
    let pairs: Vec<(f64, f64)> = points.iter().filter_map(of_run).flatten().copied().collect();
    Noise::of(&pairs).map_or(1.0, |noise| noise.of_mean)
}

fn step(series: &Series, found: steps::Step, runs: &[CollectedRun<Digest>]) -> Step {
    let libraries_at = |at: usize| {
        let [before, after] = [at.checked_sub(1)?, at].map(|at| series.points.get(at));
        let (before, after) = (before?.library.clone()?, after?.library.clone()?);
        (before != after).then_some([before, after])
    };
    let nearest = (0..=BESIDE).flat_map(|far| [found.at.checked_sub(far), found.at.checked_add(far)]);
    let cause_at = nearest.flatten().find(|at| libraries_at(*at).is_some()).unwrap_or(found.at);
    let libraries = libraries_at(cause_at);
    let confirmation = libraries
        .as_ref()
        .map_or(Confirmation::SameLibrary, |libraries| confirmation(series, &found, libraries, runs));
    let changes = series.points[cause_at].changes.clone();
    let alone = alone(series, &found);
    Step { found, cause_at, changes, libraries, confirmation, alone }
}

/// How many times as many seconds cell and control take after a step.
fn alone(series: &Series, found: &steps::Step) -> [f64; 2] {
    let points = &series.points;
    let (before, after) =
        (&points[found.at - found.runs[0]..found.at], &points[found.at..found.at + found.runs[1]]);
    let seconds: [fn(&Point) -> f64; 2] = [|point| point.seconds, |point| point.seconds / point.times];
    seconds.map(|seconds| {
        let middle = |points: &[Point]| median(points.iter().map(seconds)).unwrap_or(f64::NAN);
        middle(after) / middle(before)
    })
}

/// What the newest run that has both libraries shows.
fn confirmation(
    series: &Series,
    found: &steps::Step,
    [old, new]: &[String; 2],
    runs: &[CollectedRun<Digest>],
) -> Confirmation {
    let is_of = |one: &&Interleaved| {
        one.line == series.line && one.base.as_ref() == Some(old) && one.head.as_ref() == Some(new)
    };
    let mut all = runs.iter().enumerate().rev();
    let newest = all.find_map(|(run, digest)| Some((run, digest.record.builds.iter().find(is_of)?)));
    match newest {
        None => Confirmation::NotYet,
        Some((run, Interleaved { comparison, .. })) if comparison.verdict == found.verdict => {
            Confirmation::Shown { run, comparison: *comparison }
        }
        Some((run, Interleaved { comparison, .. })) if found.is_excluded_by(comparison) => {
            Confirmation::NotShown { run, comparison: *comparison }
        }
        Some((run, Interleaved { comparison, .. })) => Confirmation::Open { run, comparison: *comparison },
    }
}
