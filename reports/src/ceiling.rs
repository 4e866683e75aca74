//! The ceiling: what the processor reaches at most, the work of an epoch, and how
//! much of the one a time for the other is.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::number::{count, seconds, significant};
use crate::record::{Cell, Started, WorkloadInfo};

/// What part of the best count of the peak the median one is where nobody else computes.
const STEADY: f64 = 0.8;

/// The most float32 operations per second that were measured of a processor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Peak {
    /// Floating-point operations per second, two to a multiply-add, of all threads.
    pub operations_per_second: f64,
    /// Threads that computed at once.
    pub threads: usize,
    /// What they computed with, such as `AVX2, fused multiply-add`.
    pub instructions: String,
    /// The median of the counts of which the most is the best: far below that where others
    /// take processors in between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub median_operations_per_second: Option<f64>,
}

impl Peak {
    /// What part of the best the median count is; `None` where it is not known.
    pub fn steadiness(&self) -> Option<f64> {
        let share = self.median_operations_per_second? / self.operations_per_second;
        share.is_finite().then_some(share)
    }

    /// Whether the counts were as near to each other as where nobody else computes; `None` where
    /// that is not known.
    pub fn is_steady(&self) -> Option<bool> {
        self.steadiness().map(|share| share >= STEADY)
    }
}

impl fmt::Display for Peak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} GFLOP/s in float32 on {} ({})",
            significant(self.operations_per_second / 1e9),
            count(self.threads, "thread"),
            self.instructions
        )
    }
}

/// Floating-point operations of one epoch, two to a multiply-add.
fn operations_per_epoch(started: &Started, workload: &WorkloadInfo) -> f64 {
    let samples = workload.samples.unwrap_or(started.plan.dataset.train_samples);
    2.0 * workload.multiply_adds_per_sample as f64 * samples as f64
}

/// What part of the peak an epoch of a cell in `epoch_seconds` is, in per cent.
/// `None` where no peak was measured of the cell's device and threads, or the
/// workload's work is not known.
pub fn percent_of_peak(started: &Started, cell: &Cell, epoch_seconds: f64) -> Option<f64> {
    let peak = started.environment_of(cell).peak.as_ref()?;
    let workload = started.plan.workload(&cell.workload)?;
    let is_of_cell = cell.device.is_cpu() && cell.threads == peak.threads;
    let percent =
        100.0 * operations_per_epoch(started, workload) / epoch_seconds / peak.operations_per_second;
    (is_of_cell && percent.is_finite() && percent > 0.0).then_some(percent)
}

/// The ceiling in words: the peak, and per workload the work and its least time.
pub(crate) fn paragraph(started: &Started) -> Option<String> {
    let peak = started.environment.peak.as_ref()?;
    let mut text = format!(
        "With nothing but multiply-adds in registers, the processor was measured to reach {peak}. At that rate, "
    );
    let known = started.plan.workloads.iter().filter(|workload| workload.multiply_adds_per_sample > 0);
    let floors = known.map(|workload| {
        let operations = operations_per_epoch(started, workload);
        format!(
            "an epoch of {}, {} GFLOP in convolutions and linear layers, takes {}",
            workload.name,
            significant(operations / 1e9),
            seconds(operations / peak.operations_per_second)
        )
    });
    let floors: Vec<String> = floors.collect();
    text += &floors.join("; ");
    text +=
        ". No framework must reach it: all other layers come on top, and memory is slower than registers.";
    (!floors.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;
    use crate::record::Device;

    #[test]
    fn the_ceiling_in_words() {
        assert_eq!(
            paragraph(&example::started()).unwrap(),
            "With nothing but multiply-adds in registers, the processor was measured to reach 96.0 GFLOP/s in \
             float32 on 2 threads (AVX2, fused multiply-add). At that rate, an epoch of lenet-bn, 101 GFLOP in \
             convolutions and linear layers, takes 1.06 s; an epoch of lenet, 101 GFLOP in convolutions and \
             linear layers, takes 1.06 s. No framework must reach it: all other layers come on top, and memory \
             is slower than registers."
        );
    }

    #[test]
    fn an_epoch_in_the_least_time_is_all_of_the_peak() {
        let mut started = example::started();
        started.plan.workloads[0].multiply_adds_per_sample = 758_520;
        let cell = example::cell("lenet-bn", "handwritten", "primitive");
        let least = 2.0 * 758_520.0 * 60_000.0 / 96e9;
        let percent = |cell: &Cell, seconds| percent_of_peak(&started, cell, seconds);
        assert!((percent(&cell, least).unwrap() - 100.0).abs() < 1e-9);
        assert!((percent(&cell, 4.0 * least).unwrap() - 25.0).abs() < 1e-9);
        assert_eq!(percent(&cell, 0.0), None, "a time that is none");
    }

    #[test]
    fn a_peak_of_something_else_is_no_ceiling() {
        let mut started = example::started();
        let cell = example::cell("lenet-bn", "handwritten", "primitive");
        let device = Cell { device: Device::cuda(0), ..cell.clone() };
        let threads = Cell { threads: 1, ..cell.clone() };
        for other in [device, threads] {
            assert_eq!(percent_of_peak(&started, &other, 1.0), None, "{other:?}");
        }
        started.environment.peak = None;
        assert_eq!(percent_of_peak(&started, &cell, 1.0), None);
        assert_eq!(paragraph(&started), None);
    }
}
