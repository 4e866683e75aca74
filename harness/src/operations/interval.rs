//! The median of samples and how sure it is.

use statrs::distribution::{Binomial, DiscreteCDF};
use trainmark_reports::operations::OperationTime;

/// Fewer samples than this give no 95% interval.
pub const FEWEST_SAMPLES: usize = 6;

/// The median with its distribution-free 95% interval: the order statistics
/// between which the median lies with at least that probability (Conover, Practical
/// Nonparametric Statistics, 3.2). Of fewer than [`FEWEST_SAMPLES`] the
/// interval is from the least to the greatest. `None` without a sample.
pub fn median_interval(samples: &[f64]) -> Option<OperationTime> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len();
    let rank = lower_rank(count).checked_sub(1)?;
    let middle = (sorted[(count - 1) / 2] + sorted[count / 2]) / 2.0;
    Some(OperationTime { seconds: middle, low: sorted[rank], high: sorted[count - 1 - rank], samples: count })
}

/// The greatest k with P(Binomial(n, ½) < k) ≤ 2.5%, at least 1; 0 of no sample.
fn lower_rank(count: usize) -> usize {
    let rank = Binomial::new(0.5, count as u64).map_or(0, |binomial| binomial.inverse_cdf(0.025));
    (rank as usize).max(1).min(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_those_of_the_tables() {
        // Conover, table A3: lower ranks of the median's 95% interval.
        for (count, rank) in
            [(1, 1), (5, 1), (6, 1), (8, 1), (9, 2), (10, 2), (12, 3), (20, 6), (50, 18), (100, 40)]
        {
            assert_eq!(lower_rank(count), rank, "{count}");
        }
        assert_eq!(lower_rank(0), 0);
        assert!((40..=41).contains(&lower_rank(101)), "{}", lower_rank(101));
    }

    #[test]
    fn an_interval_holds_its_median() {
        let samples: Vec<f64> = (0..10).map(|index| f64::from(index * 7 % 10)).collect();
        let time = median_interval(&samples).unwrap();
        assert_eq!((time.seconds, time.low, time.high, time.samples), (4.5, 1.0, 8.0, 10));
        assert_eq!(median_interval(&[2.0]).map(|time| (time.low, time.high)), Some((2.0, 2.0)));
        assert_eq!(median_interval(&[]), None);
    }

    /// Of 1000 sets of samples of one distribution, about 95% must hold its median.
    #[test]
    fn the_interval_has_its_coverage() {
        for count in [10, 31, 200] {
            let mut uniform = crate::workload::uniform_generator("interval", 1, count as u64);
            let holds = (0..1000).filter(|_| {
                let samples: Vec<f64> =
                    uniform.by_ref().take(count).map(|value| f64::from(value).exp()).collect();
                let time = median_interval(&samples).unwrap();
                time.low <= 1.0 && 1.0 <= time.high
            });
            let share = holds.count();
            assert!((930..=990).contains(&share), "{share} of 1000 with {count} samples");
        }
    }
}
