//! The interval of a mean over seeds, and by which method it is found.

use serde::Serialize;

use super::bootstrap::{Resamples, bca};
use super::distributions::{normal_cdf, student_quantile};

/// How many of all intervals hold the true value.
pub const CONFIDENCE: f64 = 0.95;

/// From so many seeds on the interval is the bootstrap's, below it Student's: the
/// [module's documentation](super#which-interval) says why.
pub const BOOTSTRAP_FROM: usize = 30;

/// A value with its 95% interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// The value: a mean, or a geometric mean of ratios.
    pub estimate: f64,
    /// Lower end, at most `estimate`.
    pub low: f64,
    /// Upper end, at least `estimate`.
    pub high: f64,
    /// How the ends were found.
    pub method: Method,
}

/// How an interval was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The BCa bootstrap of the mean, expanded for few values.
    Bootstrap,
    /// Student's t; of ratios, on their logarithms.
    StudentT,
    /// Student's t with the noise that the cells of a group share: [`super::Rounds`].
    PooledT,
}

impl Method {
    /// The method in words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bootstrap => "BCa bootstrap",
            Self::StudentT => "Student's t",
            Self::PooledT => "Student's t, noise pooled over cells",
        }
    }
}

/// Interval of the mean of a cell's own values over seeds, the estimate being the
/// mean, not the median. Values that are not
/// finite are left out; `None` where fewer than two are left.
#[must_use]
pub fn interval(values: &[f64]) -> Option<Interval> {
    let values: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    let rounding = largest(values.iter().copied()) * ROUNDING;
    Sample::new(values, rounding).interval()
}

/// Differences below this part of the values are rounding.
pub(crate) const ROUNDING: f64 = 1e-12;

/// Greatest magnitude of values; 0 without any.
pub(super) fn largest(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, |largest, value| largest.max(value.abs()))
}

/// Values of which the mean is sought, and what both the interval and the p-value
/// need of them.
#[derive(Debug)]
pub(super) struct Sample {
    /// How many values.
    pub count: usize,
    /// Their mean, in units of `scale`.
    pub mean: f64,
    /// Standard error of the mean, in units of `scale`; 0 where the values differ
    /// by no more than rounding.
    pub standard_error: f64,
    /// Degrees of freedom of the standard error.
    pub freedom: f64,
    /// Whether the standard error is of more than these values.
    is_pooled: bool,
    /// The greatest magnitude, so that squares neither overflow nor vanish.
    scale: f64,
    values: Vec<f64>,
}

impl Sample {
    /// Of finite values, whose differences up to `rounding` are none.
    pub(super) fn new(mut values: Vec<f64>, rounding: f64) -> Self {
        let count = values.len();
        let scale = largest(values.iter().copied());
        let nothing = Self {
            count,
            mean: 0.0,
            standard_error: 0.0,
            freedom: count.saturating_sub(1) as f64,
            is_pooled: false,
            scale: 1.0,
            values: Vec::new(),
        };
        if count == 0 || scale <= rounding {
            return Self { values: vec![0.0; count], ..nothing };
        }
        values.iter_mut().for_each(|value| *value /= scale);
        let mean = values.iter().sum::<f64>() / count as f64;
        let deviations = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let differ = count > 1 && most - least > rounding / scale;
        let standard_error =
            if differ { (deviations / (count - 1) as f64 / count as f64).sqrt() } else { 0.0 };
        Self { mean, standard_error, scale, values, ..nothing }
    }

    /// The same values with a standard error that was found of others, too.
    pub(super) fn with_pooled(self, standard_error: f64, freedom: f64) -> Self {
        Self { standard_error: standard_error / self.scale, freedom, is_pooled: true, ..self }
    }

    /// Interval of the mean; `None` below two values.
    pub(super) fn interval(&self) -> Option<Interval> {
        if self.count < 2 {
            return None;
        }
        let is_student = self.is_pooled || self.count < BOOTSTRAP_FROM;
        let bootstrap = if is_student { None } else { self.bootstrap() };
        let method = match bootstrap {
            Some(_) => Method::Bootstrap,
            None if self.is_pooled => Method::PooledT,
            None => Method::StudentT,
        };
        let (low, high) = bootstrap.unwrap_or_else(|| self.student());
        let unscaled = |value: f64| (value * self.scale).clamp(f64::MIN, f64::MAX);
        Some(Interval {
            estimate: unscaled(self.mean),
            low: unscaled(low.min(self.mean)),
            high: unscaled(high.max(self.mean)),
            method,
        })
    }

    fn student(&self) -> (f64, f64) {
        let quantile = student_quantile((1.0 + CONFIDENCE) / 2.0, self.freedom);
        let half_width = quantile * self.standard_error;
        (self.mean - half_width, self.mean + half_width)
    }

    fn bootstrap(&self) -> Option<(f64, f64)> {
        if self.standard_error == 0.0 {
            return Some((self.mean, self.mean));
        }
        bca(&Resamples::of(self.count), expanded(CONFIDENCE, self.count), |counts| {
            let terms =
                self.values.iter().zip(counts).map(|(value, &count)| (value * f64::from(count), count));
            let (sum, number) = terms
                .fold((0.0, 0_u32), |(sum, number), (term, count)| (sum + term, number + u32::from(count)));
            sum / f64::from(number)
        })
    }
}

/// The confidence to ask of a percentile interval of a mean, so that it covers
/// `confidence`: percentiles use the standard deviation with n in place of n − 1
/// and normal in place of Student's tails. T. Hesterberg, What Teachers Should Know
/// About the Bootstrap, The American Statistician 69, 2015, section 3.3.
fn expanded(confidence: f64, count: usize) -> f64 {
    let freedom = (count - 1) as f64;
    let quantile = student_quantile((1.0 + confidence) / 2.0, freedom) * (count as f64 / freedom).sqrt();
    2.0 * normal_cdf(quantile) - 1.0
}

#[cfg(test)]
mod tests {
    use super::{BOOTSTRAP_FROM, Method, interval};

    #[test]
    fn one_value_has_no_interval() {
        assert_eq!(interval(&[]), None);
        assert_eq!(interval(&[1.0]), None);
        assert_eq!(interval(&[1.0, f64::NAN, f64::INFINITY]), None);
    }

    #[test]
    fn equal_values_have_an_interval_of_no_width() {
        for count in [2, BOOTSTRAP_FROM] {
            let of_equal = interval(&vec![0.1; count]).unwrap();
            assert_eq!((of_equal.estimate, of_equal.low, of_equal.high), (0.1, 0.1, 0.1));
        }
        let zeros = interval(&[0.0, 0.0]).unwrap();
        assert_eq!((zeros.estimate, zeros.low, zeros.high), (0.0, 0.0, 0.0));
    }

    #[test]
    fn enormous_values_do_not_overflow() {
        let enormous = interval(&[f64::MAX, f64::MIN]).unwrap();
        assert_eq!((enormous.estimate, enormous.low, enormous.high), (0.0, f64::MIN, f64::MAX));
    }

    #[test]
    fn the_bootstrap_is_the_same_each_time() {
        let values: Vec<f64> = (0..BOOTSTRAP_FROM).map(|value| (value as f64).sqrt()).collect();
        assert_eq!(interval(&values), interval(&values));
        assert_eq!(interval(&values).unwrap().method, Method::Bootstrap);
        assert_eq!(interval(&values[1..]).unwrap().method, Method::StudentT);
    }
}
