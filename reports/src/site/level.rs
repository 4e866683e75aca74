//! How much a number is to be believed.

use super::number::Number;

/// Who has measured a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// Whoever handed it in.
    SelfReported,
    /// A second machine agrees.
    Repeated,
    /// The maintainers of the site.
    Maintainers,
}

impl Level {
    pub(super) const ALL: [Self; 3] = [Self::Maintainers, Self::Repeated, Self::SelfReported];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::SelfReported => "self-reported",
            Self::Repeated => "repeated on a second machine",
            Self::Maintainers => "run by the maintainers",
        }
    }

    pub(super) fn meaning(self) -> &'static str {
        match self {
            Self::SelfReported => "handed in by somebody, and nothing in its record speaks against it",
            Self::Repeated => {
                "on another machine the same framework, version and implementation took as many times as long as the \
                 ceiling, within both intervals and noise floors"
            }
            Self::Maintainers => "made by those who keep this site",
        }
    }
}

/// The greatest ratio of an interval's ends that says enough to agree with another.
const WIDEST: f64 = 1.5;

impl Number {
    /// Whether another one is of the same cell on another machine, and agrees.
    pub(super) fn is_repeated_by(&self, other: &Self) -> bool {
        let is_same = (
            &self.workload,
            &self.definition,
            &self.dataset,
            &self.backend,
            &self.implementation,
            &self.framework,
        ) == (
            &other.workload,
            &other.definition,
            &other.dataset,
            &other.backend,
            &other.implementation,
            &other.framework,
        ) && self.kind == other.kind;
        let (Some((low, high)), Some((others_low, others_high))) = (self.within(), other.within()) else {
            return false;
        };
        is_same && self.machine != other.machine && low <= others_high && others_low <= high
    }

    /// Where the ratio to the ceiling lies, with the noise floor; nothing where that is too wide to say much.
    fn within(&self) -> Option<(f64, f64)> {
        let interval = self.ratio?.interval?;
        let is_narrow = interval.1 <= WIDEST * interval.0;
        is_narrow.then_some((interval.0 / self.floor, interval.1 * self.floor))
    }
}
