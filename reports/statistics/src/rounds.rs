//! Cells measured in rounds, compared with the noise that they share.

use std::collections::BTreeMap;

use super::comparison::{Comparison, is_positive};
use super::interval::{ROUNDING, Sample};
use super::residual::{Observation, Residual};

/// How many degrees of freedom the noise of the other cells counts for at most, and what part of
/// those that it has: [Noise that cells share](super#noise-that-cells-share) says why.
pub const SHARED_FREEDOM: (f64, f64) = (2.5, 0.5);

/// Positive values of cells, such as seconds per epoch, by round.
///
/// What differs between rounds hits all cells alike and cancels. What is left, the noise from run
/// to run, is a property of the machine that the cells share, so that two rounds of many cells
/// tell how large it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Rounds {
    /// Logarithms by the round's seed, for each cell.
    cells: Vec<BTreeMap<u64, f64>>,
    /// Of all cells' values.
    noise: Residual,
    /// How many cells have more than one value.
    repeated: usize,
}

/// What the noise in a comparison was found of.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Pooled {
    /// Cells whose runs told of it, the two compared among them.
    pub cells: usize,
    /// Degrees of freedom that it counts for.
    pub degrees_of_freedom: f64,
}

impl Rounds {
    /// Of values by the seed of their round, for each cell. Those that are not positive or not
    /// finite are left out.
    #[must_use]
    pub fn new(cells: &[BTreeMap<u64, f64>]) -> Self {
        let cells: Vec<BTreeMap<u64, f64>> = cells.iter().map(logarithms).collect();
        let observations: Vec<Observation> = cells
            .iter()
            .enumerate()
            .flat_map(|(cell, values)| {
                values.iter().map(move |(&round, &value)| Observation { cell, round, value })
            })
            .collect();
        let repeated = cells.iter().filter(|values| values.len() > 1).count();
        Self { noise: Residual::of(cells.len(), &observations), repeated, cells }
    }

    /// The geometric mean of the ratios of two cells' values, (subject, baseline) by place, over
    /// the rounds that both have. The verdict is that of a family of one with a noise floor of 1.
    #[must_use]
    pub fn compare(&self, subject: usize, baseline: usize) -> Comparison {
        let differences = self.differences(subject, baseline);
        let own = Residual::of_differences(&differences);
        let others = self.noise.without(own).shared();
        let sample = Sample::new(differences, ROUNDING);
        if sample.count < 2 || others.freedom <= 0.0 {
            return Comparison::of_logarithms(&sample);
        }
        let noise = own.and(others);
        let error = (2.0 * noise.variance() / sample.count as f64).sqrt();
        let error = if error > ROUNDING { error } else { 0.0 };
        let pooled = Pooled { cells: self.repeated, degrees_of_freedom: noise.freedom };
        Comparison {
            pooled: Some(pooled),
            ..Comparison::of_logarithms(&sample.with_pooled(error, noise.freedom))
        }
    }

    /// The logarithms' differences in the rounds that both cells have.
    fn differences(&self, subject: usize, baseline: usize) -> Vec<f64> {
        let both = self.cells.get(subject).zip(self.cells.get(baseline));
        both.map_or_else(Vec::new, |(subject, baseline)| {
            let common = subject.iter().filter_map(|(seed, value)| Some(value - baseline.get(seed)?));
            common.collect()
        })
    }
}

impl Residual {
    /// As the noise of other cells counts beside that of the two compared.
    fn shared(self) -> Self {
        let (most, part) = SHARED_FREEDOM;
        self.counted_as((part * self.freedom).min(most))
    }
}

fn logarithms(values: &BTreeMap<u64, f64>) -> BTreeMap<u64, f64> {
    let positive = values.iter().filter(|(_, value)| is_positive(**value));
    positive.map(|(&seed, value)| (seed, value.ln())).collect()
}

#[cfg(test)]
mod tests {
    use super::{BTreeMap, Pooled, Rounds};
    use crate::{Method, Verdict, compare};

