//! Which cells of a row are fastest, as far as their intervals tell.

use super::OperationTime;

/// An interval is of one process; the same operation in two processes differs by up
/// to so much more (`docs/method.md` has the measurement).
const BETWEEN_PROCESSES: f64 = 1.15;

/// How a time stands against the others of its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rank {
    /// Its interval lies clearly below all others.
    Fastest,
    /// No interval lies clearly below its own.
    AmongFastest,
    /// Another is faster, or there is none to compare with.
    Other,
}

impl Rank {
    /// What the reader is told; nothing of [`Rank::Other`].
    pub fn words(self) -> Option<&'static str> {
        match self {
            Self::Fastest => Some("fastest"),
            Self::AmongFastest => Some("among the fastest"),
            Self::Other => None,
        }
    }
}

/// The rank of every time of a row; a lone time has none.
pub fn ranks(times: &[Option<OperationTime>]) -> Vec<Rank> {
    let measured: Vec<&OperationTime> = times.iter().flatten().collect();
    let lowest = measured.iter().map(|time| BETWEEN_PROCESSES * time.high.max(0.0)).reduce(f64::min);
    let (Some(lowest), true) = (lowest, measured.len() > 1) else {
        return vec![Rank::Other; times.len()];
    };
    let first = match measured.iter().filter(|time| time.low <= lowest).count() {
        1 => Rank::Fastest,
        _ => Rank::AmongFastest,
    };
    let is_first = times.iter().map(|time| time.is_some_and(|time| time.low <= lowest));
    is_first.map(|is_first| if is_first { first } else { Rank::Other }).collect()
}
