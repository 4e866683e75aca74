//! Workloads: a model, its hyper-parameters, targets and tolerances, as data.

mod built_in;
mod case;
mod changes;
mod chosen;
mod definition;
mod file;
mod fits;
mod initial;
mod inspect;
mod layer;
mod network;
mod number;
mod optimiser;
mod shuffle;
mod tolerances;
mod work;

pub use built_in::{UnknownWorkload, all, find, lenet, lenet_bn, softmax};
pub use case::{CaseInputs, Pixels, Values};
pub use changes::Changes;
pub(crate) use changes::without_changes_of_a_file;
pub use chosen::{WorkloadError, choose, is_path, open};
pub use file::Mistake;
pub use fits::Misfit;
pub use initial::{initial_parameters, uniform_generator};
pub use inspect::{inspect, layer_lines};
pub(crate) use network::without;
pub use number::{NotInFloat32, parse_learning_rate};
pub use optimiser::parse as parse_optimiser;
pub use shuffle::epoch_order;
pub use tolerances::Tolerances;
pub use work::{MultiplyAdds, multiply_adds};

use serde::{Deserialize, Serialize};
use trainmark_plugin::{Model, Optimiser};
use trainmark_reports::record::{Target, WorkloadInfo};

use crate::data::DatasetChoice;

/// What is trained, and how.
///
/// As JSON it is the text of its file; a built-in one may be its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Workload {
    /// Name, such as `lenet-bn`; that of its model, too.
    pub name: String,
    /// One line on what it is.
    pub summary: String,
    /// Name of the workload that it is held against to see what batch norm buys.
    pub control: Option<String>,
    /// The data set that it is meant for, unless the user says otherwise.
    pub dataset: DatasetChoice,
    /// Rows and columns that the data set's images are resized to, by the harness; `None`: they stay.
    pub resize: Option<[usize; 2]>,
    /// Trains on so many samples, the first of the data set; `None`: on all.
    pub samples: Option<usize>,
    /// The network; its shapes fit.
    pub model: Model,
    /// What a training step makes of the gradients.
    pub optimiser: Optimiser,
    /// Its learning rate.
    pub learning_rate: f64,
    /// Samples per training step; the last batch of an epoch may be smaller.
    pub batch_size: usize,
    /// Epochs per run, unless the user says otherwise.
    pub epochs: u32,
    /// Values whose time to reach is reported; the first is the primary one.
    pub targets: Vec<Target>,
    /// How far a backend may be from the reference.
    pub tolerances: Tolerances,
    /// What it is tried on where it is a case of `check --operations`, and nothing that is trained.
    pub case: Option<CaseInputs>,
}

impl Workload {
    /// The parts that a record keeps.
    ///
    /// # Errors
    /// Where the model's shapes do not fit, as [`Model::shapes`].
    pub fn info(&self) -> Result<WorkloadInfo, trainmark_plugin::Error> {
        Ok(WorkloadInfo {
            name: self.name.clone(),
            summary: self.summary.clone(),
            control: self.control.clone(),
            definition: Some(self.definition()),
            samples: self.samples,
            optimiser: self.optimiser_words(),
            learning_rate: self.learning_rate,
            batch_size: self.batch_size,
            targets: self.targets.clone(),
            layers: layer_lines(&self.model)?,
            multiply_adds_per_sample: multiply_adds(&self.model)?.total(),
        })
    }
}
