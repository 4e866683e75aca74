//! What a screen shows of rounds on a cluster: many go on at once, so that it is told what has ended,
//! and not each epoch.

use trainmark_reports::record::{Event, Purpose};

use crate::bench::event::{Happening, Sink};
use crate::bench::progress::ended_text;

/// A screen that hears of ends.
pub(in crate::bench) struct Lines<'s> {
    screen: &'s mut dyn Sink,
    /// Runs that were planned, of each cell and seed.
    planned: usize,
    ended: usize,
}

impl<'s> Lines<'s> {
    /// Before a screen, in a benchmark of so many runs, of which some have ended before.
    pub(in crate::bench) fn new(screen: &'s mut dyn Sink, planned: usize, ended: usize) -> Self {
        Self { screen, planned, ended }
    }
}

impl Sink for Lines<'_> {
    fn hear(&mut self, happening: Happening<'_>) -> anyhow::Result<()> {
        match happening {
            Happening::Recorded(Event::Ended(run)) => {
                let is_sample = matches!(run.purpose, Purpose::Sample | Purpose::Timing);
                let is_made = !run.what.end.outcome.is_not_made();
                self.ended += usize::from(is_sample && is_made);
                let text = format!("[{}/{}] {}", self.ended, self.planned, ended_text(run));
                self.screen.hear(Happening::Note(&text))
            }
            Happening::Recorded(Event::Audited(_)) => self.screen.hear(happening),
            Happening::Recorded(_) | Happening::SoFar(_) => Ok(()),
            other => self.screen.hear(other),
        }
    }
}
