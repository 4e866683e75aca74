//! Two cells compared by the seeds that both ran, and what may be said of it.

use serde::Serialize;

use super::interval::{Interval, ROUNDING, Sample, largest};
use super::rounds::Pooled;
use super::significance::{holm, mean_is_zero};

/// A verdict is wrong in at most this part of all families without a difference.
pub(super) const SIGNIFICANCE: f64 = 0.05;

/// Two cells' values for the same seeds: subject over baseline, or subject less
/// baseline.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Comparison {
    /// Pairs that count.
    pub seeds: usize,
    /// Of the ratio or the difference. `None` below two seeds.
    pub interval: Option<Interval>,
    /// Two-sided, of this comparison alone. `None` below two seeds.
    pub p_value: Option<f64>,
    /// Corrected for the family's other comparisons. `None` before [`judge`].
    pub adjusted_p_value: Option<f64>,
    /// What may be said.
    pub verdict: Verdict,
    /// What the noise was found of, where of more than the two cells' pairs: [`super::Rounds`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pooled: Option<Pooled>,
}

/// What may be said of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The subject's values are lower.
    Lower,
    /// The subject's values are higher.
    Higher,
    /// Noise explains what was measured. Not that the cells are equal.
    NoDifferenceShown,
    /// Fewer than two seeds.
    NeedsMoreSeeds,
}

impl Verdict {
    /// Whether one of the two is shown to be lower than the other.
    #[must_use]
    pub fn is_difference(self) -> bool {
        matches!(self, Self::Lower | Self::Higher)
    }
}

/// Compares positive values, (subject, baseline) by seed: the geometric mean of
/// the ratios subject/baseline, its interval, and the p-value of Student's t test
/// of the ratios' logarithms. The verdict is that of a family of one with a noise
/// floor of 1. Pairs with a value that is not positive or not finite are left out.
#[must_use]
pub fn compare(pairs: &[(f64, f64)]) -> Comparison {
    let counted = pairs.iter().filter(|(subject, baseline)| is_positive(*subject) && is_positive(*baseline));
    let logarithms = counted.map(|(subject, baseline)| subject.ln() - baseline.ln()).collect();
    Comparison::of_logarithms(&Sample::new(logarithms, ROUNDING))
}

/// Whether a value has a logarithm.
pub(super) fn is_positive(value: f64) -> bool {
    value.is_finite() && value > 0.0
}

/// Interval of the geometric mean of positive values, such as a cell's times over
/// seeds; like [`compare`] on logarithms, so that no end is negative. `None` where
/// fewer than three values count: Student's t of two is 12.7, so that the interval says
/// less than the two values themselves. (Ratios by seed differ less, and two may do.)
#[must_use]
pub fn geometric_interval(values: &[f64]) -> Option<Interval> {
    let against_one: Vec<(f64, f64)> = values.iter().map(|&value| (value, 1.0)).collect();
    let comparison = compare(&against_one);
    comparison.interval.filter(|_| comparison.seeds > 2)
}

/// Compares values of any sign, (subject, baseline) by seed: the mean difference
/// subject − baseline by the rule of [`compare`], without logarithms. Pairs with
/// a value that is not finite are left out.
#[must_use]
pub fn difference(pairs: &[(f64, f64)]) -> Comparison {
    let counted = || pairs.iter().filter(|(subject, baseline)| (subject - baseline).is_finite());
    let rounding = largest(counted().flat_map(|&(subject, baseline)| [subject, baseline])) * ROUNDING;
    let sample = Sample::new(counted().map(|(subject, baseline)| subject - baseline).collect(), rounding);
    Comparison::new(&sample, sample.interval(), (0.0, 0.0))
}

/// Judges a family of ratios together: corrects their p-values by [`holm`], and
/// says lower or higher only where the corrected one is below 0.05 and the whole
/// interval lies beyond the noise floor, a ratio of at least 1 (a lesser one, or
/// NaN, counts as 1). Comparisons below two seeds are not counted in the family.
pub fn judge<'c>(family: impl IntoIterator<Item = &'c mut Comparison>, floor: f64) {
    let floor = floor.max(1.0);
    judge_beyond(family, (1.0 / floor, floor));
}

/// [`judge`] for a family of differences; `floor` is one too, at least 0.
pub fn judge_differences<'c>(family: impl IntoIterator<Item = &'c mut Comparison>, floor: f64) {
    let floor = floor.max(0.0);
    judge_beyond(family, (-floor, floor));
}

fn judge_beyond<'c>(family: impl IntoIterator<Item = &'c mut Comparison>, noise: (f64, f64)) {
    let (p_values, tested): (Vec<f64>, Vec<&mut Comparison>) =
        family.into_iter().filter_map(|comparison| Some((comparison.p_value?, comparison))).unzip();
    for (comparison, adjusted) in tested.into_iter().zip(holm(&p_values)) {
        comparison.adjusted_p_value = Some(adjusted);
        comparison.verdict = verdict(comparison.interval, Some(adjusted), noise);
    }
}

impl Comparison {
    /// Of ratios' logarithms.
    pub(super) fn of_logarithms(sample: &Sample) -> Self {
        let ratio = |logarithm: f64| logarithm.exp().clamp(f64::MIN_POSITIVE, f64::MAX);
        let interval = sample.interval().map(|interval| Interval {
            estimate: ratio(interval.estimate),
            low: ratio(interval.low),
            high: ratio(interval.high),
            method: interval.method,
        });
        Self::new(sample, interval, (1.0, 1.0))
    }

