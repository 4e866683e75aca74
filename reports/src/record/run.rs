//! What one run of a cell gave.

use serde::{Deserialize, Serialize};

use super::{Cell, CheckRecord, GpuUse, Target};

/// Why a run was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// A sample of its cell: what all numbers are made of.
    #[default]
    Sample,
    /// The same cell and seed once more within the round: how far two runs of the same
    /// differ.
    Repeat,
    /// The benchmark's first run once more at its end: how far the machine has drifted.
    Drift,
}

impl Purpose {
    /// The word used in CSV and the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sample => "sample",
            Self::Repeat => "repeat",
            Self::Drift => "drift",
        }
    }
}

/// One epoch of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// The cell.
    pub cell: Cell,
    /// The seed.
    pub seed: u64,
    /// Why it was run.
    #[serde(default)]
    pub purpose: Purpose,
    /// 1-based.
    pub epoch: u32,
    /// Wall seconds of training, prediction excluded.
    pub train_seconds: f64,
    /// Seconds of the epoch's work that were left when `train_epoch` returned: what the first
    /// read of the parameters took beyond a second one.
    #[serde(default)]
    pub unfinished_seconds: Option<f64>,
    /// User and system seconds of the worker during `train_epoch`.
    #[serde(default)]
    pub train_cpu_seconds: Option<f64>,
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
    /// Whether the run counts where targets are reached or not: unsupported, not conformant
    /// and interrupted ones say nothing of that.
    pub fn is_tried(self) -> bool {
        matches!(self, Self::Ok | Self::Failed | Self::TimedOut | Self::OutOfMemory)
    }

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
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Conformance {
    /// Whether every check passed.
    pub passed: bool,
    /// Every check, in order.
    pub checks: Vec<CheckRecord>,
    /// The backend's own losses in the gate, by which its devices are held against each other:
    /// of five training steps, and of a prediction. Empty where one of them is missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub losses: Vec<f64>,
}

/// One run of one cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The cell.
    pub cell: Cell,
    /// The seed.
    pub seed: u64,
    /// Why it was run.
    #[serde(default)]
    pub purpose: Purpose,
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
    /// The processors' mean clock just before the run, in MHz, where the system tells.
    #[serde(default)]
    pub frequency_mhz: Option<f64>,
    /// What it took of its graphics processor; `None` on the CPU, and where nothing is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<GpuUse>,
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
