//! The noise floor: how far two runs of the same thing lie apart.

/// Greatest ratio, taken so that it is at least 1, of A/A pairs: one cell run
/// twice with the same seed. Pairs that are not of positive finite values are
/// left out; `None` where none is left.
#[must_use]
pub fn noise_floor(pairs: &[(f64, f64)]) -> Option<f64> {
    pairs
        .iter()
        .filter(|(first, second)| [first, second].iter().all(|value| value.is_finite() && **value > 0.0))
        .map(|(first, second)| (first.max(*second) / first.min(*second)).min(f64::MAX))
        .max_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    use super::noise_floor;

    #[test]
    fn the_floor_is_the_greatest_ratio_in_either_direction() {
        assert_eq!(noise_floor(&[(1.0, 1.01), (1.0, 0.5), (3.0, 3.0)]), Some(2.0));
        assert_eq!(noise_floor(&[(3.0, 3.0)]), Some(1.0));
    }

    #[test]
    fn pairs_that_have_no_ratio_are_left_out() {
        assert_eq!(noise_floor(&[]), None);
        assert_eq!(noise_floor(&[(0.0, 1.0), (f64::NAN, 1.0), (1.0, f64::INFINITY), (-1.0, 1.0)]), None);
        assert_eq!(noise_floor(&[(0.0, 1.0), (1.0, 1.25)]), Some(1.25));
        assert_eq!(noise_floor(&[(1e-300, 1e300)]), Some(f64::MAX));
    }
}
