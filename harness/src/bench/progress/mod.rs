//! What the user sees while a benchmark runs: live lines on a terminal, plain
//! lines elsewhere.

mod builds;
mod live;

use trainmark_reports::record::{Cell, CheckRecord, Purpose, Run, Unavailable};

use super::unavailable_name;
use crate::registry::build::{BuildEvent, Recipe};
use crate::units;
use crate::worker::protocol::EpochMessage;

use builds::PlainBuilds;

/// Shows how far a benchmark is.
pub trait Progress {
    /// A line that stays.
    fn note(&mut self, text: &str);
    /// How the build of a backend goes.
    fn build(&mut self, recipe: &Recipe, event: &BuildEvent);
    /// A backend cannot be used.
    fn unavailable(&mut self, row: &Unavailable);
    /// The gate of a cell begins.
    fn checking(&mut self, cell: &Cell);
    /// A check of the gate ended.
    fn checked(&mut self, cell: &Cell, check: &CheckRecord);
    /// The gate of a cell has ended.
    fn gate(&mut self, cell: &Cell, verdict: &Result<usize, String>);
    /// Timed runs begin: this many, each of so many epochs.
    fn plan(&mut self, runs: usize, epochs: u32, estimate_seconds: f64);
    /// What is left, now that earlier runs have shown how long one takes.
    fn replan(&mut self, runs: usize, seconds: f64);
    /// A run begins.
    fn begun(&mut self, cell: &Cell, seed: u64, purpose: Purpose);
    /// An epoch of it ended.
    fn epoch(&mut self, cell: &Cell, epoch: &EpochMessage);
    /// A run ended.
    fn ended(&mut self, run: &Run);
    /// Nothing more will come.
    fn finished(&mut self);
}

pub use builds::{BuildView, builds_for_stderr};

/// The progress that fits where standard error goes.
pub fn for_stderr() -> Box<dyn Progress> {
    if std::io::IsTerminal::is_terminal(&std::io::stderr()) {
        Box::new(live::Live::new())
    } else {
        Box::new(Plain::default())
    }
}

/// Runs done and to do, and what that means for the time left.
#[derive(Debug, Default)]
struct Count {
    runs: usize,
    done: usize,
    epochs: u32,
    current_epoch: u32,
    /// Runs that had been done when the rest was last planned, when that was, and the seconds
    /// that the rest was to take.
    planned_at: usize,
    planned: Option<std::time::Instant>,
    planned_seconds: f64,
    /// Whether the plan is from the times of runs, and not from the gate's.
    is_from_runs: bool,
}

impl Count {
    fn plan(&mut self, runs: usize, epochs: u32, estimate_seconds: f64) {
        *self = Self {
            runs,
            epochs,
            planned: Some(std::time::Instant::now()),
            planned_seconds: estimate_seconds,
            ..Self::default()
        };
    }

    fn replan(&mut self, runs: usize, seconds: f64) {
        self.runs = self.done + runs;
        self.planned_at = self.done;
        self.planned = Some(std::time::Instant::now());
        self.planned_seconds = seconds;
        self.is_from_runs = true;
    }

    fn seconds_left(&self) -> f64 {
        self.seconds_left_after(self.planned.map_or(0.0, |planned| planned.elapsed().as_secs_f64()))
    }

    /// Seconds left so long after the plan: of one from the gate's times, which a busy machine
    /// misses by far, at the pace so far once there is one; else what is left of the plan.
    fn seconds_left_after(&self, elapsed: f64) -> f64 {
        let partial = f64::from(self.current_epoch) / f64::from(self.epochs.max(1));
        let done = (self.done - self.planned_at) as f64 + partial;
        let all = (self.runs - self.planned_at) as f64;
        if !self.is_from_runs && done >= 1.0 {
            return elapsed / done * (all - done);
        }
        if done >= all { 0.0 } else { (self.planned_seconds - elapsed).max(0.0) }
    }

    /// Counts a run that has ended. Where runs are faster than planned the budget has room for
    /// more of them.
    fn end_run(&mut self) {
        self.done += 1;
        self.runs = self.runs.max(self.done);
        self.current_epoch = 0;
    }

