//! What makes points one line of a history: the same training on the same machine.

use serde::Serialize;

use crate::number::count;
use crate::record::{Cell, DatasetInfo, Environment, Started};
use crate::summary::Basis;

/// A machine, as far as records tell it from another. Two of one model are one, unless runs were merged
/// under labels.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Machine {
    /// Its label, in a run that was merged of several.
    pub label: Option<String>,
    /// The processor.
    pub cpu: String,
    /// Its logical processors.
    pub logical_cpus: usize,
    /// The graphics processor that a cell computes on.
    pub gpu: Option<String>,
}

impl Machine {
    pub(super) fn of(environment: &Environment, cell: &Cell) -> Self {
        let adapter = environment.adapters.iter().find(|adapter| adapter.is_of(cell));
        let gpu = environment.gpu_of(&cell.device).map(|gpu| gpu.name.clone());
        Self {
            label: cell.machine.clone(),
            cpu: environment.cpu.clone(),
            logical_cpus: environment.logical_cpus,
            gpu: adapter.map(|adapter| adapter.words()).or(gpu),
        }
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(label) = &self.label {
            write!(f, "{label}: ")?;
        }
        write!(f, "{}, {}", self.cpu, count(self.logical_cpus, "processor"))?;
        self.gpu.as_ref().map_or(Ok(()), |gpu| write!(f, ", {gpu}"))
    }
}

/// The same training of the same backend on the same machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Line {
    /// The machine.
    pub machine: Machine,
    /// Workload name.
    pub workload: String,
    /// Backend name.
    pub backend: String,
    /// Implementation of batch norm.
    pub implementation: String,
    /// `cpu`, `cuda:0`, …
    pub device: String,
    /// Threads the backend was told to use.
    pub threads: usize,
    /// The data set.
    pub dataset: String,
    /// SHA-256 of its decoded bytes.
    pub fingerprint: String,
    /// What is trained: its SHA-256, or in old records what they tell of it.
    pub definition: String,
    /// Which epochs its times are of.
    pub timed: &'static str,
}

impl Line {
    pub(super) fn of(started: &Started, cell: &Cell, basis: Basis) -> Self {
        let DatasetInfo { name, fingerprint, .. } = &started.plan.dataset;
        Self {
            machine: Machine::of(started.environment_of(cell), cell),
            workload: cell.workload.clone(),
            backend: cell.backend.clone(),
            implementation: cell.implementation.to_string(),
            device: cell.device.to_string(),
            threads: cell.threads,
            dataset: name.clone(),
            fingerprint: fingerprint.clone(),
            definition: definition(started, cell),
            timed: basis.name(),
        }
    }

    /// `lenet-bn tch/builtin@cpu`
    pub fn name(&self) -> String {
        format!("{} {}@{}", self.workload, self.label(), self.device)
    }

    /// `tch/builtin`
    pub(super) fn label(&self) -> String {
        format!("{}/{}", self.backend, self.implementation)
    }

    /// What tells it from another line of the same name on the same machine.
    fn details(&self) -> [String; 4] {
        [
            count(self.threads, "thread"),
            format!("{} {:.8}", self.dataset, self.fingerprint),
            format!("definition {:.8}", self.definition),
            self.timed.to_owned(),
        ]
    }

    /// Its name among others: with what those of the same name have otherwise.
    pub(super) fn name_among<'l>(&self, others: impl Iterator<Item = &'l Self> + Clone) -> String {
        let alike = others.filter(|other| other.machine == self.machine && other.name() == self.name());
        let own = self.details();
        let told = own
            .iter()
            .enumerate()
            .filter(|(place, detail)| alike.clone().any(|other| other.details()[*place] != **detail));
        let told: Vec<&str> = told.map(|(_, detail)| detail.as_str()).collect();
        if told.is_empty() { self.name() } else { format!("{} ({})", self.name(), told.join(", ")) }
    }
}

/// What is trained. Records of before it was hashed tell it in words.
fn definition(started: &Started, cell: &Cell) -> String {
    let Some(workload) = started.plan.workload(&cell.workload) else { return String::new() };
    let told = || {
        format!(
            "{}, learning rate {}, batch size {}, {:?} samples: {}",
            workload.optimiser(),
            workload.learning_rate,
            workload.batch_size,
            workload.samples,
            workload.layers.join("; ")
        )
    };
    workload.definition.clone().unwrap_or_else(told)
}
