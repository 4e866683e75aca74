//! The statistics beside what scipy and statsmodels say of the same numbers:
//! `tests/scipy/expected.json`, made once by `generate.py` beside it.

#![expect(clippy::expect_used, reason = "a helper of tests is not seen as one")]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use trainmark_statistics::bootstrap::{Ranked, Resamples, bca};
use trainmark_statistics::distributions::{normal_cdf, normal_quantile, student_quantile, student_two_sided};
use trainmark_statistics::{
    Comparison, Interval, Method, Rounds, compare, difference, holm, interval, sign_test,
};

#[derive(Deserialize)]
struct Expected {
    normal_quantile: Vec<(f64, f64)>,
    normal_cdf: Vec<(f64, f64)>,
    student_quantile: Vec<(f64, f64, f64)>,
    student_two_sided: Vec<(f64, f64, f64)>,
    student: Vec<Student>,
    given_resamples: Vec<Given>,
    drawn_resamples: Vec<Drawn>,
    holm: Vec<Family>,
    rounds: Vec<InRounds>,
    sign_test: Vec<(usize, usize, f64)>,
}

/// (estimate, low, high, p-value) of pairs; (estimate, low, high) of the subjects.
#[derive(Deserialize)]
struct Student {
    pairs: Vec<(f64, f64)>,
    ratio: (f64, f64, f64, f64),
    difference: (f64, f64, f64, f64),
    own: (f64, f64, f64),
}

#[derive(Deserialize)]
struct Given {
    values: Vec<f64>,
    confidence: f64,
    resamples: Vec<Vec<usize>>,
    mean: (f64, f64),
    median: (f64, f64),
}

#[derive(Deserialize)]
struct Drawn {
    pairs: Vec<(f64, f64)>,
    interval: (f64, f64),
    p_value: f64,
}

/// Seconds by cell and round, and of each pair (subject, baseline, ratio, low, high, p-value,
/// degrees of freedom).
#[derive(Deserialize)]
struct InRounds {
    seconds: Vec<Vec<Option<f64>>>,
    pairs: Vec<(usize, usize, f64, f64, f64, f64, f64)>,
}

#[derive(Deserialize)]
struct Family {
    p: Vec<f64>,
    adjusted: Vec<f64>,
}

static EXPECTED: LazyLock<Expected> =
    LazyLock::new(|| serde_json::from_str(include_str!("scipy/expected.json")).expect("expected.json"));

#[track_caller]
fn assert_close(ours: f64, theirs: f64, tolerance: f64) {
    assert!((ours - theirs).abs() <= tolerance * theirs.abs(), "{ours} is not {theirs}");
}

#[test]
fn distributions_agree() {
    for &(part, quantile) in &EXPECTED.normal_quantile {
        assert_close(normal_quantile(part), quantile, 1e-9);
    }
    for &(x, part) in &EXPECTED.normal_cdf {
        assert_close(normal_cdf(x), part, 1e-9);
    }
    for &(part, freedom, quantile) in &EXPECTED.student_quantile {
        assert_close(student_quantile(part, freedom), quantile, 1e-8);
    }
    for &(t, freedom, part) in &EXPECTED.student_two_sided {
        assert_close(student_two_sided(t, freedom), part, 1e-9);
    }
}

#[track_caller]
fn assert_interval(ours: Interval, (estimate, low, high): (f64, f64, f64)) {
    assert_eq!(ours.method, Method::StudentT);
    assert_close(ours.estimate, estimate, 1e-9);
    assert_close(ours.low, low, 1e-9);
    assert_close(ours.high, high, 1e-9);
}

#[track_caller]
fn assert_comparison(ours: Comparison, seeds: usize, theirs: (f64, f64, f64, f64)) {
    assert_eq!(ours.seeds, seeds);
    assert_interval(ours.interval.expect("two seeds"), (theirs.0, theirs.1, theirs.2));
    assert_close(ours.p_value.expect("two seeds"), theirs.3, 1e-8);
}

#[test]
fn intervals_and_p_values_of_few_seeds_are_those_of_the_paired_t_test() {
    for case in &EXPECTED.student {
        assert_comparison(compare(&case.pairs), case.pairs.len(), case.ratio);
        assert_comparison(difference(&case.pairs), case.pairs.len(), case.difference);
        let subjects: Vec<f64> = case.pairs.iter().map(|pair| pair.0).collect();
        assert_interval(interval(&subjects).expect("two seeds"), case.own);
    }
}

#[test]
fn noise_pooled_over_cells_is_the_residual_of_least_squares() {
    for case in &EXPECTED.rounds {
        let by_seed = |seconds: &Vec<Option<f64>>| {
            (1..)
                .zip(seconds)
                .filter_map(|(seed, &value)| Some((seed, value?)))
                .collect::<BTreeMap<u64, f64>>()
        };
        let cells: Vec<_> = case.seconds.iter().map(by_seed).collect();
        let rounds = Rounds::new(&cells);
        for &(subject, baseline, ratio, low, high, p_value, freedom) in &case.pairs {
            let ours = rounds.compare(subject, baseline);
            let interval = ours.interval.expect("two rounds");
            assert_close(interval.estimate, ratio, 1e-9);
            assert_close(interval.low, low, 1e-9);
            assert_close(interval.high, high, 1e-9);
            assert_close(ours.p_value.expect("two rounds"), p_value, 1e-7);
            let found = ours.pooled.map_or(ours.seeds as f64 - 1.0, |pooled| pooled.degrees_of_freedom);
            assert_close(found, freedom, 1e-12);
        }
    }
}

#[test]
fn the_bootstrap_of_given_resamples_agrees_to_rounding() {
    for case in &EXPECTED.given_resamples {
        let resamples = Resamples::from_indices(case.values.len(), &case.resamples);
        let mean = bca(&resamples, case.confidence, |counts| {
            let sum: f64 =
                case.values.iter().zip(counts).map(|(value, &count)| value * f64::from(count)).sum();
            sum / counts.iter().copied().map(f64::from).sum::<f64>()
        });
        let ranked = Ranked::new(case.values.iter().copied());
        let median = bca(&resamples, case.confidence, |counts| ranked.median(counts));
        for (ours, theirs) in [(mean, case.mean), (median, case.median)] {
            let (low, high) = ours.expect("finite values");
            assert_close(low, theirs.0, 1e-9);
            assert_close(high, theirs.1, 1e-9);
        }
    }
}

#[test]
fn the_bootstrap_of_own_resamples_agrees_within_the_error_of_drawing() {
    for case in &EXPECTED.drawn_resamples {
        let ours = compare(&case.pairs);
        let interval = ours.interval.expect("two seeds");
        assert_eq!(interval.method, Method::Bootstrap);
        let width = case.interval.1 - case.interval.0;
        assert!((interval.low - case.interval.0).abs() < 0.04 * width, "{interval:?}, {:?}", case.interval);
        assert!((interval.high - case.interval.1).abs() < 0.04 * width, "{interval:?}, {:?}", case.interval);
        assert_close(ours.p_value.expect("two seeds"), case.p_value, 1e-8);
    }
}

#[test]
fn corrected_p_values_agree() {
    for family in &EXPECTED.holm {
        for (ours, &theirs) in holm(&family.p).into_iter().zip(&family.adjusted) {
            assert_close(ours, theirs, 1e-12);
        }
    }
}

#[test]
fn sign_tests_agree() {
    for &(favourable, unfavourable, p_value) in &EXPECTED.sign_test {
        assert_close(sign_test(favourable, unfavourable), p_value, 1e-9);
    }
}
