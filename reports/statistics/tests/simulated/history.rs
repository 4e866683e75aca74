//! Series of runs, as a history has them: a cell's time over that of its control, run after run.

use rand_chacha::ChaCha8Rng;

use crate::simulated::{Shape, baseline, normal, uniform};
use trainmark_statistics::steps::{Changes, find};

/// What the runs of a history scatter by beside their level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Scatter {
    /// Normal.
    Normal,
    /// Student's t with 4 degrees of freedom.
    HeavyTailed,
    /// Normal, but one run in fifty takes five deviations longer.
    Disturbed,
    /// Normal, and each run has this part of what the one before was off by.
    Lasting(f64),
    /// Normal, about a level that goes up and down by a deviation in 250 runs.
    Swinging,
}

impl Scatter {
    pub(crate) const ALL: [Self; 6] = [
        Self::Normal,
        Self::HeavyTailed,
        Self::Disturbed,
        Self::Lasting(0.2),
        Self::Lasting(0.5),
        Self::Swinging,
    ];

    pub(crate) fn name(self) -> String {
        match self {
            Self::Normal => "normal".to_owned(),
            Self::HeavyTailed => "t, 4 degrees".to_owned(),
            Self::Disturbed => "one run in 50 takes five deviations longer".to_owned(),
            Self::Lasting(part) => format!("{part} of the last run's lasts"),
            Self::Swinging => "the level swings by a deviation in 250 runs".to_owned(),
        }
    }

    /// The logarithms of a series without a step.
    pub(crate) fn series(self, generator: &mut ChaCha8Rng, runs: usize, deviation: f64) -> Vec<f64> {
        let mut last = normal(generator);
        let phase = uniform(generator);
        let one = |run: usize| match self {
            Self::Normal => normal(generator),
            Self::HeavyTailed => baseline(generator, Shape::HeavyTailed),
            Self::Disturbed => normal(generator) + if uniform(generator) < 0.02 { 5.0 } else { 0.0 },
            Self::Lasting(part) => {
                last = part * last + (1.0 - part * part).sqrt() * normal(generator);
                last
            }
            Self::Swinging => {
                normal(generator) + (std::f64::consts::TAU * (run as f64 / 250.0 + phase)).sin()
            }
        };
        (0..runs).map(one).map(|value| deviation * value).collect()
    }
}

/// What a single run differs by from another of the same cell and round, in the deviations of a run's
/// ratio: of three seeds, noise of subject and control.
const FLOOR_OF_RUNS: f64 = 2.4;

/// The steps of series, beyond the noise floor that pairs in each run tell of.
pub(crate) fn steps(series: &[Vec<f64>], deviation: f64) -> Vec<Changes> {
    // Of three pairs in each run.
    find(series, |_, runs| (FLOOR_OF_RUNS * deviation / (3.0 * runs.len() as f64).sqrt()).exp())
}

/// The logarithms of `count` series without a step.
pub(crate) fn quiet(
    scatter: Scatter,
    generator: &mut ChaCha8Rng,
    count: usize,
    runs: usize,
) -> Vec<Vec<f64>> {
    (0..count).map(|_| scatter.series(generator, runs, 0.01)).collect()
}

/// A planted step: of which series, at which run, and the logarithm of the ratio.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Planted {
    pub(crate) series: usize,
    pub(crate) at: usize,
    pub(crate) change: f64,
}

/// How many of the planted steps were found, at most five runs from where they are, and how many others.
pub(crate) fn counted(found: &[Changes], planted: &[Planted]) -> (usize, usize) {
    let all: Vec<(usize, usize)> = found
        .iter()
        .enumerate()
        .flat_map(|(series, changes)| changes.steps.iter().map(move |step| (series, step.at)))
        .collect();
    let is_of = |step: &(usize, usize), one: &Planted| step.0 == one.series && step.1.abs_diff(one.at) <= 5;
    let hit = planted.iter().filter(|one| all.iter().any(|step| is_of(step, one))).count();
    let wrong = all.iter().filter(|step| !planted.iter().any(|one| is_of(step, one))).count();
    (hit, wrong)
}

/// Adds planted steps to series.
pub(crate) fn plant(series: &mut [Vec<f64>], planted: &[Planted]) {
    for one in planted {
        series[one.series][one.at..].iter_mut().for_each(|value| *value += one.change);
    }
}
