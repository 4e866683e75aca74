//! The noise floor: how far what is the same seems to differ.

use super::comparison::{compare, is_positive};

/// What A/A pairs, one cell run twice with the same seed, tell of a machine's noise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Noise {
    /// Pairs that it was found of.
    pub pairs: usize,
    /// The greatest ratio of the slower to the faster run of a pair, at least 1: what two single
    /// runs may differ by.
    pub greatest: f64,
    /// What the geometric mean of the pairs' ratios may differ by from 1: the end of its 95% interval
    /// that lies farther from 1, as a ratio of at least 1, and never more than `greatest`. Ratios of two
    /// cells are means over rounds, too; this falls with the number of rounds, as their intervals do.
    pub of_mean: f64,
}

impl Noise {
    /// Of pairs of positive finite values; the others are left out, and `None` where none is left.
    #[must_use]
    pub fn of(pairs: &[(f64, f64)]) -> Option<Self> {
        let counted = pairs.iter().filter(|(first, second)| is_positive(*first) && is_positive(*second));
        let ratios = counted.map(|(first, second)| (first.max(*second) / first.min(*second)).min(f64::MAX));
        let ratios: Vec<f64> = ratios.collect();
        let greatest = ratios.iter().copied().max_by(f64::total_cmp)?;
        let of_mean = compare(pairs).interval.map_or(greatest, |mean| mean.high.max(1.0 / mean.low));
        Some(Self { pairs: ratios.len(), greatest, of_mean: of_mean.min(greatest) })
    }
}

#[cfg(test)]
mod tests {
    use super::Noise;

    fn noise(pairs: &[(f64, f64)]) -> (f64, f64) {
        let noise = Noise::of(pairs).unwrap();
        (noise.greatest, noise.of_mean)
    }

    #[test]
    fn single_runs_differ_by_the_greatest_ratio_in_either_direction() {
        assert_eq!(noise(&[(1.0, 1.01), (1.0, 0.5), (3.0, 3.0)]).0, 2.0);
        assert_eq!(noise(&[(3.0, 3.0)]), (1.0, 1.0));
    }

    #[test]
    fn few_pairs_say_no_more_of_their_mean_than_the_greatest_does() {
        for pairs in [&[(1.0, 1.1)][..], &[(1.0, 1.1), (1.0, 0.98)], &[(1.0, 1.1), (1.05, 1.0), (1.0, 1.0)]] {
            let (greatest, of_mean) = noise(pairs);
            assert_eq!(of_mean, greatest, "{pairs:?}");
        }
    }

    #[test]
    fn many_pairs_say_more_of_their_mean_than_one_outlier_does() {
        let mut pairs = [(1.0, 1.02), (1.02, 1.0), (1.01, 1.0), (1.0, 1.01), (1.0, 1.0)].repeat(2);
        let calm = noise(&pairs).1;
        assert!(1.005 < calm && calm < 1.015, "{calm}");
        pairs[0].1 = 1.3;
        let (greatest, of_mean) = noise(&pairs);
        assert_eq!(greatest, 1.3);
        assert!(calm < of_mean && of_mean < 1.12, "{of_mean}");
        let backwards: Vec<(f64, f64)> = pairs.iter().map(|&(first, second)| (second, first)).collect();
        assert!((noise(&backwards).1 - of_mean).abs() < 1e-12, "the order of two runs says nothing");
    }

    #[test]
    fn what_is_always_off_is_in_the_floor() {
        let (greatest, of_mean) = noise(&[(1.0, 1.1), (1.0, 1.1), (1.0, 1.1), (1.0, 1.1)]);
        assert!((greatest - 1.1).abs() < 1e-12 && (of_mean - 1.1).abs() < 1e-12, "{of_mean}");
    }

    #[test]
    fn pairs_that_have_no_ratio_are_left_out() {
        assert_eq!(Noise::of(&[]), None);
        assert_eq!(Noise::of(&[(0.0, 1.0), (f64::NAN, 1.0), (1.0, f64::INFINITY), (-1.0, 1.0)]), None);
        let one = Noise::of(&[(0.0, 1.0), (1.0, 1.25)]).unwrap();
        assert_eq!((one.pairs, one.greatest), (1, 1.25));
        assert_eq!(noise(&[(1e-300, 1e300)]).0, f64::MAX);
    }
}
