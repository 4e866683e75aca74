//! Live lines on a terminal: one per cell, and one for the whole.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use trainmark_reports::record::{Cell, Event};

use super::{Count, Works, audited_text, ended_text, epoch_text, gate_text, plan_text, seed_text};
use crate::bench::event::{Happening, Sink};

/// A line per cell that has passed the gate, and below them what is under way.
pub(super) struct Live {
    lines: MultiProgress,
    cells: Vec<(Cell, ProgressBar)>,
    whole: ProgressBar,
    count: Count,
    works: Works,
}

impl Live {
    pub(super) fn new() -> Self {
        let lines = MultiProgress::new();
        let whole = lines.add(ProgressBar::new_spinner());
        whole.enable_steady_tick(Duration::from_millis(120));
        let works = Works::live(lines.clone());
        Self { lines, cells: Vec::new(), whole, count: Count::default(), works }
    }

    /// Prints a line that stays above the live ones.
    fn keep(&self, text: &str) {
        // A terminal that is gone leaves nobody to tell.
        let _ = self.lines.println(text);
    }

    fn add_cell(&mut self, cell: &Cell) {
        let line = self.lines.insert_before(&self.whole, ProgressBar::new_spinner());
        // The template is ours and well-formed; the default style would do as well.
        if let Ok(style) = ProgressStyle::with_template("  {prefix} {msg}") {
            line.set_style(style);
        }
        line.set_prefix(format!("{:<36}", cell.to_string()));
        line.set_message("waiting");
        self.cells.push((cell.clone(), line));
    }

    fn set_cell(&self, cell: &Cell, text: String) {
        if let Some((_, line)) = self.cells.iter().find(|(known, _)| known == cell) {
            line.set_message(text);
        }
    }

    fn set_whole(&self) {
        let Count { done, runs, .. } = self.count;
        let left = self.count.left_text();
        self.whole.set_message(format!("{done} of {runs} runs{left}"));
    }

    fn recorded(&mut self, event: &Event) {
        match event {
            Event::Begun(run) => {
                self.count.begin_run(run.what.epochs);
                let epochs = self.count.epochs;
                self.set_cell(&run.cell, format!("{} · epoch 1/{epochs}", seed_text(run.seed, run.purpose)));
            }
            Event::Epoch(epoch) => {
                let (number, epochs) = (epoch.what.number, self.count.epochs);
                self.count.end_epoch(number);
                self.set_cell(&epoch.cell, format!("epoch {number}/{epochs} · {}", epoch_text(&epoch.what)));
            }
            Event::Ended(run) if self.count.end_run() => self.keep(&ended_text(run)),
            Event::Audited(run) => return self.keep(&audited_text(run)),
            Event::Finished { .. } => return self.clear(),
            _ => return,
        }
        self.set_whole();
    }

    fn clear(&self) {
        self.cells.iter().for_each(|(_, line)| line.finish_and_clear());
        self.whole.finish_and_clear();
    }
}

impl Sink for Live {
    fn hear(&mut self, happening: Happening<'_>) -> anyhow::Result<()> {
        match happening {
            Happening::Recorded(event) => self.recorded(event),
            Happening::Note(text) => self.keep(text),
            Happening::Pause | Happening::SoFar(_) => {}
            Happening::Download(_) => self.works.hear(happening)?,
            Happening::Build(..) => {
                self.works.hear(happening)?;
                self.whole.set_message("building what is missing or stale");
            }
            Happening::Unavailable(row) => self.keep(&format!("✗ {row}: unavailable: {}", row.reason)),
            Happening::Checking(cell) => self.whole.set_message(format!("checking {cell}")),
            Happening::Auditing(cell) => self.whole.set_message(format!("auditing {cell}")),
            Happening::Checked(cell, check) => {
                self.whole.set_message(format!("checking {cell}: {}", check.name));
            }
            Happening::Verdict(cell, verdict) => {
                let mark = if verdict.is_ok() { '✓' } else { '✗' };
                self.keep(&format!("{mark} {}", gate_text(cell, verdict)));
                if verdict.is_ok() {
                    self.add_cell(cell);
                }
            }
            Happening::Planned { .. } => {
                self.count.plan(&happening);
                plan_text(&happening).iter().for_each(|text| self.keep(text));
                self.set_whole();
            }
            Happening::Replanned { runs, seconds } => {
                self.count.replan(runs, seconds);
                self.set_whole();
            }
            Happening::Judged(_) => {}
        }
        Ok(())
    }
}

/// What ends before its last event leaves no line behind.
impl Drop for Live {
    fn drop(&mut self) {
        self.clear();
    }
}
