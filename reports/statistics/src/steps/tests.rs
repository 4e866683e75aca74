use super::{LEAST, Verdict, find};

/// Values that look random, between −½ and ½.
pub(super) fn noise(seed: u64) -> impl Iterator<Item = f64> {
    let mut state = seed.wrapping_mul(0xd134_2543_de82_ef95);
    std::iter::from_fn(move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Some(((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64 - 0.5)
    })
}

/// A series with noise of ±1%, whose level changes by these logarithms at these places.
fn series(length: usize, seed: u64, changes: &[(usize, f64)]) -> Vec<f64> {
    let level =
        |at: usize| changes.iter().filter(|change| change.0 <= at).map(|change| change.1).sum::<f64>();
    noise(seed).take(length).enumerate().map(|(at, noise)| level(at) + 0.02 * noise).collect()
}

fn places(series: &[Vec<f64>]) -> Vec<Vec<usize>> {
    let found = find(series, |_, _| 1.0);
    found.iter().map(|changes| changes.steps.iter().map(|step| step.at).collect()).collect()
}

#[test]
fn steps_are_found_where_they_are() {
    let planted = [(40, 0.05), (90, -0.03), (97, 0.1)];
    let all = [series(150, 1, &planted), series(150, 2, &[]), series(60, 3, &[(57, 0.2)])];
    assert_eq!(places(&all), [vec![40, 90, 97], vec![], vec![57]]);
    let found = find(&all, |_, _| 1.0);
    let first = found[0].steps[0];
    assert_eq!((first.verdict, first.runs), (Verdict::Higher, [20, 20]));
    assert!(first.ratio.low < 0.05_f64.exp() && 0.05_f64.exp() < first.ratio.high, "{first:?}");
    assert_eq!(found[0].steps[1].runs, [20, 7], "no further than the next step");
    assert_eq!(found[0].steps[1].verdict, Verdict::Lower);
    assert!(first.adjusted_p_value > first.p_value && first.adjusted_p_value < 0.05);
    assert_eq!(found[0].tested, 150 + 1 - 2 * LEAST - 2 * (LEAST - 1) * 3);
}

#[test]
fn what_lies_within_the_noise_floor_is_no_step() {
    let all = [series(60, 9, &[(30, 0.05)])];
    let count = |floor: f64| find(&all, |_, _| floor)[0].steps.len();
    assert_eq!([1.0, 1.03, 1.06].map(count), [1, 1, 0]);
    let seen = std::cell::RefCell::new(Vec::new());
    let _ = find(&all, |series, runs| {
        seen.borrow_mut().push((series, runs));
        1.0
    });
    assert!(seen.borrow().contains(&(0, 10..50)), "the floor is of the runs on both sides");
}

#[test]
fn a_disturbed_run_is_no_step_and_two_at_the_end_are_suspected() {
    let mut disturbed = series(80, 5, &[]);
    disturbed[40] += 0.5;
    disturbed[60] += 0.5;
    disturbed[61] += 0.5;
    assert!(places(&[disturbed]).concat().is_empty());
    let found = find(&[series(40, 6, &[(38, 0.1)])], |_, _| 1.0);
    let suspected = found[0].suspected.unwrap();
    assert!(found[0].steps.is_empty());
    assert_eq!((suspected.at, suspected.runs, suspected.verdict), (38, [20, 2], Verdict::Higher));
    assert_eq!(find(&[series(40, 6, &[])], |_, _| 1.0)[0].suspected, None);
}

#[test]
fn few_and_equal_values_say_nothing_wrong() {
    assert!(places(&[vec![], vec![0.1], vec![0.1; 5], vec![0.1; 50]]).concat().is_empty());
    let exact = [[vec![0.0; 3], vec![0.1; 3]].concat(), [vec![0.5; 10], vec![0.4; 10]].concat()];
    assert_eq!(places(&exact), [vec![], vec![10usize]], "three of each may be so by chance");
    assert_eq!(find(&[vec![0.0; 2]], |_, _| 1.0)[0].suspected, None);
}

#[test]
fn the_order_of_series_and_their_direction_change_nothing() {
    let [one, other] = [series(100, 7, &[(50, 0.06)]), series(100, 8, &[(20, -0.05)])];
    assert_eq!(places(&[one.clone(), other.clone()]), [vec![50], vec![20]]);
    assert_eq!(places(&[other.clone(), one.clone()]), [vec![20], vec![50]]);
    let backwards: Vec<f64> = one.iter().rev().copied().collect();
    assert_eq!(places(&[backwards, other]), [vec![50], vec![20]]);
}

#[test]
fn what_lasts_for_a_few_runs_is_two_steps() {
    assert_eq!(places(&[series(100, 11, &[(42, 0.1), (50, -0.1)])]), [vec![42, 50]]);
}
