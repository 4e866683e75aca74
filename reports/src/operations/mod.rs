//! Times of single operations (a training step, a convolution, …), measured by
//! `trainmark operations` and kept beside the runs in one file, [`FILE`].
//!
//! A run whose libraries are those that were measured shows them: [`of_run`]
//! copies the file into the run's folder, so that the run stays self-contained.

mod place;
mod rank;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::record::{Device, Environment, Implementation, RunOutcome};

pub use place::{RunOperations, of_run, read, write};
pub use rank::{Rank, ranks};

/// Version of the file's format and of what its operations mean.
pub const SCHEMA: u32 = 1;

/// Its name, beside the run folders and in one.
pub const FILE: &str = "operations.json";

/// Everything that was measured on one machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operations {
    /// [`SCHEMA`] of the writer.
    pub schema: u32,
    /// The machine and the tools at the last measurement.
    pub environment: Environment,
    /// Samples per batch, to which every time refers.
    pub batch_size: usize,
    /// The operations, in the order of the table's rows.
    pub operations: Vec<OperationInfo>,
    /// The cells, in the order of the table's columns.
    pub cells: Vec<OperationCell>,
}

/// What an operation is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationInfo {
    /// Name, such as `conv1`.
    pub name: String,
    /// One line on what is computed.
    pub summary: String,
    /// Multiply-adds per batch, where convolutions or linear layers make up the work.
    pub multiply_adds: Option<u64>,
}

/// Backend × implementation × device, with the library that was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OperationCell {
    /// Backend name.
    pub backend: String,
    /// Of batch norm; [`Implementation::NONE`] for the layers without it.
    pub implementation: Implementation,
    /// `cpu`, …
    pub device: Device,
    /// Threads that the backend was told to use.
    pub threads: usize,
    /// The framework, by the plugin's description.
    pub framework: String,
    /// SHA-256 of the plugin's library.
    pub library_hash: String,
    /// What was measured, or why not.
    pub results: Vec<OperationResult>,
}

/// One operation in one cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OperationResult {
    /// Name of its [`OperationInfo`].
    pub operation: String,
    /// `ok`, or what became of it.
    pub outcome: RunOutcome,
    /// Why, where it is not `ok`.
    pub reason: Option<String>,
    /// The time, where it is `ok`.
    pub time: Option<OperationTime>,
    /// When, in seconds since the Unix epoch.
    pub unix_time: f64,
}

/// Seconds per batch. A layer's time is a difference of two or more models'
/// times, so that noise can make it zero or less.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OperationTime {
    /// Median over the samples.
    pub seconds: f64,
    /// Lower end of the median's 95% interval.
    pub low: f64,
    /// Upper end of it.
    pub high: f64,
    /// Samples that these are of.
    pub samples: usize,
}

impl OperationTime {
    /// Whether the interval excludes zero: otherwise the noise hides the operation.
    pub fn is_above_noise(&self) -> bool {
        self.low > 0.0
    }
}

impl Operations {
    /// What was measured on this machine, nothing yet.
    pub fn new(environment: Environment, batch_size: usize, operations: Vec<OperationInfo>) -> Self {
        Self { schema: SCHEMA, environment, batch_size, operations, cells: Vec::new() }
    }

    /// These with what is older and not measured again; nothing of that stays from
    /// another machine, another definition of the operations, or for a cell with another library.
    #[must_use]
    pub fn on_top_of(mut self, older: Self) -> Self {
        if !self.is_comparable(&older) {
            return self;
        }
        let own = std::mem::replace(&mut self.operations, older.operations);
        let is_new = |info: &OperationInfo| !self.operations.iter().any(|known| known.name == info.name);
        let new: Vec<OperationInfo> = own.into_iter().filter(is_new).collect();
        self.operations.extend(new);
        for old in older.cells {
            match self.cells.iter_mut().find(|cell| cell.place() == old.place()) {
                None => self.cells.push(old),
                Some(cell) => cell.keep(old),
            }
        }
        self.sort();
        self
    }

    /// The cells with a batch norm, and those of the layers without, which do not compare.
    pub fn by_norm(&self) -> [Vec<&OperationCell>; 2] {
        let (plain, normed) = self.cells.iter().partition(|cell| cell.implementation.is_none());
        [normed, plain]
    }

    /// Whether they were measured on the same machine, and mean the same by the same name.
    fn is_comparable(&self, other: &Self) -> bool {
        let (one, two) = (&self.environment, &other.environment);
        let is_alike = |info: &OperationInfo| {
            other.operations.iter().all(|theirs| theirs.name != info.name || theirs == info)
        };
        (&one.cpu, one.logical_cpus, self.batch_size) == (&two.cpu, two.logical_cpus, other.batch_size)
            && self.operations.iter().all(is_alike)
    }

    /// Cells by name, results in the order of the operations.
    fn sort(&mut self) {
        self.cells.sort_by(|a, b| a.place().cmp(&b.place()));
        let names = &self.operations;
        for cell in &mut self.cells {
            cell.results.sort_by_key(|result| names.iter().position(|info| info.name == result.operation));
        }
    }

    /// Billions of floating-point operations per second, two per multiply-add,
    /// where that means something.
    pub fn gflops(&self, result: &OperationResult) -> Option<f64> {
        let info = self.operations.iter().find(|info| info.name == result.operation)?;
        let time = result.time.filter(OperationTime::is_above_noise)?;
        Some(2.0 * info.multiply_adds? as f64 / time.seconds / 1e9)
    }
}

impl OperationCell {
    /// `candle builtin`, or `candle` where there is no batch norm.
    pub fn label(&self) -> String {
        let mut label = self.implementation.label(&self.backend);
        if !self.device.is_cpu() {
            label = format!("{label} on {}", self.device);
        }
        label
    }

    /// The result of an operation.
    pub fn result(&self, operation: &str) -> Option<&OperationResult> {
        self.results.iter().find(|result| result.operation == operation)
    }

    fn place(&self) -> (&str, &str, &Device) {
        (&self.backend, &self.implementation, &self.device)
    }

    fn keep(&mut self, old: Self) {
        if (&self.library_hash, self.threads) != (&old.library_hash, old.threads) {
            return;
        }
        let kept: Vec<OperationResult> =
            old.results.into_iter().filter(|result| self.result(&result.operation).is_none()).collect();
        self.results.extend(kept);
    }
}

impl OperationResult {
    /// `ok`, `below the noise`, or the outcome's word.
    pub fn status(&self) -> &'static str {
        match (self.outcome, self.time) {
            (RunOutcome::Ok, Some(time)) if !time.is_above_noise() => "below the noise",
            (RunOutcome::Ok, None) => "not measured",
            (outcome, _) => outcome.name(),
        }
    }
}
