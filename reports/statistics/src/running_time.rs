//! The expected running time until a target, where some runs did not reach it.

/// Seconds of all runs, each until it succeeded or was cut off, for each success:
/// the expected time until a success when failed runs are started again (N. Hansen
/// and others, COCO: a platform for comparing continuous optimizers, 2021). Runs
/// whose seconds are negative or not finite are left out; `None` without success.
#[must_use]
pub fn expected_running_time(runs: &[(f64, bool)]) -> Option<f64> {
    let counted = || runs.iter().filter(|(seconds, _)| seconds.is_finite() && *seconds >= 0.0);
    let successes = counted().filter(|(_, succeeded)| *succeeded).count();
    let seconds: f64 = counted().map(|(seconds, _)| seconds).sum();
    (successes > 0).then(|| (seconds / successes as f64).min(f64::MAX))
}

#[cfg(test)]
mod tests {
    use super::expected_running_time;

    #[test]
    fn failures_lengthen_the_time_of_a_success() {
        assert_eq!(expected_running_time(&[(10.0, true), (20.0, true)]), Some(15.0));
        assert_eq!(expected_running_time(&[(10.0, true), (20.0, true), (30.0, false)]), Some(30.0));
    }

    #[test]
    fn without_a_success_there_is_no_time() {
        assert_eq!(expected_running_time(&[]), None);
        assert_eq!(expected_running_time(&[(30.0, false)]), None);
        assert_eq!(expected_running_time(&[(f64::NAN, true), (30.0, false)]), None);
    }

    #[test]
    fn impossible_times_are_left_out() {
        assert_eq!(expected_running_time(&[(f64::INFINITY, true), (-1.0, true), (4.0, true)]), Some(4.0));
    }
}