    /// ` · 12 s left`, or nothing where nothing is left.
    fn left_text(&self) -> String {
        let left = self.seconds_left();
        if left < 0.05 { String::new() } else { format!(" · {} left", units::seconds(left)) }
    }
}

fn epoch_text(epoch: &EpochMessage) -> String {
    let loss = epoch.train_loss.map_or_else(|| "not finite".to_owned(), |loss| format!("{loss:.4}"));
    format!(
        "{} · loss {loss} · train {:.1} % · test {:.1} %",
        units::seconds(epoch.train_seconds),
        100.0 * epoch.train_accuracy,
        100.0 * epoch.test_accuracy
    )
}

fn ended_text(run: &Run) -> String {
    let how = run.end.outcome.with_reason(run.end.reason.as_deref());
    format!("{} · {} · {how}", run.cell, seed_text(run.seed, run.purpose))
}

/// `seed 2`, and why it is run again if it is.
fn seed_text(seed: u64, purpose: Purpose) -> String {
    match purpose {
        Purpose::Sample => format!("seed {seed}"),
        Purpose::Repeat => format!("seed {seed} once more, for the noise floor"),
        Purpose::Drift => format!("seed {seed} once more, for the drift since the first run"),
    }
}

fn plan_text(runs: usize, epochs: u32, estimate_seconds: f64) -> String {
    let (runs, epochs) = (units::count(runs, "run"), units::count(epochs as usize, "epoch"));
    format!("{runs} of {epochs} each, about {}", units::seconds(estimate_seconds))
}

fn gate_text(cell: &Cell, verdict: &Result<usize, String>) -> String {
    match verdict {
        Ok(checks) => format!("{cell}: computes the same function ({checks} checks)"),
        Err(reason) => format!("{cell}: {reason}"),
    }
}

/// Plain lines on standard error.
#[derive(Debug, Default)]
pub struct Plain {
    count: Count,
    builds: PlainBuilds,
}

impl Progress for Plain {
    fn note(&mut self, text: &str) {
        tell!("{text}");
    }

    fn build(&mut self, recipe: &Recipe, event: &BuildEvent) {
        self.builds.hear(recipe, event);
    }

    fn unavailable(&mut self, row: &Unavailable) {
        tell!("{}: unavailable: {}", unavailable_name(row), row.reason);
    }

    fn checking(&mut self, _cell: &Cell) {}

    fn checked(&mut self, _cell: &Cell, _check: &CheckRecord) {}

    fn gate(&mut self, cell: &Cell, verdict: &Result<usize, String>) {
        tell!("{}", gate_text(cell, verdict));
    }

    fn plan(&mut self, runs: usize, epochs: u32, estimate_seconds: f64) {
        self.count.plan(runs, epochs, estimate_seconds);
        tell!("{}", plan_text(runs, epochs, estimate_seconds));
    }

    fn replan(&mut self, runs: usize, seconds: f64) {
        self.count.replan(runs, seconds);
    }

    fn begun(&mut self, _cell: &Cell, _seed: u64, _purpose: Purpose) {
        self.count.current_epoch = 0;
    }

    fn epoch(&mut self, cell: &Cell, epoch: &EpochMessage) {
        self.count.current_epoch = epoch.epoch;
        let left = self.count.left_text();
        tell!("{cell} · epoch {}/{} · {}{left}", epoch.epoch, self.count.epochs, epoch_text(epoch));
    }

    fn ended(&mut self, run: &Run) {
        self.count.end_run();
        tell!("[{}/{}] {}", self.count.done, self.count.runs, ended_text(run));
    }

    fn finished(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_follows_the_runs() {
        let mut count = Count::default();
        count.plan(10, 5, 100.0);
        assert_eq!(count.seconds_left_after(4.0), 96.0, "as planned until a run has ended");
        for _ in 0..2 {
            count.end_run();
        }
        assert_eq!(count.seconds_left_after(60.0), 240.0, "eight more at 30 s each");
        // A round later its times are known, and the budget has room for fewer.
        count.replan(4, 150.0);
        assert_eq!(count.runs, 6);
        count.current_epoch = 5;
        assert_eq!(count.seconds_left_after(20.0), 130.0, "cells differ: the forecast, not the pace");
        for _ in 0..4 {
            count.end_run();
        }
        assert_eq!(count.seconds_left_after(20.0), 0.0);
    }
}
