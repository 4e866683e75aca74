//! What a sweep varies.

use serde::Serialize;

use crate::record::{Cell, Record};

/// A setting that `bench` takes a list of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// `--learning-rate`
    LearningRate,
    /// `--batch-size`
    BatchSize,
    /// `--samples`
    Samples,
    /// `--threads`
    Threads,
}

impl Axis {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::LearningRate, Self::BatchSize, Self::Samples, Self::Threads];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::LearningRate => "learning rate",
            Self::BatchSize => "batch size",
            Self::Samples => "training samples",
            Self::Threads => "threads",
        }
    }

    /// A value of it with its name: `learning rate 0.1`, `2 threads`.
    pub(super) fn told(self, value: f64) -> String {
        match self {
            Self::LearningRate | Self::BatchSize => format!("{} {value}", self.name()),
            Self::Samples => format!("{value} samples"),
            Self::Threads => crate::number::count(value as usize, "thread"),
        }
    }

    /// Whether training learns otherwise along it, and not only in another time.
    pub(super) fn changes_training(self) -> bool {
        self != Self::Threads
    }
}

/// A cell's value on every axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Settings([f64; 4]);

impl Settings {
    /// `None` of a cell whose workload the plan does not have.
    pub(super) fn of(record: &Record, cell: &Cell) -> Option<Self> {
        let plan = &record.started.plan;
        let workload = plan.workload(&cell.workload)?;
        let samples = workload.samples.unwrap_or(plan.dataset.train_samples);
        Some(Self([workload.learning_rate, workload.batch_size as f64, samples as f64, cell.threads as f64]))
    }

    pub(super) fn on(&self, axis: Axis) -> f64 {
        self.0[axis as usize]
    }

    /// Whether nothing but this axis tells them apart.
    pub(super) fn differ_on_alone(&self, other: &Self, axis: Axis) -> bool {
        Axis::ALL.into_iter().all(|one| one == axis || self.on(one) == other.on(one))
    }
}
