//! What harness and worker say to each other: JSON lines on the worker's own
//! socket, one [`Job`] towards the worker and [`Message`]s back.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use trainmark_plugin as plugin;
use trainmark_reports::operations::OperationTime;
use trainmark_reports::record::{Adapter, CheckRecord, Device, FirstBatchNorm, Implementation};
use trainmark_reports::text::one_line;

use super::evidence::Evidence;
use crate::conformance::Foreseen;
use crate::conformance::operations::{CaseName, Tried};
use crate::data::DecodedFiles;
use crate::failure::Failure;
use crate::workload::Workload;

/// What a worker is to do, once, before it exits.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "job", rename_all = "snake_case")]
pub enum Job {
    /// Load the library and say what the backend says of itself.
    Describe {
        /// The library.
        #[serde(with = "crate::path_text")]
        library: PathBuf,
    },
    /// Let the reference take those steps of the gate in which no backend has a part.
    Foresee {
        /// The workload.
        workload: Workload,
        /// The decoded data set.
        dataset: DecodedFiles,
        /// Chooses initial values and samples.
        seed: u64,
    },
    /// Run the conformance gate; nothing of it is timed.
    Check {
        /// The cell and seed.
        task: Task,
        /// What was foreseen of the task's workload, data set and seed, if that was done before.
        foreseen: Option<Box<Foreseen>>,
    },
    /// Estimate the time of an epoch.
    Estimate(Task),
    /// Train a workload once and time it.
    Train(Task),
    /// Hold an epoch of a run of the task's seed against its steps, made once more.
    Audit {
        /// The cell and seed.
        task: Task,
        /// What the run has said.
        evidence: Box<Evidence>,
    },
    /// Hold small models, drawn by the task's seed, against the reference; nothing of it is timed.
    Operations {
        /// The cell and seed; there are as many epochs as cases. The workload matters only where it is a
        /// case itself: then it is the one that is tried.
        task: Task,
        /// Which models.
        cases: Vec<CaseName>,
        /// Whether smaller models are tried of those that fail.
        shrinks: bool,
    },
    /// Time a single operation; the task's workload, seed and epochs do not matter.
    Measure {
        /// The cell.
        task: Task,
        /// The workloads whose operations there are; none: those at LeNet's shapes.
        #[serde(default)]
        workloads: Vec<Workload>,
        /// Name of the operation.
        operation: String,
        /// Whether fewer rounds will do.
        is_quick: bool,
    },
}

impl Job {
    /// What it works on; nothing, where a library only describes itself.
    pub fn task(&self) -> Option<&Task> {
        match self {
            Self::Describe { .. } | Self::Foresee { .. } => None,
            Self::Check { task, .. }
            | Self::Estimate(task)
            | Self::Train(task)
            | Self::Audit { task, .. }
            | Self::Operations { task, .. }
            | Self::Measure { task, .. } => Some(task),
        }
    }
}

/// The cell and seed that a worker works on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Task {
    /// The library.
    #[serde(with = "crate::path_text")]
    pub library: PathBuf,
    /// SHA-256 that the library must have.
    pub library_hash: String,
    /// The workload.
    pub workload: Workload,
    /// The decoded data set.
    pub dataset: DecodedFiles,
    /// Its way of batch norm.
    pub implementation: Implementation,
    /// What it computes on.
    pub device: Device,
    /// Threads.
    pub threads: usize,
    /// Seed of initial values and shuffles.
    pub seed: u64,
    /// Epochs to train.
    pub epochs: u32,
}

/// What a worker says, in the order of happening.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Message {
    /// A call of the plugin begins; its time limit runs from here.
    Calling {
        /// `load`, `describe`, `open`, `train_epoch`, …
        call: String,
    },
    /// The call has returned; the harness's own work has no limit.
    Returned,
    /// The library is loaded and has described itself.
    Loaded {
        /// Seconds for loading and describing.
        seconds: f64,
        /// Name and abilities.
        backend: BackendInfo,
        /// SHA-256 of the library that was loaded.
        library_hash: String,
        /// Number of the worker's process, by which a device's driver lists it.
        process: u32,
    },
    /// The session is open and has its parameters.
    Opened {
        /// Seconds for opening and setting the parameters.
        seconds: f64,
    },
    /// A check has ended: of the gate, of a run's predictions, or of an audit.
    Checked(CheckRecord),
    /// An epoch has ended.
    Epoch(EpochMessage),
    /// A small model is tried from here on, or, where one has failed, a smaller one.
    Trying {
        /// Which.
        case: CaseName,
    },
    /// What came of it; of smaller ones only where they fail as well.
    Tried {
        /// Which.
        case: CaseName,
        /// What came of it.
        tried: Tried,
    },
    /// An operation has been timed.
    Measured(OperationTime),
    /// Everything was done.
    Done(Box<Done>),
    /// The job could not be done.
    Failed(Failure),
}

/// Who hears what a worker says, as it says it.
pub type Listener<'l> = &'l mut dyn FnMut(&Message) -> anyhow::Result<()>;

