//! What a benchmark is to run, and what of it cannot be run here.

use serde::{Deserialize, Serialize};

use super::{Device, Implementation, distinct};
use crate::number::count;

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
    /// Whether one run of each cell is audited; absent in records of before there were audits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<bool>,
}

impl Plan {
    /// The workload of this name.
    pub fn workload(&self, name: &str) -> Option<&WorkloadInfo> {
        self.workloads.iter().find(|workload| workload.name == name)
    }

    /// Every target of its workloads once.
    pub fn targets(&self) -> Vec<Target> {
        distinct(self.workloads.iter().flat_map(|workload| &workload.targets).copied())
    }
}

/// The parts of a workload that a reader needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkloadInfo {
    /// Name, such as `lenet-bn`.
    pub name: String,
    /// One line on what it is.
    pub summary: String,
    /// The workload that shows what batch norm buys: the same without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<String>,
    /// SHA-256 of what is trained and how far from it a backend may be; absent in records of before
    /// there were workload files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<String>,
    /// Training samples, where they are not the whole data set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<usize>,
    /// The optimiser with its numbers, where it is not plain SGD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optimiser: Option<String>,
    /// Its learning rate.
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

/// The name of the workload of which one of this name is a change: `lenet-bn` of `lenet-bn (learning rate 0.5)`.
pub fn base_of(name: &str) -> &str {
    name.split_once(" (").map_or(name, |(base, _)| base)
}

impl WorkloadInfo {
    /// Name of its control, if it has one. In records of before it was written down, the
    /// control of `x-bn` is `x`.
    pub fn control(&self) -> Option<&str> {
        let told = self.control.as_deref();
        told.or_else(|| self.name.strip_suffix("-bn").filter(|_| self.definition.is_none()))
    }

    /// The name of the workload that it is a change of, as `lenet-bn` of `lenet-bn (learning rate
    /// 0.5)`; its own where it is none.
    pub fn base(&self) -> &str {
        base_of(&self.name)
    }

    /// Its optimiser, in words.
    pub fn optimiser(&self) -> &str {
        self.optimiser.as_deref().unwrap_or("plain SGD")
    }

    /// What makes it another training than a workload of the same name: each difference
    /// in words. Its summary and its targets do not.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        if self.optimiser != other.optimiser {
            differences.push(format!("optimiser {} and {}", self.optimiser(), other.optimiser()));
        }
        if self.learning_rate != other.learning_rate {
            differences.push(format!("learning rate {} and {}", self.learning_rate, other.learning_rate));
        }
        if self.batch_size != other.batch_size {
            differences.push(format!("batch size {} and {}", self.batch_size, other.batch_size));
        }
        if self.samples != other.samples {
            let [one, two] =
                [self, other].map(|info| info.samples.map_or("all".to_owned(), |n| n.to_string()));
            differences.push(format!("{one} and {two} samples"));
        }
        if self.layers.len() != other.layers.len() {
            differences.push(format!("{} and {} layers", self.layers.len(), other.layers.len()));
        } else if let Some((one, two)) = self.layers.iter().zip(&other.layers).find(|(one, two)| one != two) {
            differences.push(format!("layer `{one}` and `{two}`"));
        }
        if let (true, Some(one), Some(two)) = (differences.is_empty(), &self.definition, &other.definition)
            && one != two
        {
            // What is left to differ by: the input's shape and the tolerances.
            differences.push(format!("definition {one:.12}… and {two:.12}…"));
        }
        differences
    }
}

/// A value that training is to reach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// What is looked at.
    pub metric: Metric,
    /// At least this value, a fraction of 1.
    pub at_least: f64,
}

impl Target {
    /// `train_accuracy_0.88`: its name for programs.
    pub fn key(&self) -> String {
        format!("{}_{}", self.metric.key(), self.at_least)
    }

    /// `training accuracy 0.88`: its name in a sentence.
    pub fn name(&self) -> String {
        format!("{} {}", self.metric.names().0, self.at_least)
    }

