//! Time that counts for a limit.

use std::time::{Duration, Instant};

/// Counts the time in which this process ran: while it is stopped, as by Ctrl-Z, what it has
/// started is, too, and nobody is late.
pub(crate) struct Stopwatch {
    last: Instant,
    counted: Duration,
}

impl Stopwatch {
    /// Longest time between two looks that is taken for running.
    const LONGEST_STEP: Duration = Duration::from_secs(1);

    pub(crate) fn start() -> Self {
        Self { last: Instant::now(), counted: Duration::ZERO }
    }

    /// Looks at the time, which must be done more often than once a second; what counts of it.
    pub(crate) fn tick(&mut self) -> Duration {
        self.pass_until(Instant::now());
        self.counted
    }

    /// What counted at the last look.
    pub(crate) fn counted(&self) -> Duration {
        self.counted
    }

    fn pass_until(&mut self, now: Instant) {
        self.counted += now.duration_since(self.last).min(Self::LONGEST_STEP);
        self.last = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_in_which_this_process_was_stopped_does_not_count() {
        let mut stopwatch = Stopwatch::start();
        let start = stopwatch.last;
        stopwatch.pass_until(start + Duration::from_millis(20));
        stopwatch.pass_until(start + Duration::from_secs(3600));
        stopwatch.pass_until(start + Duration::from_secs(3600) + Duration::from_millis(20));
        assert_eq!(stopwatch.counted(), Stopwatch::LONGEST_STEP + Duration::from_millis(40));
    }
}
