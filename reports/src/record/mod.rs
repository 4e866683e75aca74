//! The record format: every line of a run's `events.jsonl`.

mod check;
mod device;
mod environment;
mod gpu;
mod plan;
mod run;

use serde::{Deserialize, Serialize};

pub use check::{CheckKind, CheckRecord};
pub use device::Device;
pub use environment::Environment;
pub use gpu::{Gpu, GpuUse, MemoryBasis};
pub use plan::{Cell, DatasetInfo, Metric, Note, Plan, Target, Unavailable, WorkloadInfo};
pub use run::{Conformance, EpochRecord, FirstBatchNorm, Purpose, RunOutcome, RunRecord, TargetRecord};

/// Version of the record format; stands in every CSV row and run folder.
pub const SCHEMA: u32 = 1;

/// One line of `events.jsonl`, appended and flushed as it happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "`Started` is large, but a record has only one")]
pub enum Event {
    /// First line: what is about to be done, where, and how to repeat it.
    Started(Started),
    /// The order of a round's cells, drawn at random before the round.
    Round(Round),
    /// A run of a cell was handed to a worker.
    Begun(Begun),
    /// An epoch ended.
    Epoch(EpochRecord),
    /// A run of a cell ended, well or badly.
    Ended(Box<RunRecord>),
    /// A process continued the benchmark after an interruption.
    Resumed {
        /// Seconds since the Unix epoch.
        unix_time: f64,
    },
    /// Last line of a process: how the benchmark ended.
    Finished {
        /// Why no further run was started.
        outcome: Outcome,
        /// Wall seconds of this process from plan to end.
        seconds: f64,
    },
}

/// How a benchmark ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every planned run was tried.
    Complete,
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
    /// The runs that this record was merged of; none, where it is of one benchmark.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merged: Vec<MergedRun>,
}

impl Started {
    /// The machine and the tools of a cell.
    pub fn environment_of(&self, cell: &Cell) -> &Environment {
        let of_machine = |run: &&MergedRun| cell.machine.as_ref() == Some(&run.machine);
        self.merged.iter().find(of_machine).map_or(&self.environment, |run| &run.environment)
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
}

/// A run was handed to a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Begun {
    /// The cell.
    pub cell: Cell,
    /// The seed.
    pub seed: u64,
    /// Why it is run.
    #[serde(default)]
    pub purpose: Purpose,
    /// One-minute load average just before.
    pub load_average: Option<f64>,
    /// Seconds since the Unix epoch.
    pub unix_time: f64,
}
