//! What the user sees while a benchmark runs: live lines on a terminal, plain
//! lines elsewhere.

mod builds;
mod live;

use trainmark_reports::record::{Cell, CheckRecord, Purpose, RunRecord, Unavailable};

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
    /// A run begins.
    fn begun(&mut self, cell: &Cell, seed: u64, purpose: Purpose);
    /// An epoch of it ended.
    fn epoch(&mut self, cell: &Cell, epoch: &EpochMessage);
    /// A run ended.
    fn ended(&mut self, run: &RunRecord);
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
    run_seconds: f64,
    current_epoch: u32,
    started: Option<std::time::Instant>,
}

impl Count {
    fn plan(&mut self, runs: usize, epochs: u32, estimate_seconds: f64) {
        let run_seconds = estimate_seconds / runs.max(1) as f64;
        *self =
            Self { runs, epochs, run_seconds, started: Some(std::time::Instant::now()), ..Self::default() };
    }

    /// Seconds left, by the pace so far once there is one.
    fn seconds_left(&self) -> f64 {
        let partial = f64::from(self.current_epoch) / f64::from(self.epochs.max(1));
        let done = self.done as f64 + partial;
        let left = self.runs as f64 - done;
        let elapsed = self.started.map_or(0.0, |start| start.elapsed().as_secs_f64());
        if done >= 1.0 { elapsed / done * left } else { self.run_seconds * left }
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

fn ended_text(run: &RunRecord) -> String {
    let reason = run.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("{} · {} · {}{reason}", run.cell, seed_text(run.seed, run.purpose), run.outcome.name())
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

    fn begun(&mut self, _cell: &Cell, _seed: u64, _purpose: Purpose) {
        self.count.current_epoch = 0;
    }

    fn epoch(&mut self, cell: &Cell, epoch: &EpochMessage) {
        self.count.current_epoch = epoch.epoch;
        let left = self.count.left_text();
        tell!("{cell} · epoch {}/{} · {}{left}", epoch.epoch, self.count.epochs, epoch_text(epoch));
    }

    fn ended(&mut self, run: &RunRecord) {
        self.count.end_run();
        tell!("[{}/{}] {}", self.count.done, self.count.runs, ended_text(run));
    }

    fn finished(&mut self) {}
}
