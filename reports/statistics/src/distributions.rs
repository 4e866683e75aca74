//! The normal and Student t distributions, of which intervals and p-values are
//! made. Compared with scipy in `tests/scipy.rs`.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// What lies below `x` of the standard normal distribution.
#[must_use]
pub fn normal_cdf(x: f64) -> f64 {
    Normal::standard().cdf(x)
}

/// Below which `x` the given part of the standard normal distribution lies;
/// infinite at 0 and 1.
#[must_use]
pub fn normal_quantile(probability: f64) -> f64 {
    Normal::standard().inverse_cdf(probability.clamp(0.0, 1.0))
}

/// Below which `t` the given part of Student's distribution lies. Not finite
/// where `degrees_of_freedom` is not positive.
#[must_use]
pub fn student_quantile(probability: f64, degrees_of_freedom: f64) -> f64 {
    StudentsT::new(0.0, 1.0, degrees_of_freedom)
        .map_or(f64::INFINITY, |student| student.inverse_cdf(probability.clamp(0.0, 1.0)))
}

/// How much of Student's distribution lies at least as far from zero as `t`, on
/// both sides: the p-value of a t test. 1 where `degrees_of_freedom` is not
/// positive.
#[must_use]
pub fn student_two_sided(t: f64, degrees_of_freedom: f64) -> f64 {
    StudentsT::new(0.0, 1.0, degrees_of_freedom)
        .map_or(1.0, |student| (2.0 * student.sf(t.abs())).clamp(0.0, 1.0))
}
