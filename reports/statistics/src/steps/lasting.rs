//! How much of what a run is off by lasts in the next one.

use crate::median;

/// The most that is taken into account; of more, no step could be told.
const MOST: f64 = 0.8;
/// Values from which on a series tells of it. It tells little of so few, but to take nothing for lasting
/// until there are many makes wrong steps of what does, in every young history.
const ENOUGH: usize = 8;
/// How many medians a difference counts for at most.
const USUAL: f64 = 4.0;

/// The autocorrelation of neighbouring values of all series, weighed by their lengths, from 0 to
/// [`MOST`]: where values that are two apart differ more than neighbours do, something lasts. Steps are
/// in few differences, and large ones count no more than is usual.
pub(super) fn lasting(series: &[Vec<f64>]) -> f64 {
    let long = series.iter().filter(|values| values.len() >= ENOUGH);
    let (sum, length) = long
        .filter_map(|values| Some((of(values)?, values.len() as f64)))
        .fold((0.0, 0.0), |(sum, length), (lasting, values)| (sum + lasting * values, length + values));
    if length > 0.0 { (sum / length).clamp(0.0, MOST) } else { 0.0 }
}

/// Of one series; `None` where half of its neighbours are equal.
fn of(values: &[f64]) -> Option<f64> {
    let (near, far) = (spread(values, 1)?, spread(values, 2)?);
    Some(far / near - 1.0)
}

/// The mean square of the differences of values that lie so far apart; `None` where it is 0.
fn spread(values: &[f64], apart: usize) -> Option<f64> {
    let pairs = values.iter().zip(values.iter().skip(apart));
    let differences: Vec<f64> = pairs.map(|(one, other)| (one - other).abs()).collect();
    let most = USUAL * median(differences.iter().copied())?;
    let squares: f64 = differences.iter().map(|difference| difference.min(most).powi(2)).sum();
    (squares > 0.0).then(|| squares / differences.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::lasting;
    use crate::steps::tests::noise;

    fn values(part: f64) -> Vec<f64> {
        let mut last = 0.0;
        // The sum of six is nearly normal.
        let [mut one, mut other] = [noise(1), noise(2)];
        let mut sum = || one.by_ref().take(3).chain(other.by_ref().take(3)).sum::<f64>();
        let next = |_| {
            last = part * last + sum();
            last
        };
        (0..2000).map(next).collect()
    }

    #[test]
    fn what_lasts_is_found_whatever_steps_there_are() {
        assert!(lasting(&[values(0.0)]) < 0.1);
        let mut stepped = values(0.5);
        let found = lasting(&[stepped.clone()]);
        assert!((0.4..0.6).contains(&found), "{found}");
        stepped[1000..].iter_mut().for_each(|value| *value += 3.0);
        assert!((lasting(&[stepped]) - found).abs() < 0.15);
    }

    #[test]
    fn few_and_equal_values_tell_nothing() {
        assert_eq!(lasting(&[vec![1.0, 2.0, 3.0, 4.0], vec![1.0; 100], vec![]]), 0.0);
    }
}
