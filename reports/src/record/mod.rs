//! What a benchmark writes down: plan, machine, and [`Run`]s. [`Event`] is how it stands in
//! `events.jsonl`, line by line; [`Record`] is what all readers use.

mod adapter;
mod audit;
mod check;
mod conformance;
mod device;
mod environment;
mod event;
mod framework;
mod gpu;
mod implementation;
mod node;
mod plan;
mod role;
mod run;
mod runs;
mod settings;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use adapter::Adapter;
pub use audit::Audit;
pub use check::{CheckKind, CheckRecord};
pub use conformance::Conformance;
pub use device::Device;
pub use environment::Environment;
pub use event::{Ended, Event, OfRun, TargetRecord};
pub use framework::Framework;
pub use gpu::{Gpu, GpuUse, MemoryBasis};
pub use implementation::Implementation;
pub use node::Node;
pub use plan::{Build, Cell, DatasetInfo, Metric, Note, Plan, Target, Unavailable, WorkloadInfo, base_of};
pub use role::Role;
pub use run::{Begun, Epoch, FirstBatchNorm, Purpose, Run, RunEnd, RunOutcome};
pub use runs::Record;
pub use settings::Settings;

/// Version of the record format; stands in every CSV row and run folder.
pub const SCHEMA: u32 = 1;

/// Every value once, in the order of first appearance.
pub fn distinct<T: PartialEq>(values: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut kept: Vec<T> = Vec::new();
    for value in values {
        if !kept.contains(&value) {
            kept.push(value);
        }
    }
    kept
}

/// How a benchmark ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every planned run was tried.
    Complete,
    /// A difference was shown between each two builds, so that no further rounds were made.
    Decided,
    /// Further rounds, or some of their cells, would have passed the time budget.
    Budget,
    /// Ctrl-C or a termination signal.
    Interrupted,
}

/// The head of a record: plan, data set, machine and command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Started {
    /// [`SCHEMA`] of the writer.
    pub schema: u32,
    /// Name of the run folder.
    pub run_id: String,
    /// Seconds since the Unix epoch.
    pub unix_time: f64,
    /// Command line that repeats it, from the repository's root.
    pub command: String,
    /// What is to be run.
    pub plan: Plan,
    /// The machine and the tools; also written to `env.json`.
    pub environment: Environment,
    /// Things that make the numbers doubtful: a debug build, other load, the
    /// synthetic data set. Shown at the top of the report.
    pub warnings: Vec<String>,
    /// Cells that cannot run here at all, with the reason.
    pub unavailable: Vec<Unavailable>,
    /// What the backends want a reader of their numbers to know.
    #[serde(default)]
    pub notes: Vec<Note>,
    /// The backends that are something else than a framework to choose; absent in records of
    /// before there were roles.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<String, Role>,
    /// What the backends' frameworks are made of, by backend; absent in records of before it was
    /// said, and of backends that say nothing of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub frameworks: BTreeMap<String, Framework>,
    /// The runs that this record was merged of; none, where it is of one benchmark.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merged: Vec<MergedRun>,
}

impl Started {
    /// Every machine that it tells of.
    pub fn environments(&self) -> impl Iterator<Item = &Environment> {
        std::iter::once(&self.environment).chain(self.merged.iter().map(|run| &run.environment))
    }

    /// Whether a cell's backend is the ceiling, and no framework to choose.
    pub fn is_ceiling(&self, cell: &Cell) -> bool {
        self.roles.get(&cell.backend) == Some(&Role::Ceiling)
    }

    /// The library that computes below a cell's backend, with its version.
    pub fn engine_of(&self, cell: &Cell) -> Option<&str> {
        self.frameworks.get(&cell.backend)?.engine.as_deref()
    }

    /// The language that a cell's backend is used from.
    pub fn language_of(&self, cell: &Cell) -> Option<&str> {
        self.frameworks.get(&cell.backend)?.language.as_deref()
    }

    /// What a cell's backend says of its implementation: the first note that begins with that one's
    /// name and a colon, without these.
    pub fn note_on(&self, cell: &Cell) -> Option<&str> {
        let mut notes = self.notes.iter().filter(|note| note.backend == cell.backend);
        notes.find_map(|note| Some(note.text.strip_prefix(&*cell.implementation)?.strip_prefix(": ")?.trim()))
    }

    /// What a cell computes on, where its backend tells.
    pub fn adapter_of(&self, cell: &Cell) -> Option<&Adapter> {
        self.environment_of(cell).adapters.iter().find(|adapter| adapter.is_of(cell))
    }

    /// The machine and the tools of a cell.
    pub fn environment_of(&self, cell: &Cell) -> &Environment {
        let mut merged = self.merged.iter();
        let of_cell = merged.find(|run| cell.machine.as_ref() == Some(&run.machine));
        of_cell.map_or(&self.environment, |run| &run.environment)
    }
}

/// A benchmark that a record was merged of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MergedRun {
    /// Label of its machine. Several runs may be of one machine.
    pub machine: String,
    /// Name of its run folder.
    pub run_id: String,
    /// When it was started, in seconds since the Unix epoch.
    pub unix_time: f64,
    /// Command line that repeats it.
    pub command: String,
    /// The seeds that it planned.
    pub seeds: Vec<u64>,
    /// The machine and the tools.
    pub environment: Environment,
}

/// A round: one run of every cell with the same seed, but of those that the time budget had
/// no room for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// The seed of all its runs.
    pub seed: u64,
    /// Indices into [`Plan::cells`], in the order of running. One that stands twice is run
    /// twice, the second time as a [`Purpose::Repeat`].
    pub order: Vec<usize>,
    /// The cells that were left out, because the round would have passed the time budget with
    /// them. They are the dearest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<usize>,
    /// The cells that were to be run for time only: [`Purpose::Timing`]. Where earlier runs of the
    /// round took longer than was thought, more are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timing: Vec<usize>,
    /// The node that runs it from here on, where rounds are jobs of a cluster. A round that was cut
    /// short and went on has a line for each time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<Box<Node>>,
}