impl Message {
    /// Its name on the channel.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Calling { .. } => "calling",
            Self::Returned => "returned",
            Self::Loaded { .. } => "loaded",
            Self::Opened { .. } => "opened",
            Self::Checked(_) => "checked",
            Self::Epoch(_) => "epoch",
            Self::Trying { .. } => "trying",
            Self::Tried { .. } => "tried",
            Self::Measured(_) => "measured",
            Self::Done(_) => "done",
            Self::Failed(_) => "failed",
        }
    }

    /// Whether nothing follows it: the worker only has to end.
    pub fn is_last(&self) -> bool {
        matches!(self, Self::Done(_) | Self::Failed(_))
    }
}

/// A backend's name and abilities.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BackendInfo {
    /// Unique name.
    pub name: String,
    /// Version of the plugin.
    pub version: String,
    /// Framework and its version.
    pub framework: String,
    /// The ways it computes batch norm.
    pub implementations: Vec<ImplementationInfo>,
    /// Its devices.
    pub devices: Vec<DeviceInfo>,
    /// What a reader of its numbers should know, a line each.
    pub notes: Vec<String>,
}

/// One way in which a backend computes batch norm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImplementationInfo {
    /// `primitive`, `builtin`, …
    pub name: String,
    /// One line on it.
    pub summary: String,
}

/// A device as a backend sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceInfo {
    /// `cpu`, `cuda:0`, `wgpu:0`, …
    pub id: String,
    /// Why it cannot be used now.
    pub unavailable: Option<String>,
    /// Name of its graphics adapter, where the backend tells it.
    pub adapter: Option<String>,
    /// Whether it is a software renderer.
    #[serde(default)]
    pub is_software: bool,
}

impl DeviceInfo {
    /// What the record keeps of it, where there is something that its name does not say.
    pub fn adapter(&self, backend: &str) -> Option<Adapter> {
        (self.adapter.is_some() || self.is_software).then(|| Adapter {
            backend: backend.to_owned(),
            device: self.id.clone().into(),
            name: self.adapter.clone(),
            is_software: self.is_software,
        })
    }
}

impl BackendInfo {
    /// The implementation that a note is about, where it begins with one's name and a colon.
    pub fn subject_of(&self, note: &str) -> Option<&str> {
        let (name, _) = note.split_once(": ")?;
        self.implementations.iter().map(|one| one.name.as_str()).find(|known| *known == name)
    }

    /// From a plugin and its description.
    pub fn new(plugin: &plugin::host::Plugin, description: &plugin::Description) -> Self {
        Self {
            name: plugin.name.clone(),
            version: plugin.version.clone(),
            framework: one_line(&description.framework),
            implementations: description
                .implementations
                .iter()
                .map(|one| ImplementationInfo { name: one.name.clone(), summary: one_line(&one.summary) })
                .collect(),
            devices: description
                .devices
                .iter()
                .map(|one| DeviceInfo {
                    id: one.id.clone(),
                    unavailable: one.unavailable.as_deref().map(one_line),
                    adapter: one.adapter.as_deref().map(one_line),
                    is_software: one.is_software_renderer(),
                })
                .collect(),
            notes: description.notes.iter().map(|note| one_line(note)).collect(),
        }
    }
}

/// One epoch's measurements; what is not finite is absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochMessage {
    /// 1-based.
    pub epoch: u32,
    /// Wall seconds of `train_epoch`.
    pub train_seconds: f64,
    /// Seconds of its work that were left when it returned.
    pub unfinished_seconds: f64,
    /// User and system seconds of the worker during `train_epoch`.
    pub train_cpu_seconds: f64,
    /// Wall seconds of `predict` over the test split.
    pub predict_seconds: f64,
    /// Mean cross-entropy over the epoch.
    pub train_loss: Option<f64>,
    /// Running training accuracy.
    pub train_accuracy: f64,
    /// Test accuracy.
    pub test_accuracy: f64,
    /// Resident memory of the worker after the epoch, in bytes.
    pub rss_bytes: Option<u64>,
}

/// What is known when a job is done.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// Peak resident memory of the worker, in bytes.
    pub peak_rss_bytes: Option<u64>,
    /// User and system seconds of the worker.
    pub cpu_seconds: Option<f64>,
    /// γ and β of the first batch norm.
    pub first_batch_norm: Option<FirstBatchNorm>,
    /// Estimated seconds of one epoch, training and prediction (where that was asked for).
    pub epoch_estimate_seconds: Option<f64>,
    /// Seconds of loading the library, opening a session and setting its parameters (likewise).
    #[serde(default)]
    pub start_estimate_seconds: Option<f64>,
    /// The gate's losses; see [`trainmark_reports::record::Conformance`].
    pub losses: Vec<f64>,
    /// What was foreseen of the gate's steps.
    #[serde(default)]
    pub foreseen: Option<Box<Foreseen>>,
    /// What an audit of the run would hold against its steps: any one of its epochs.
    pub evidence: Option<Box<Evidence>>,
}
