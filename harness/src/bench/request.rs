//! What the user asks `bench` for; kept in the run folder so that an interrupted
//! run can be continued.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use trainmark_reports::Record;

use crate::data::{self, DataRequest, DatasetChoice};
use crate::executor::MemoryLimit;
use crate::workload::{self, UnknownWorkload, Workload};

/// Name of the file in the run folder.
const FILE: &str = "request.json";

/// The request, with every default filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BenchRequest {
    /// `all`, backends, or libraries, each with implementation and device if wanted.
    pub selections: Vec<String>,
    /// Implementations to run; empty: all.
    pub implementations: Vec<String>,
    /// Devices to run on; empty: all that there are.
    pub devices: Vec<String>,
    /// Workloads.
    pub workloads: Vec<String>,
    /// Data set.
    pub dataset: DatasetChoice,
    /// Folder of the data set's files.
    pub data_dir: Option<PathBuf>,
    /// Epochs per run.
    pub epochs: u32,
    /// Number of seeds: 1, 2, 3, …
    pub seeds: u32,
    /// Whether in each round one cell per device is run twice, for the noise floor, and the
    /// benchmark's first run once more at its end, for the drift.
    #[serde(default)]
    pub repeats: bool,
    /// Threads per backend.
    pub threads: usize,
    /// Time budget.
    pub budget: Option<Duration>,
    /// Limit for one call of a plugin.
    pub timeout: Duration,
    /// Limit for a worker's memory.
    pub memory_limit: MemoryLimit,
    /// Further folders of backends.
    pub backend_paths: Vec<PathBuf>,
    /// Neither build nor download anything from the network.
    pub offline: bool,
    /// The command line that repeats it.
    pub command: String,
}

impl BenchRequest {
    /// Refuses what cannot be meant.
    ///
    /// # Errors
    /// Naming the option, what it may be, and what was given.
    pub fn check(&self) -> anyhow::Result<()> {
        let within = |option: &str, value: u64, most: u64| {
            if (1..=most).contains(&value) {
                return Ok(());
            }
            bail!("{option} {value} is not within 1 to {most}")
        };
        within("--epochs", self.epochs.into(), 1000)?;
        within("--seeds", self.seeds.into(), 1000)?;
        within("--threads", self.threads as u64, 1024)?;
        for implementation in &self.implementations {
            if implementation.is_empty() {
                bail!("--implementation is empty: write primitive or builtin");
            }
        }
        Ok(())
    }

    /// The seeds, in the order of their rounds.
    pub fn seeds(&self) -> Vec<u64> {
        (1..=u64::from(self.seeds)).collect()
    }

    /// The workloads by their names.
    ///
    /// # Errors
    /// Where a name is unknown.
    pub fn workloads(&self) -> Result<Vec<Workload>, UnknownWorkload> {
        self.workloads.iter().map(|name| workload::find(name)).collect()
    }

    /// The data set, decoded.
    ///
    /// # Errors
    /// As [`data::obtain`].
    pub fn obtain_dataset(&self) -> Result<data::Prepared, data::DataError> {
        data::obtain(&DataRequest {
            dataset: self.dataset,
            data_dir: self.data_dir.clone(),
            offline: self.offline,
        })
    }

    /// Keeps it in the run folder.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let path = folder.join(FILE);
        let text = serde_json::to_string_pretty(self).context("cannot encode the request")?;
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Reads it back from a run folder.
    ///
    /// # Errors
    /// Where the folder holds none that this version understands, as that of a merged run.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(FILE);
        let text = match fs::read_to_string(&path) {
            Err(_) if is_merged(folder) => bail!(
                "cannot resume: {} is a merged run: it cannot be continued; resume a run that it was merged of, \
                 and merge again",
                folder.display()
            ),
            read => read.with_context(|| {
                format!("cannot resume: {} is no run folder with a {FILE}", folder.display())
            })?,
        };
        serde_json::from_str(&text)
            .with_context(|| format!("cannot resume: {} is of another version", path.display()))
    }
}

fn is_merged(folder: &Path) -> bool {
    Record::read(folder).is_ok_and(|record| !record.started.merged.is_empty())
}
