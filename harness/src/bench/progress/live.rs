//! Live lines on a terminal: one per cell, and one for the whole.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use trainmark_reports::record::{Cell, CheckRecord, Purpose, Run, Unavailable};

use super::builds::{BuildView, LiveBuilds};
use super::{Count, Progress, ended_text, epoch_text, gate_text, plan_text, seed_text};
use crate::bench::unavailable_name;
use crate::registry::build::{BuildEvent, Recipe};
use crate::worker::protocol::EpochMessage;

/// A line per cell that has passed the gate, and below them what is under way.
pub(super) struct Live {
    lines: MultiProgress,
    cells: Vec<(Cell, ProgressBar)>,
    whole: ProgressBar,
    count: Count,
    builds: LiveBuilds,
}

impl Live {
    pub(super) fn new() -> Self {
        let lines = MultiProgress::new();
        let whole = lines.add(ProgressBar::new_spinner());
        whole.enable_steady_tick(Duration::from_millis(120));
        let builds = LiveBuilds::new(lines.clone());
        Self { lines, cells: Vec::new(), whole, count: Count::default(), builds }
    }

    /// Prints a line that stays above the live ones.
    fn keep(&self, text: &str) {
        // A terminal that is gone leaves nobody to tell.
        let _ = self.lines.println(text);
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
}

impl Progress for Live {
    fn note(&mut self, text: &str) {
        self.keep(text);
    }

    fn build(&mut self, recipe: &Recipe, event: &BuildEvent) {
        self.builds.hear(recipe, event);
        self.whole.set_message("building what is missing or stale");
    }

    fn unavailable(&mut self, row: &Unavailable) {
        self.keep(&format!("✗ {}: unavailable: {}", unavailable_name(row), row.reason));
    }

    fn checking(&mut self, cell: &Cell) {
        self.whole.set_message(format!("checking {cell}"));
    }

    fn checked(&mut self, cell: &Cell, check: &CheckRecord) {
        self.whole.set_message(format!("checking {cell}: {}", check.name));
    }

    fn gate(&mut self, cell: &Cell, verdict: &Result<usize, String>) {
        let mark = if verdict.is_ok() { '✓' } else { '✗' };
        self.keep(&format!("{mark} {}", gate_text(cell, verdict)));
        if verdict.is_ok() {
            let line = self.lines.insert_before(&self.whole, ProgressBar::new_spinner());
            // The template is ours and well-formed; the default style would do as well.
            if let Ok(style) = ProgressStyle::with_template("  {prefix} {msg}") {
                line.set_style(style);
            }
            line.set_prefix(format!("{:<36}", cell.to_string()));
            line.set_message("waiting");
            self.cells.push((cell.clone(), line));
        }
    }

    fn plan(&mut self, runs: usize, epochs: u32, estimate_seconds: f64) {
        self.count.plan(runs, epochs, estimate_seconds);
        self.keep(&plan_text(runs, epochs, estimate_seconds));
        self.set_whole();
    }

    fn replan(&mut self, runs: usize, seconds: f64) {
        self.count.replan(runs, seconds);
        self.set_whole();
    }

    fn begun(&mut self, cell: &Cell, seed: u64, purpose: Purpose) {
        self.count.current_epoch = 0;
        self.set_cell(cell, format!("{} · epoch 1/{}", seed_text(seed, purpose), self.count.epochs));
        self.set_whole();
    }

    fn epoch(&mut self, cell: &Cell, epoch: &EpochMessage) {
        self.count.current_epoch = epoch.epoch;
        self.set_cell(cell, format!("epoch {}/{} · {}", epoch.epoch, self.count.epochs, epoch_text(epoch)));
        self.set_whole();
    }

    fn ended(&mut self, run: &Run) {
        self.count.end_run();
        self.keep(&ended_text(run));
        self.set_whole();
    }

    fn finished(&mut self) {
        for (_, line) in &self.cells {
            line.finish_and_clear();
        }
        self.whole.finish_and_clear();
    }
}
