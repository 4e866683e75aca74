//! What holds of every comparison, whatever the numbers.

use std::collections::BTreeMap;

use proptest::prelude::*;
use trainmark_statistics::{
    BOOTSTRAP_FROM, Comparison, Interval, Method, Rounds, Verdict, compare, difference, holm, interval, judge,
};

fn close(ours: f64, theirs: f64) -> bool {
    (ours - theirs).abs() <= 1e-9 * theirs.abs().max(f64::MIN_POSITIVE)
}

fn times(seeds: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<(f64, f64)>> {
    prop::collection::vec((0.01..1000.0, 0.01..1000.0), seeds)
}

/// Numbers as a record may hold them, most of them of no use.
fn anything() -> impl Strategy<Value = Vec<(f64, f64)>> {
    let special = || prop_oneof![any::<f64>(), Just(0.0), Just(1.0), Just(f64::MAX), Just(5e-324)];
    prop::collection::vec((special(), special()), 0..40)
}

fn is_sound(interval: Interval) -> bool {
    let Interval { estimate, low, high, .. } = interval;
    [estimate, low, high].iter().all(|end| end.is_finite()) && low <= estimate && estimate <= high
}

fn comparison_is_sound(comparison: Comparison) -> bool {
    comparison.interval.is_none_or(is_sound)
        && comparison.interval.is_some() == (comparison.seeds >= 2)
        && comparison.interval.is_some() == comparison.p_value.is_some()
        && comparison.p_value.is_none_or(|p_value| (0.0..=1.0).contains(&p_value))
        && (comparison.verdict == Verdict::NeedsMoreSeeds) == (comparison.seeds < 2)
}

/// Values of cells by round, of which some are of no use or missing.
fn cells() -> impl Strategy<Value = Vec<BTreeMap<u64, f64>>> {
    let value = prop_oneof![8 => 0.01..1000.0, 1 => any::<f64>(), 1 => Just(0.0), 1 => Just(5e-324)];
    prop::collection::vec(prop::collection::btree_map(0..8_u64, value, 0..8), 2..7)
}

proptest! {
    #[test]
    fn nothing_is_not_a_number(pairs in anything()) {
        prop_assert!(comparison_is_sound(compare(&pairs)));
        prop_assert!(comparison_is_sound(difference(&pairs)));
        let own: Vec<f64> = pairs.iter().map(|pair| pair.0).collect();
        prop_assert!(interval(&own).is_none_or(is_sound));
    }

    #[test]
    fn ratios_do_not_depend_on_the_unit(pairs in times(2..40), unit in 1e-9..1e9) {
        let scaled: Vec<_> = pairs.iter().map(|(subject, baseline)| (subject * unit, baseline * unit)).collect();
        let (ours, theirs) = (compare(&pairs), compare(&scaled));
        let (one, other) = (ours.interval.unwrap(), theirs.interval.unwrap());
        prop_assert!(close(one.estimate, other.estimate));
        prop_assert!(close(one.low, other.low) && close(one.high, other.high));
        prop_assert!((ours.p_value.unwrap() - theirs.p_value.unwrap()).abs() < 1e-9);
    }

    #[test]
    fn swapping_the_cells_inverts_the_ratio(pairs in times(2..40)) {
        let swapped: Vec<_> = pairs.iter().map(|&(subject, baseline)| (baseline, subject)).collect();
        let (ours, theirs) = (compare(&pairs), compare(&swapped));
        let (one, other) = (ours.interval.unwrap(), theirs.interval.unwrap());
        let method = if pairs.len() < BOOTSTRAP_FROM { Method::StudentT } else { Method::Bootstrap };
        prop_assert_eq!((one.method, other.method), (method, method));
        prop_assert!(close(1.0 / one.estimate, other.estimate));
        prop_assert!(close(1.0 / one.low, other.high) && close(1.0 / one.high, other.low));
        prop_assert!((ours.p_value.unwrap() - theirs.p_value.unwrap()).abs() < 1e-9);
    }

    #[test]
    fn corrected_p_values_keep_their_order_and_are_not_less(p_values in prop::collection::vec(0.0..=1.0, 0..20)) {
        let corrected = holm(&p_values);
        for (one, corrected_one) in p_values.iter().zip(&corrected) {
            prop_assert!(corrected_one >= one && *corrected_one <= 1.0);
            for (other, corrected_other) in p_values.iter().zip(&corrected) {
                prop_assert!(one > other || corrected_one <= corrected_other);
            }
        }
    }

    #[test]
    fn a_higher_noise_floor_allows_no_more_verdicts(
        families in prop::collection::vec(times(2..12), 1..6), low in 1.0..2.0, more in 0.0..3.0,
    ) {
        let judged = |floor| {
            let mut family: Vec<Comparison> = families.iter().map(|pairs| compare(pairs)).collect();
            judge(&mut family, floor);
            family
        };
        for (lower, higher) in judged(low).iter().zip(judged(low + more)) {
            prop_assert!(higher.verdict == lower.verdict || higher.verdict == Verdict::NoDifferenceShown);
        }
    }

    #[test]
    fn cells_in_rounds_are_compared_soundly(cells in cells(), factor in 0.1..10.0) {
        let rounds = Rounds::new(&cells);
        let comparison = rounds.compare(0, 1);
        prop_assert!(comparison_is_sound(comparison), "{comparison:?}");
        let swapped = rounds.compare(1, 0);
        prop_assert_eq!(comparison.seeds, swapped.seeds);
        let slower = |values: &BTreeMap<u64, f64>| {
            values.iter().map(|(&seed, &value)| (seed, if seed == 3 { value * factor } else { value })).collect()
        };
        let slowed = Rounds::new(&cells.iter().map(slower).collect::<Vec<_>>()).compare(0, 1);
        let usual = cells.iter().flat_map(BTreeMap::values).all(|value| (0.01..1000.0).contains(value));
        for other in [swapped, slowed].into_iter().filter(|_| usual) {
            if let Some((ours, theirs)) = comparison.p_value.zip(other.p_value) {
                prop_assert!((ours - theirs).abs() < 1e-6, "{:?}, {:?}", comparison, other);
            }
        }
    }
}
