//! What may be said of values measured with a few seeds: intervals, p-values and
//! verdicts. Plain numbers in, results out; checked against scipy and statsmodels
//! in `tests/scipy.rs` and by simulation in `tests/calibration.rs`.
//!
//! # Which interval
//! Cells are compared by the ratio of each seed's pair of values, and by the
//! geometric mean of these ratios. Its interval is Student's t on the logarithms
//! below [`BOOTSTRAP_FROM`] seeds, and from there on the BCa bootstrap, expanded as
//! Hesterberg says. The estimate is the same on both sides. It is not the ratio of
//! the two medians, though near it.
//!
//! The ratio of medians was meant first. `examples/calibration.rs` compares the
//! ways to an interval, by how many of the 95% intervals hold the true ratio, in
//! per cent. Noise of 2% from run to run, 10% from seed to seed shared by a pair;
//! log-normal, and in brackets with tails of Student's t of 4 degrees:
//!
//! | seeds | Student's t | BCa, ratio of medians | BCa, median of ratios | BCa, geometric mean | expanded BCa, geometric mean |
//! |--:|--:|--:|--:|--:|--:|
//! | 2 | 95.7 (95.9) | 48.8 (50.6) | 48.8 (50.6) | 48.8 (50.6) | 40.3 (40.7) |
//! | 3 | 95.1 (95.8) | 61.1 (62.4) | 74.3 (75.0) | 71.6 (71.9) | 74.3 (75.0) |
//! | 5 | 94.7 (96.3) | 76.0 (74.5) | 93.8 (94.2) | 83.5 (82.8) | 91.7 (91.6) |
//! | 7 | 95.0 (95.4) | 79.2 (78.3) | 87.9 (87.7) | 87.5 (85.6) | 93.5 (92.8) |
//! | 10 | 95.1 (94.7) | 84.2 (82.9) | 93.9 (92.9) | 90.2 (88.3) | 94.7 (93.0) |
//! | 15 | 95.1 (95.2) | 84.6 (83.5) | 92.5 (92.1) | 91.3 (89.8) | 94.6 (92.8) |
//! | 20 | 95.1 (95.1) | 87.7 (87.6) | 93.8 (93.6) | 92.5 (91.1) | 94.7 (93.3) |
//! | 30 | 95.0 (94.9) | 89.5 (88.9) | 93.9 (94.2) | 93.6 (91.7) | 94.8 (93.1) |
//! | 50 | 94.5 (94.7) | 91.8 (91.3) | 94.7 (94.6) | 93.8 (92.3) | 94.4 (93.3) |
//!
//! - The ratio of medians divides values of different seeds, so that the seeds'
//!   own differences enter: too narrow at every number of seeds, and yet twice as
//!   wide as the others. Where seeds do not differ it covers from 10 seeds on.
//! - The median of ratios has few different resamples, which helps with 5 seeds and
//!   hurts with 7 or 15. Where only one cell is slowed it means something else.
//! - The expanded bootstrap covers 93 to 97% of both shapes from 30 seeds on.
//!
//! Where noise only slows, and only one of the cells (exponential noise), Student's
//! t covers 90 to 92% with 3 to 15 seeds, and of families of 7 comparisons without
//! a difference up to 20% have a verdict, instead of 5%. The noise floor of A/A
//! pairs stands against that: see [`judge`].
//!
//! # p-values
//! From the paired t test on logarithms, at every number of seeds, corrected by
//! [`holm`]. A verdict needs both the p-value and the interval. Tests that flip
//! signs cannot reach 0.05 with fewer than 6 seeds.
//!
//! # Values that do not differ
//! Pairs with the very same ratio have the interval \[r, r\], and since t is
//! infinite there, the sign test's p-value: 1 where r is 1, else 2 × 0.5ⁿ. So 3
//! against 2 epochs for each of two seeds is no verdict yet.

pub mod bootstrap;
mod comparison;
pub mod distributions;
mod interval;
mod median;
mod noise;
mod residual;
mod rounds;
mod running_time;
mod significance;

pub use comparison::{
    Comparison, Verdict, compare, difference, geometric_interval, judge, judge_differences,
};
pub use interval::{BOOTSTRAP_FROM, CONFIDENCE, Interval, Method, interval};
pub use median::median;
pub use noise::noise_floor;
pub use rounds::{Pooled, Rounds, SHARED_FREEDOM};
pub use running_time::expected_running_time;
pub use significance::{holm, sign_test};
