//! Epochs in which a worker did not run: it was stopped or throttled, or the machine slept.

use super::Warning;
use crate::record::{Cell, Epoch, Run};
use crate::statistics::median;

/// A backend on the processor computes on one thread at least: of an epoch in which less than
/// this share of one processor was busy, nobody knows where the time went.
const LEAST_BUSY: f64 = 0.5;
/// So is one of an epoch in which that many times fewer processors were busy than in the cell's
/// others, …
const FEWER: f64 = 0.6;
/// … once the first, which makes threads and memory, is over.
const WARM: u32 = 2;
/// Seconds of standing still that do not matter.
const SHORT: f64 = 0.05;

/// An epoch in which the worker stood still.
#[derive(Debug, Clone, PartialEq)]
pub struct Stall {
    /// The run's seed.
    pub seed: u64,
    /// The epoch.
    pub epoch: u32,
    /// Its seconds.
    pub seconds: f64,
    /// Its seconds in which nothing was computed, about.
    pub idle: f64,
}

/// Says so when a cell's worker did not run in some of its epochs. While a device computes the
/// processor may well wait.
pub(super) fn stalled(cell: &Cell, runs: &[&Run]) -> Option<Warning> {
    if !cell.device.is_cpu() {
        return None;
    }
    let epochs = || runs.iter().flat_map(|run| run.epochs.iter().map(|epoch| (run.seed, epoch)));
    let warm = epochs().filter(|(_, epoch)| epoch.number >= WARM);
    // Of a few epochs, or where all stand still alike, only the first rule tells.
    let usual = median(warm.filter_map(|(_, epoch)| busy(epoch))).unwrap_or_default();
    let stalls: Vec<Stall> = epochs().filter_map(|(seed, epoch)| stall(seed, epoch, usual)).collect();
    let worst = stalls.iter().max_by(|a, b| a.idle.total_cmp(&b.idle))?.clone();
    Some(Warning::Stalled { cell: cell.clone(), stalls: stalls.len(), epochs: epochs().count(), worst })
}

fn stall(seed: u64, epoch: &Epoch, usual: f64) -> Option<Stall> {
    let busy = busy(epoch)?;
    let is_little = busy < LEAST_BUSY || (epoch.number >= WARM && busy < FEWER * usual);
    let idle = epoch.train_seconds * (1.0 - busy / usual.max(1.0));
    (is_little && idle > SHORT).then_some(Stall {
        seed,
        epoch: epoch.number,
        seconds: epoch.train_seconds,
        idle,
    })
}

/// Processors that an epoch kept busy.
fn busy(epoch: &Epoch) -> Option<f64> {
    Some(epoch.train_cpu_seconds? / epoch.train_seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;
    use crate::record::{Device, Record};

    /// The warnings where these processors are busy in each epoch of a run, of 8.125 s but the first.
    fn told(busy: &[f64], device: &str) -> Vec<String> {
        let mut record: Record = example::record_of_one_run();
        let cell = Cell { device: Device::from(device), ..record.runs[0].cell.clone() };
        let run = &mut record.runs[0];
        run.epochs.truncate(busy.len());
        for (epoch, busy) in run.epochs.iter_mut().zip(busy) {
            epoch.train_cpu_seconds = Some(busy * epoch.train_seconds);
        }
        stalled(&cell, &[run]).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_epoch_in_which_the_worker_did_not_run_is_told() {
        assert!(told(&[1.9, 2.0, 2.0, 1.9, 2.0], "cpu").is_empty());
        assert!(told(&[0.95, 0.99, 0.99], "cpu").is_empty(), "a backend of one thread");
        assert!(told(&[1.0, 1.9, 1.9], "cpu").is_empty(), "the first makes threads");
        assert_eq!(
            told(&[1.9, 2.0, 0.2, 2.0, 2.0], "cpu"),
            ["lenet-bn handwritten/primitive@cpu: its worker did not run for 7.31 s of epoch 3 with seed 1 \
              (8.12 s): it was stopped or throttled, or the machine slept; the times of 1 of 5 epochs are too \
              long"]
        );
        assert_eq!(told(&[0.2, 0.2], "cpu").len(), 1, "throttled all the time");
        assert_eq!(told(&[1.9, 2.0, 1.0, 2.0], "cpu").len(), 1, "half of the time");
        assert!(told(&[0.2, 0.2, 0.2], "cuda:0").is_empty(), "the processor waits");
    }
}
