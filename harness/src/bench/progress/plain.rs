//! Plain lines on standard error.

use trainmark_reports::record::Event;

use super::{Count, Works, audited_text, ended_text, epoch_text, gate_text, plan_text};
use crate::bench::event::{Happening, Sink};

/// A line for what a reader of a log wants to know.
#[derive(Debug, Default)]
pub(super) struct Plain {
    count: Count,
    works: Works,
}

impl Sink for Plain {
    fn hear(&mut self, happening: Happening<'_>) -> anyhow::Result<()> {
        match happening {
            Happening::Note(text) => tell!("{text}"),
            Happening::Download(_) | Happening::Build(..) => self.works.hear(happening)?,
            Happening::Unavailable(row) => tell!("{row}: unavailable: {}", row.reason),
            Happening::Pause | Happening::SoFar(_) => {}
            Happening::Checking(_) | Happening::Checked(..) | Happening::Auditing(_) => {}
            Happening::Verdict(cell, verdict) => tell!("{}", gate_text(cell, verdict)),
            Happening::Planned { .. } => {
                self.count.plan(&happening);
                plan_text(&happening).iter().for_each(|text| tell!("{text}"));
            }
            Happening::Replanned { runs, seconds } => self.count.replan(runs, seconds),
            Happening::Recorded(event) => self.recorded(event),
            Happening::Judged(_) => {}
        }
        Ok(())
    }
}

impl Plain {
    fn recorded(&mut self, event: &Event) {
        match event {
            Event::Begun(run) => self.count.begin_run(run.what.epochs),
            Event::Epoch(epoch) => {
                self.count.end_epoch(epoch.what.number);
                let (number, epochs, left) = (epoch.what.number, self.count.epochs, self.count.left_text());
                tell!("{} · epoch {number}/{epochs} · {}{left}", epoch.cell, epoch_text(&epoch.what));
            }
            Event::Ended(run) if self.count.end_run() => {
                tell!("[{}/{}] {}", self.count.done, self.count.runs, ended_text(run));
            }
            Event::Audited(run) => tell!("{}", audited_text(run)),
            _ => {}
        }
    }
}
