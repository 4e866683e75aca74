//! What the user sees while a benchmark runs: live lines on a terminal, plain
//! lines elsewhere.

mod live;
mod plain;
mod works;

use std::time::Instant;

use indicatif::ProgressDrawTarget;
use trainmark_reports::record::{Audit, Cell, Ended, Epoch, OfRun, Purpose};

use super::event::{Happening, Sink};
use crate::units;

pub use works::Works;

/// Whether standard error is a terminal with lines that can be drawn anew, and whether there is a
/// thread to do so: where processes are few, the one that moves them would panic.
fn is_live() -> bool {
    !ProgressDrawTarget::stderr().is_hidden()
        && std::thread::Builder::new().spawn(|| {}).is_ok_and(|thread| thread.join().is_ok())
}

/// What fits where standard error goes.
pub fn for_stderr() -> Box<dyn Sink> {
    if is_live() { Box::new(live::Live::new()) } else { Box::new(plain::Plain::default()) }
}

/// Runs done and to do, and what that means for the time left.
#[derive(Debug, Default)]
pub(super) struct Count {
    runs: usize,
    done: usize,
    /// Epochs of all runs, of those done, and of the one under way.
    all_epochs: u32,
    done_epochs: u32,
    epochs: u32,
    /// Epochs that have ended of the run under way, if one is.
    current: Option<u32>,
    /// Runs that had been done when the rest was last planned, when that was, and the seconds
    /// that the rest was to take.
    planned_at: usize,
    planned: Option<Instant>,
    planned_seconds: f64,
    /// Whether the plan is from the times of runs, and not from the gate's.
    is_from_runs: bool,
}

impl Count {
    pub(super) fn plan(&mut self, happening: &Happening<'_>) {
        let Happening::Planned { runs, epochs, timing, timing_epochs, seconds, .. } = *happening else {
            return;
        };
        *self = Self {
            runs,
            all_epochs: (runs - timing) as u32 * epochs + timing as u32 * timing_epochs,
            epochs,
            planned: Some(Instant::now()),
            planned_seconds: seconds,
            ..Self::default()
        };
    }

    /// A run begins, of so many epochs; as those that are planned where it does not say.
    pub(super) fn begin_run(&mut self, epochs: Option<u32>) {
        (self.current, self.epochs) = (Some(0), epochs.unwrap_or(self.epochs));
    }

    pub(super) fn replan(&mut self, runs: usize, seconds: f64) {
        self.runs = self.done + runs;
        self.planned_at = self.done;
        self.planned = Some(Instant::now());
        self.planned_seconds = seconds;
        self.is_from_runs = true;
    }

    /// Seconds left now.
    pub(super) fn seconds_left(&self) -> f64 {
        self.seconds_left_after(self.planned.map_or(0.0, |planned| planned.elapsed().as_secs_f64()))
    }

    /// Seconds left so long after the plan: of one from the gate's times, which a busy machine
    /// misses by far, at the pace of the epochs so far once there is one; else what is left of the plan.
    fn seconds_left_after(&self, elapsed: f64) -> f64 {
        let current = self.current.unwrap_or_default();
        let epochs = f64::from(self.done_epochs + current);
        if !self.is_from_runs && self.done > 0 && epochs > 0.0 {
            return elapsed / epochs * (f64::from(self.all_epochs) - epochs).max(0.0);
        }
        let partial = f64::from(current) / f64::from(self.epochs.max(1));
        let done = (self.done - self.planned_at) as f64 + partial;
        if done >= (self.runs - self.planned_at) as f64 {
            0.0
        } else {
            (self.planned_seconds - elapsed).max(0.0)
        }
    }

    /// Notes how many epochs of it have ended.
    pub(super) fn end_epoch(&mut self, number: u32) {
        self.current = Some(number);
    }

    /// Runs that are still to come.
    pub(super) fn runs_left(&self) -> usize {
        self.runs.saturating_sub(self.done)
    }

    /// Counts a run that has ended. Where runs are faster than planned the budget has room for
    /// more of them. Returns whether there was one: a cell that the gate has stopped ends
    /// without, and is told of already.
    pub(super) fn end_run(&mut self) -> bool {
        let ended = self.current.take();
        let is_run = ended.is_some();
        self.done += usize::from(is_run);
        self.done_epochs += ended.unwrap_or_default();
        self.runs = self.runs.max(self.done);
        is_run
    }

