//! The record format: every line of a run's `events.jsonl`.

use serde::{Deserialize, Serialize};

use crate::ceiling::Peak;

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
    /// A further round would have passed the time budget.
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
}

/// What a benchmark is to run: every cell once for every seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The workloads, in order.
    pub workloads: Vec<WorkloadInfo>,
    /// The data set.
    pub dataset: DatasetInfo,
    /// The cells.
    pub cells: Vec<Cell>,
    /// Seeds, one per round, declared beforehand.
    pub seeds: Vec<u64>,
    /// Epochs per run.
    pub epochs: u32,
    /// Time budget in seconds, if any.
    pub budget_seconds: Option<f64>,
    /// Limit for one call of a plugin, in seconds.
    pub timeout_seconds: f64,
}

/// The parts of a workload that a reader needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkloadInfo {
    /// Name, such as `lenet-bn`.
    pub name: String,
    /// One line on what it is.
    pub summary: String,
    /// Learning rate of plain SGD.
    pub learning_rate: f64,
    /// Training batch size.
    pub batch_size: usize,
    /// Targets whose time to reach is reported.
    pub targets: Vec<Target>,
    /// One line per layer: layer, output shape, parameters.
    pub layers: Vec<String>,
    /// Multiply-adds per training sample, forward and backward together.
    pub multiply_adds_per_sample: u64,
}

/// A value that training is to reach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// What is looked at.
    pub metric: Metric,
    /// At least this value, a fraction of 1.
    pub at_least: f64,
}

/// A metric that a target is set on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Running training accuracy of an epoch.
    TrainAccuracy,
    /// Test accuracy after an epoch.
    TestAccuracy,
}

/// The data set that all cells share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetInfo {
    /// `fashion-mnist` or `synthetic`.
    pub name: String,
    /// Training samples.
    pub train_samples: usize,
    /// Test samples.
    pub test_samples: usize,
    /// SHA-256 of the decoded bytes, hexadecimal.
    pub fingerprint: String,
}

/// Backend × implementation × device × workload.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cell {
    /// Workload name.
    pub workload: String,
    /// Backend name.
    pub backend: String,
    /// `primitive`, `builtin`, `none`, or a further label.
    pub implementation: String,
    /// `cpu`, `cuda:0`, …
    pub device: String,
    /// Threads the backend was told to use.
    pub threads: usize,
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { workload, backend, implementation, device, .. } = self;
        write!(f, "{workload} {backend}/{implementation}@{device}")
    }
}

/// A backend or cell that cannot run on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unavailable {
    /// Backend name.
    pub backend: String,
    /// Device, where the reason concerns only one.
    pub device: Option<String>,
    /// Why, and what to install.
    pub reason: String,
}

/// What a backend wants a reader of its numbers to know, such as a defect of its
/// framework that it works around.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Backend name.
    pub backend: String,
    /// One line.
    pub text: String,
}

/// A round: one run of every cell with the same seed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// The seed of all its runs.
    pub seed: u64,
    /// Indices into [`Plan::cells`], in the order of running.
    pub order: Vec<usize>,
}

/// A run was handed to a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Begun {
    /// The cell.
    pub cell: Cell,
    /// The seed.
    pub seed: u64,
    /// One-minute load average just before.
    pub load_average: Option<f64>,
    /// Seconds since the Unix epoch.
    pub unix_time: f64,
}

/// One epoch of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// The cell.
    pub cell: Cell,
    /// The seed.
    pub seed: u64,
    /// 1-based.
    pub epoch: u32,
    /// Wall seconds of training, prediction excluded.
    pub train_seconds: f64,
    /// Wall seconds of predicting the test split.
    pub predict_seconds: f64,
    /// Mean cross-entropy over the epoch's training samples.
    pub train_loss: Option<f64>,
    /// Running training accuracy, a fraction of 1.
    pub train_accuracy: Option<f64>,
    /// Test accuracy by the harness's own count over the returned logits.
    pub test_accuracy: Option<f64>,
    /// Resident memory of the worker after the epoch.
    #[serde(default)]
    pub rss_bytes: Option<u64>,
    /// `ok`, or what is wrong with the row, such as `loss is not finite`.
    pub status: String,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// Trained all its epochs.
    Ok,
    /// The backend declined the workload, device or option.
    Unsupported,
    /// It computes another function: not ranked.
    NotConformant,
    /// Error, panic, crash, NaN, wrong shape.
    Failed,
    /// A call took longer than the limit and the worker was killed.
    TimedOut,
    /// The worker passed its memory limit and was killed.
    OutOfMemory,
    /// The benchmark was interrupted during the run.
    Interrupted,
}

