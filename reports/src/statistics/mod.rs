//! What may be said of values measured with a few seeds: intervals, p-values and
//! verdicts. Plain numbers in, results out.

pub mod bootstrap;
mod comparison;
pub mod distributions;
mod interval;
mod noise;
mod running_time;
mod significance;

pub use comparison::{Comparison, Verdict, compare, difference, judge, judge_differences};
pub use interval::{BOOTSTRAP_FROM, CONFIDENCE, Interval, Method, interval};
pub use noise::noise_floor;
pub use running_time::expected_running_time;
pub use significance::{holm, sign_test};