    /// ` · 12 s left`, or nothing where nothing is left.
    fn left_text(&self) -> String {
        let left = self.seconds_left();
        if left < 0.05 { String::new() } else { format!(" · {} left", units::seconds(left)) }
    }
}

fn epoch_text(epoch: &Epoch) -> String {
    let loss = epoch.train_loss.map_or_else(|| "not finite".to_owned(), |loss| format!("{loss:.4}"));
    format!(
        "{} · loss {loss} · train {:.1} % · test {:.1} %",
        units::seconds(epoch.train_seconds),
        100.0 * epoch.train_accuracy.unwrap_or(f64::NAN),
        100.0 * epoch.test_accuracy.unwrap_or(f64::NAN)
    )
}

pub(super) fn ended_text(run: &OfRun<Ended>) -> String {
    let how = run.what.end.outcome.with_reason(run.what.end.reason.as_deref());
    format!("{} · {} · {how}", run.cell, seed_text(run.seed, run.purpose))
}

/// `seed 2`, and why it is run again if it is.
fn seed_text(seed: u64, purpose: Purpose) -> String {
    match purpose {
        Purpose::Sample => format!("seed {seed}"),
        Purpose::Timing => format!("seed {seed}, for time only"),
        Purpose::Repeat => {
            format!("seed {seed} once more, for the noise floor: what two runs of the same differ by")
        }
        Purpose::Drift => format!("seed {seed} once more, for the drift since the first run"),
    }
}

/// Runs that are planned, in words: `20 runs of 5 epochs, 24 of 2, 12 audits, about 9 min 3 s`.
fn plan_text(happening: &Happening<'_>) -> Option<String> {
    let Happening::Planned { runs, epochs, timing, timing_epochs, audits, seconds } = *happening else {
        return None;
    };
    let of = |runs: usize, epochs: u32| {
        let (runs, epochs) = (units::count(runs, "run"), units::count(epochs as usize, "epoch"));
        format!("{runs} of {epochs}")
    };
    let mut parts: Vec<String> = Vec::new();
    parts.extend((runs > timing || timing == 0).then(|| of(runs - timing, epochs)));
    parts.extend((timing > 0).then(|| format!("{} for time only", of(timing, timing_epochs))));
    parts.extend((audits > 0).then(|| units::count(audits, "audit")));
    Some(format!("{}, about {}", parts.join(", "), units::seconds(seconds)))
}

fn audited_text(run: &OfRun<Audit>) -> String {
    let Audit { epoch, outcome, reason, seconds, .. } = &run.what;
    let how = outcome.with_reason(reason.as_deref());
    format!(
        "{} · audit of epoch {epoch} of seed {}, {} · {how}",
        run.cell,
        run.seed,
        units::seconds(*seconds)
    )
}

fn gate_text(cell: &Cell, verdict: &Result<usize, String>) -> String {
    match verdict {
        Ok(checks) => format!("{cell}: computes the same function ({checks} checks)"),
        Err(reason) => format!("{cell}: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_follows_the_runs() {
        let mut count = Count::default();
        let (runs, timing, audits, seconds) = (10, 5, 0, 100.0);
        count.plan(&Happening::Planned { runs, epochs: 5, timing, timing_epochs: 2, audits, seconds });
        assert_eq!(count.seconds_left_after(4.0), 96.0, "as planned until a run has ended");
        assert!(!count.end_run(), "none was under way");
        for _ in 0..2 {
            count.begin_run(Some(5));
            count.current = Some(5);
            assert!(count.end_run());
        }
        assert_eq!(count.seconds_left_after(60.0), 150.0, "25 more epochs at 6 s each");
        // A round later its times are known, and the budget has room for fewer.
        count.replan(4, 150.0);
        assert_eq!(count.runs, 6);
        count.begin_run(Some(2));
        count.current = Some(1);
        assert_eq!(count.seconds_left_after(20.0), 130.0, "cells differ: the forecast, not the pace");
        for _ in 0..4 {
            count.begin_run(None);
            count.end_run();
        }
        assert_eq!(count.seconds_left_after(20.0), 0.0);
    }
}