impl RunOutcome {
    /// The word used in CSV, tables and the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unsupported => "unsupported",
            Self::NotConformant => "not conformant",
            Self::Failed => "failed",
            Self::TimedOut => "timed out",
            Self::OutOfMemory => "out of memory",
            Self::Interrupted => "interrupted",
        }
    }
}

/// How the conformance gate ended for a run's cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conformance {
    /// Whether every check passed.
    pub passed: bool,
    /// Every check, in order.
    pub checks: Vec<CheckRecord>,
}

/// One check of the conformance gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckRecord {
    /// Short name, such as `train_step batch 96: gradients`.
    pub name: String,
    /// Whether it passed.
    pub passed: bool,
    /// The measured error, where the check measures one.
    pub measured: Option<f64>,
    /// The limit that it is held against.
    pub limit: Option<f64>,
    /// What a reader needs to know: the worst tensor, the reason of a refusal.
    pub detail: String,
}

/// One run of one cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The cell.
    pub cell: Cell,
    /// The seed.
    pub seed: u64,
    /// How it ended.
    pub outcome: RunOutcome,
    /// Why, where it is not `ok`: signal or message, in one or two lines.
    pub reason: Option<String>,
    /// Last lines that the worker printed, where it failed.
    pub log_tail: Option<String>,
    /// Log of the worker's output, relative to the run folder.
    pub log: Option<String>,
    /// Epochs that ended.
    pub epochs: u32,
    /// Seconds to load the library.
    pub load_seconds: Option<f64>,
    /// Seconds to open the session and set its parameters.
    pub open_seconds: Option<f64>,
    /// Training seconds of the first epoch beyond the median of the later ones.
    pub first_epoch_extra_seconds: Option<f64>,
    /// Load + open + first-epoch extra.
    pub cold_start_seconds: Option<f64>,
    /// Peak resident memory of the worker.
    pub peak_rss_bytes: Option<u64>,
    /// User and system seconds of the worker.
    pub cpu_seconds: Option<f64>,
    /// One-minute load average just before the run.
    pub load_average: Option<f64>,
    /// The targets of the workload and when they were reached.
    pub targets: Vec<TargetRecord>,
    /// The conformance gate's verdict for this cell.
    pub conformance: Option<Conformance>,
    /// The framework, by the plugin's description.
    pub framework: Option<String>,
    /// SHA-256 of the plugin's library.
    pub library_hash: Option<String>,
    /// γ and β of the first batch norm after training.
    pub first_batch_norm: Option<FirstBatchNorm>,
}

/// When a run reached a target.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TargetRecord {
    /// The target.
    pub target: Target,
    /// First epoch at which it was reached; `None`: not reached.
    pub epochs: Option<u32>,
    /// Training seconds up to the end of that epoch.
    pub seconds: Option<f64>,
}

/// Learned scale and shift of the first batch norm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FirstBatchNorm {
    /// Scale per channel; NaN where training diverged (JSON: `null`).
    #[serde(deserialize_with = "null_as_nan")]
    pub gamma: Vec<f32>,
    /// Shift per channel; NaN where training diverged (JSON: `null`).
    #[serde(deserialize_with = "null_as_nan")]
    pub beta: Vec<f32>,
}

/// JSON has no NaN: `serde_json` writes `null`, which must be readable again, or
/// one diverged run would make the whole record unreadable.
fn null_as_nan<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<f32>, D::Error> {
    let values = Vec::<Option<f32>>::deserialize(deserializer)?;
    Ok(values.into_iter().map(|value| value.unwrap_or(f32::NAN)).collect())
}

/// The machine and the tools.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// Operating system and version.
    pub system: String,
    /// Kernel version.
    pub kernel: String,
    /// Processor name.
    pub cpu: String,
    /// Logical processors this process may use.
    pub logical_cpus: usize,
    /// Physical memory in bytes.
    pub memory_bytes: u64,
    /// Instruction sets that matter here: avx2, fma, avx512f, neon.
    pub cpu_features: Vec<String>,
    /// Frequency governor, where the system tells.
    pub governor: Option<String>,
    /// Graphics processors, each in one line.
    pub gpus: Vec<String>,
    /// trainmark's version.
    pub trainmark: String,
    /// Git revision of the sources, with `-dirty` where files differ.
    pub git_revision: Option<String>,
    /// rustc that built the harness.
    pub rustc: String,
    /// Optimisation of the harness: `debug` where there is none.
    pub profile: String,
    /// One-minute load average at the start.
    pub load_average: Option<f64>,
    /// What the processor reaches at most, where it was measured.
    #[serde(default)]
    pub peak: Option<Peak>,
}