    /// Cells' values by round, seed 1 first; those that are 0 are missing.
    fn rounds(cells: &[&[f64]]) -> Rounds {
        let by_seed = |values: &&[f64]| (1..).zip(values.iter().copied()).collect::<BTreeMap<u64, f64>>();
        Rounds::new(&cells.iter().map(by_seed).collect::<Vec<_>>())
    }

    const FOUR: [&[f64]; 4] = [&[1.00, 1.02], &[1.10, 1.10], &[3.00, 3.06], &[5.00, 5.06]];

    #[test]
    fn two_cells_by_themselves_have_their_own_noise() {
        let (one, other) = ([1.0, 1.1, 1.2], [2.0, 2.3, 2.2]);
        let pairs: Vec<(f64, f64)> = one.into_iter().zip(other).collect();
        assert_eq!(rounds(&[&one, &other]).compare(0, 1), compare(&pairs));
    }

    #[test]
    fn two_rounds_of_several_cells_give_a_verdict() {
        let comparison = rounds(&FOUR).compare(1, 0);
        assert_eq!(comparison.verdict, Verdict::Higher);
        assert_eq!(comparison.pooled, Some(Pooled { cells: 4, degrees_of_freedom: 2.0 }));
        assert_eq!(comparison.interval.unwrap().method, Method::PooledT);
        let alone = compare(&[(1.10, 1.00), (1.10, 1.02)]);
        assert_eq!(alone.verdict, Verdict::NoDifferenceShown);
        assert!((comparison.interval.unwrap().estimate - alone.interval.unwrap().estimate).abs() < 1e-12);
    }

    #[test]
    fn what_slows_a_whole_round_cancels() {
        let slowed = FOUR.map(|values| [values[0], 1.5 * values[1]]);
        let slowed = rounds(&slowed.each_ref().map(|values| &values[..]));
        for (subject, baseline) in [(0, 1), (3, 2)] {
            let [one, other] = [&slowed, &rounds(&FOUR)].map(|rounds| rounds.compare(subject, baseline));
            assert!((one.p_value.unwrap() - other.p_value.unwrap()).abs() < 1e-12);
            assert!((one.interval.unwrap().high / other.interval.unwrap().high - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn one_round_in_common_needs_more_seeds() {
        let with_one = rounds(&[FOUR[0], FOUR[1], FOUR[2], &[5.0]]);
        let comparison = with_one.compare(3, 0);
        assert_eq!((comparison.verdict, comparison.seeds), (Verdict::NeedsMoreSeeds, 1));
        assert_eq!((comparison.interval, comparison.pooled), (None, None));
        assert_eq!(with_one.compare(1, 0).pooled, Some(Pooled { cells: 3, degrees_of_freedom: 1.5 }));
        assert_eq!(rounds(&[]).compare(0, 1).seeds, 0);
    }

    #[test]
    fn the_noise_of_two_cells_counts_more_than_that_of_the_others() {
        let noisy = rounds(&[&[1.0, 1.5], &[1.0, 1.0], &[1.0, 1.01], &[1.0, 1.02], &[1.0, 1.0]]);
        let width = |subject: usize, baseline: usize| {
            let interval = noisy.compare(subject, baseline).interval.unwrap();
            (interval.high / interval.low).ln()
        };
        assert!(width(0, 1) > 1.2 * width(1, 2), "{} {}", width(0, 1), width(1, 2));
    }

    #[test]
    fn without_noise_the_sign_test_holds() {
        let equal = rounds(&[&[1.0, 2.0], &[2.0, 4.0], &[3.0, 6.0]]);
        let comparison = equal.compare(1, 0);
        assert!((comparison.p_value.unwrap() - 0.5).abs() < 1e-12, "{comparison:?}");
        assert_eq!(comparison.verdict, Verdict::NoDifferenceShown);
    }

    #[test]
    fn cells_that_no_round_connects_are_not_compared() {
        let apart = rounds(&[&[1.0, 1.1], &[2.0, 2.1], &[0.0, 0.0, 3.0, 3.1], &[0.0, 0.0, 4.0, 4.2]]);
        assert_eq!(apart.compare(0, 2).verdict, Verdict::NeedsMoreSeeds);
        assert_eq!(apart.compare(0, 1).pooled.unwrap().degrees_of_freedom, 1.5);
    }
}
