//! What several times come to.

pub(super) fn minimum(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

/// Not a number without values.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.len(), sorted.len() / 2) {
        (0, _) => f64::NAN,
        (length, half) if length % 2 == 1 => sorted[half],
        (_, half) => f64::midpoint(sorted[half - 1], sorted[half]),
    }
}

/// Intercept and slope of the line with the least squares of *relative* distances: a time is
/// off by a share of itself, and unweighted the longest alone would decide the intercept.
pub(super) fn line(points: &[(f64, f64)]) -> (f64, f64) {
    let mut sums = [0.0; 5];
    for &(x, y) in points {
        let weight = 1.0 / (y * y);
        let terms = [1.0, x, x * x, y, x * y];
        for (sum, term) in sums.iter_mut().zip(terms) {
            *sum += weight * term;
        }
    }
    let [weights, x, xx, y, xy] = sums;
    let slope = (weights * xy - x * y) / (weights * xx - x * x);
    ((y - slope * x) / weights, slope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_in_its_points() {
        let points = [1.0, 2.0, 10.0, 235.0].map(|steps| (steps, 0.5 + 0.25 * steps));
        let (intercept, slope) = line(&points);
        assert!((intercept - 0.5).abs() < 1e-12 && (slope - 0.25).abs() < 1e-12, "{intercept} {slope}");
    }

    /// By hand: weights 1, 1/4 and 1/4 of (0, 1), (1, 2) and (2, 2) give slope 4/7 and
    /// intercept 22/21.
    #[test]
    fn distances_from_a_line_are_relative() {
        let (intercept, slope) = line(&[(0.0, 1.0), (1.0, 2.0), (2.0, 2.0)]);
        assert!(
            (slope - 4.0 / 7.0).abs() < 1e-12 && (intercept - 22.0 / 21.0).abs() < 1e-12,
            "{intercept} {slope}"
        );
    }

    #[test]
    fn a_median_is_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
        assert_eq!(minimum(&[3.0, 1.0, 2.0]), 1.0);
    }
}