    fn new(sample: &Sample, interval: Option<Interval>, noise: (f64, f64)) -> Self {
        let p_value = mean_is_zero(sample);
        Self {
            seeds: sample.count,
            interval,
            p_value,
            adjusted_p_value: None,
            verdict: verdict(interval, p_value, noise),
            pooled: None,
        }
    }
}

/// `noise` is what the interval must not touch, from its lower to its upper end.
pub(super) fn verdict(interval: Option<Interval>, p_value: Option<f64>, noise: (f64, f64)) -> Verdict {
    let (Some(interval), Some(p_value)) = (interval, p_value) else { return Verdict::NeedsMoreSeeds };
    if p_value >= SIGNIFICANCE {
        Verdict::NoDifferenceShown
    } else if interval.high < noise.0 {
        Verdict::Lower
    } else if interval.low > noise.1 {
        Verdict::Higher
    } else {
        Verdict::NoDifferenceShown
    }
}

#[cfg(test)]
mod tests {
    use super::{Comparison, Verdict, compare, difference, geometric_interval, judge, judge_differences};

    fn verdicts(family: &[Comparison]) -> Vec<Verdict> {
        family.iter().map(|comparison| comparison.verdict).collect()
    }

    #[test]
    fn one_pair_needs_more_seeds() {
        for pairs in [&[][..], &[(1.0, 2.0)], &[(1.0, 2.0), (0.0, 1.0), (f64::NAN, 1.0), (-1.0, 1.0)]] {
            let comparison = compare(pairs);
            assert_eq!(comparison.verdict, Verdict::NeedsMoreSeeds);
            assert_eq!((comparison.interval, comparison.p_value), (None, None));
        }
        assert_eq!(compare(&[(1.0, 2.0), (0.0, 1.0)]).seeds, 1);
        assert_eq!(difference(&[(f64::INFINITY, 2.0), (0.5, 0.25)]).seeds, 1);
    }

    #[test]
    fn pairs_of_one_ratio_are_judged_by_the_sign_test() {
        let epochs = compare(&[(3.0, 2.0), (6.0, 4.0)]);
        let interval = epochs.interval.unwrap();
        assert!((interval.estimate - 1.5).abs() < 1e-12 && interval.high - interval.low < 1e-12);
        assert!((epochs.p_value.unwrap() - 0.5).abs() < 1e-12);
        assert_eq!(epochs.verdict, Verdict::NoDifferenceShown);
        assert_eq!(compare(&[(3.0, 2.0); 6]).verdict, Verdict::Higher);
        assert_eq!(compare(&[(2.0, 2.0), (7.0, 7.0)]).p_value, Some(1.0));
    }

    #[test]
    fn the_correction_may_take_a_verdict_back() {
        let lower = [(1.00, 1.02), (1.01, 1.05), (1.00, 1.03)];
        let same = [(1.00, 1.02), (1.05, 1.01), (1.00, 1.01)];
        let alone = compare(&lower);
        assert_eq!(alone.verdict, Verdict::Lower);
        let mut family = [alone, compare(&same), compare(&same), compare(&[(1.0, 2.0)])];
        judge(&mut family, 1.0);
        assert_eq!(
            verdicts(&family),
            [
                Verdict::NoDifferenceShown,
                Verdict::NoDifferenceShown,
                Verdict::NoDifferenceShown,
                Verdict::NeedsMoreSeeds
            ]
        );
        // The comparison of one seed was not tested, so that three are corrected for.
        assert_eq!(family[0].adjusted_p_value, alone.p_value.map(|p_value| 3.0 * p_value));
        assert_eq!(family[3].adjusted_p_value, None);
    }

    #[test]
    fn what_lies_within_the_noise_floor_is_no_verdict() {
        let higher = [(1.100, 1.0), (1.101, 1.0), (1.102, 1.0)];
        let lower = higher.map(|(subject, baseline)| (baseline, subject));
        let judged = |floor| {
            let mut family = [compare(&higher), compare(&lower)];
            judge(&mut family, floor);
            verdicts(&family)
        };
        assert_eq!(judged(1.05), [Verdict::Higher, Verdict::Lower]);
        assert_eq!(judged(1.1), [Verdict::NoDifferenceShown; 2]);
        assert_eq!(judged(f64::NAN), [Verdict::Higher, Verdict::Lower]);
    }

    #[test]
    fn differences_are_judged_beside_zero() {
        let mut family = [difference(&[(0.90, 0.80), (0.91, 0.80), (0.90, 0.79)])];
        assert_eq!(verdicts(&family), [Verdict::Higher]);
        judge_differences(&mut family, 0.05);
        assert_eq!(verdicts(&family), [Verdict::Higher]);
        judge_differences(&mut family, 0.2);
        assert_eq!(verdicts(&family), [Verdict::NoDifferenceShown]);
    }

    #[test]
    fn an_interval_of_times_has_no_negative_end() {
        let interval = geometric_interval(&[0.5, 1.5, 0.75_f64.sqrt()]).unwrap();
        assert!(interval.low > 0.0 && interval.low < 0.5 && interval.high > 1.5, "{interval:?}");
        assert!((interval.estimate - 0.75_f64.sqrt()).abs() < 1e-12, "{interval:?}");
        assert_eq!(geometric_interval(&[1.0, 1.1, -1.0]), None);
    }
}
