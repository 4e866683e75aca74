//! Processor time of the worker and of all processes that it has started, also of those that
//! have ended.

use super::guard;
use crate::machine;
use crate::process::Family;

/// Counts from a moment on.
#[derive(Debug, Clone, Copy)]
pub(super) struct ProcessorTime {
    before: f64,
}

impl ProcessorTime {
    /// From the start of the worker on.
    pub(super) const WHOLE: Self = Self { before: 0.0 };

    /// From here on. Looking for other processes is not counted, here and below: it comes before
    /// the one moment and after the other.
    pub(super) fn start() -> Self {
        let others = others();
        Self { before: others + machine::cpu_seconds() }
    }

    /// User and system seconds until here.
    pub(super) fn seconds(self) -> f64 {
        let own = machine::cpu_seconds();
        // The system counts other processes' time in ticks.
        (own + others() - self.before).max(0.0)
    }
}

fn others() -> f64 {
    let guard = guard::of_this_worker();
    guard.map_or(0.0, |guard| Family::below(guard).cpu_seconds_besides(std::process::id()))
}
