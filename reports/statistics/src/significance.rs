//! p-values: the paired t test, the sign test, and Holm's correction for several.

use statrs::distribution::{Binomial, DiscreteCDF};

use super::distributions::student_two_sided;
use super::interval::Sample;

/// p-values corrected for being several, in the order given: S. Holm, A simple
/// sequentially rejective multiple test procedure, Scandinavian Journal of
/// Statistics 6, 1979. The least is multiplied by their number, the next by one
/// less, and so on, none below the one before and none above 1.
#[must_use]
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&left, &right| p_values[left].total_cmp(&p_values[right]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut least = 0.0_f64;
    for (rank, &number) in order.iter().enumerate() {
        let remaining = (p_values.len() - rank) as f64;
        least = least.max((remaining * p_values[number]).min(1.0));
        adjusted[number] = least;
    }
    adjusted
}

/// Exact two-sided sign test: the probability that a fair coin falls at least so
/// unevenly. `favourable` and `unfavourable` count the pairs for each side, ties
/// left out. 1 without pairs.
#[must_use]
pub fn sign_test(favourable: usize, unfavourable: usize) -> f64 {
    let pairs = favourable.saturating_add(unfavourable) as u64;
    Binomial::new(0.5, pairs)
        .map_or(1.0, |coin| (2.0 * coin.cdf(favourable.min(unfavourable) as u64)).clamp(0.0, 1.0))
}

/// Two-sided p-value of a mean of zero: Student's t test. `None` below two values.
///
/// Where the values do not differ, t is infinite and says nothing of noise; such
/// values are counts or rounded, so that the sign test holds instead: 1 where they
/// are zero, else 2 × 0.5ⁿ.
pub(super) fn mean_is_zero(sample: &Sample) -> Option<f64> {
    if sample.count < 2 {
        return None;
    }
    if sample.standard_error > 0.0 {
        return Some(student_two_sided(sample.mean / sample.standard_error, sample.freedom));
    }
    Some(if sample.mean == 0.0 { 1.0 } else { sign_test(sample.count, 0) })
}

#[cfg(test)]
mod tests {
    use super::{holm, sign_test};

    #[test]
    fn nothing_and_one_need_no_correction() {
        assert!(holm(&[]).is_empty());
        assert_eq!(holm(&[0.03]), [0.03_f64]);
        assert_eq!(holm(&[0.02, 0.01]), [0.02_f64, 0.02]);
    }

    #[test]
    fn without_pairs_a_sign_test_says_nothing() {
        assert_eq!(sign_test(0, 0), 1.0);
        assert_eq!(sign_test(2, 2), 1.0);
        assert_eq!(sign_test(0, 5), sign_test(5, 0));
    }
}