    /// `train ≥ 0.88`: its name in the title of a column.
    pub fn title(&self) -> String {
        format!("{} ≥ {}", self.metric.names().1, self.at_least)
    }
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

impl Metric {
    /// Its name for programs.
    pub fn key(self) -> &'static str {
        match self {
            Self::TrainAccuracy => "train_accuracy",
            Self::TestAccuracy => "test_accuracy",
        }
    }

    /// `training accuracy`: its name in a sentence.
    pub fn name(self) -> &'static str {
        self.names().0
    }

    /// Its name in a sentence, and the short one in the title of a column.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::TrainAccuracy => ("training accuracy", "train"),
            Self::TestAccuracy => ("test accuracy", "test"),
        }
    }
}

/// The data set that all cells share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetInfo {
    /// `fashion-mnist`, `synthetic`, or `idx:` with the name of a folder of the user's own.
    pub name: String,
    /// Training samples.
    pub train_samples: usize,
    /// Test samples.
    pub test_samples: usize,
    /// SHA-256 of the decoded bytes, hexadecimal.
    pub fingerprint: String,
}

/// Backend × implementation × device × threads × workload, and the machine where a record has several.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cell {
    /// Workload name.
    pub workload: String,
    /// Backend name.
    pub backend: String,
    /// `primitive`, `builtin`, `none`, or a further label.
    pub implementation: Implementation,
    /// `cpu`, `cuda:0`, …
    pub device: Device,
    /// Threads the backend was told to use.
    pub threads: usize,
    /// Whether its name tells them, since others of its benchmark differ from it in them alone. It makes
    /// no other cell of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tells_threads: bool,
    /// Label of the machine, in a record that was merged of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
}

/// Which of two builds of a backend that are held against each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Build {
    /// What there was.
    Base,
    /// What it has become.
    Head,
}

impl Build {
    /// `base` or `head`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Head => "head",
        }
    }

    /// The name of this build of a backend: `candle@head`.
    pub fn of(self, backend: &str) -> String {
        format!("{backend}@{}", self.name())
    }
}

impl Cell {
    /// The backend and which of its two builds, where the cell is of one: of `candle@head`, `candle`.
    pub fn build(&self) -> Option<(&str, Build)> {
        let (backend, name) = self.backend.split_once('@')?;
        let build = [Build::Base, Build::Head].into_iter().find(|build| build.name() == name)?;
        Some((backend, build))
    }

    /// What makes it the cell that it is.
    fn identity(&self) -> (&str, &str, &Implementation, &Device, usize, Option<&str>) {
        let Self { workload, backend, implementation, device, threads, machine, tells_threads: _ } = self;
        (workload, backend, implementation, device, *threads, machine.as_deref())
    }

    /// What stands before something that is told of its machine: `laptop: `, or nothing.
    pub(crate) fn machine_prefix(&self) -> String {
        self.machine.as_ref().map_or_else(String::new, |machine| format!("{machine}: "))
    }

    /// Whether it is the same training of the same backend, wherever it runs.
    pub fn is_alike(&self, other: &Self) -> bool {
        (&self.workload, &self.backend, &self.implementation)
            == (&other.workload, &other.backend, &other.implementation)
    }

    /// Its device in words, with the threads where others of its benchmark have another number:
    /// `cpu, 2 threads`.
    pub fn device_words(&self) -> String {
        self.with_threads(self.device.to_string())
    }

    fn with_threads(&self, text: String) -> String {
        if self.tells_threads { format!("{text}, {}", count(self.threads, "thread")) } else { text }
    }

    /// Its device, with the machine where the record has several: `cpu of laptop`.
    pub fn place(&self) -> String {
        match &self.machine {
            Some(machine) => format!("{} of {machine}", self.device),
            None => self.device.to_string(),
        }
    }
}

impl PartialEq for Cell {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for Cell {}

impl std::hash::Hash for Cell {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { workload, backend, implementation, .. } = self;
        write!(f, "{workload} {backend}/{implementation}@{}", self.with_threads(self.place()))
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

impl Unavailable {
    /// The word where a run has its outcome.
    pub const OUTCOME: &str = "unavailable";
}

impl std::fmt::Display for Unavailable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.backend)?;
        self.device.as_ref().map_or(Ok(()), |device| write!(f, "@{device}"))
    }
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
