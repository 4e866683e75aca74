//! What the user asks `bench` for; kept in the run folder so that an interrupted
//! run can be continued.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use trainmark_reports::{Record, files};

use super::ThreadCounts;
use super::cluster::SlurmOptions;
use super::prepare::Sides;
use crate::data::DatasetChoice;
use crate::executor::MemoryLimit;
use crate::workload::Workload;

/// Name of the file in the run folder.
const FILE: &str = "request.json";

/// The request, with every default filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BenchRequest {
    /// The cells.
    #[serde(flatten)]
    pub selected: Selected,
    /// How they are trained.
    #[serde(flatten)]
    pub schedule: Schedule,
    /// How its rounds are sent to a cluster; `None`: they are run on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slurm: Option<SlurmOptions>,
    /// The command line that repeats it.
    pub command: String,
}

/// Which cells there are to be, and on what data.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Selected {
    /// `all`, backends, or libraries, each with implementation and device if wanted.
    pub selections: Vec<String>,
    /// Two builds that are held against each other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sides: Option<Sides>,
    /// Implementations to run; empty: all.
    pub implementations: Vec<String>,
    /// Devices to run on; empty: all that there are.
    pub devices: Vec<String>,
    /// Workloads; those that are built in by their names, others whole.
    pub workloads: Vec<Workload>,
    /// Data set.
    pub dataset: DatasetChoice,
    /// Folder of the data set's files.
    pub data_dir: Option<PathBuf>,
    /// `TRAINMARK_DATA`, which a continuation may lack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_variable: Option<PathBuf>,
    /// Threads per backend; of several, each makes a cell of its own.
    pub threads: ThreadCounts,
    /// Further folders of backends.
    pub backend_paths: Vec<PathBuf>,
    /// Neither build nor download anything from the network.
    pub offline: bool,
}

/// How often and for how long cells are trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// Epochs per run.
    pub epochs: u32,
    /// Number of seeds: 1, 2, 3, …
    pub seeds: u32,
    /// The only one of these that is run here, where each round is a job of a cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<u64>,
    /// Whether it ends as soon as a difference is shown between each two builds.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub until_decided: bool,
    /// Whether in each round one cell per device is run twice, for the noise floor, and the
    /// benchmark's first run once more at its end, for the drift.
    #[serde(default)]
    pub repeats: bool,
    /// Whether one run of each cell is audited; `None` in what versions without audits wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<bool>,
    /// Time budget.
    pub budget: Option<Duration>,
    /// Limit for one call of a plugin.
    pub timeout: Duration,
    /// Limit for a worker's memory.
    pub memory_limit: MemoryLimit,
}

impl Selected {
    /// What a run is named by: what is selected, libraries of two builds too.
    pub(super) fn names(&self) -> Vec<String> {
        let libraries = self.sides.iter().flat_map(Sides::libraries);
        let libraries = libraries.map(|path| path.to_string_lossy().into_owned());
        let against = self.sides.iter().map(|_| "base-head".to_owned());
        self.selections.iter().cloned().chain(libraries).chain(against).collect()
    }

    /// Refuses what cannot be meant.
    ///
    /// # Errors
    /// Naming the option, what it may be, and what was given.
    pub fn check(&self) -> anyhow::Result<()> {
        self.threads.all().iter().try_for_each(|&count| check_within("--threads", count as u64, 1024))?;
        if self.implementations.iter().any(String::is_empty) {
            bail!("--implementation is empty: write primitive or builtin");
        }
        Ok(())
    }
}

impl Schedule {
    /// The seeds, in the order of their rounds.
    pub fn seeds(&self) -> Vec<u64> {
        self.only.map_or_else(|| (1..=u64::from(self.seeds)).collect(), |seed| vec![seed])
    }

    /// Whether the first run is made once more at the end. The end of a single round tells of no drift.
    pub(super) fn drifts(&self) -> bool {
        self.repeats && self.only.is_none()
    }

    /// Whether what was drawn for audits is audited here. Of a single round it is not: chance decides
    /// between the runs of all.
    pub(super) fn audits(&self) -> bool {
        self.audit == Some(true) && self.only.is_none()
    }
}

fn check_within(option: &str, value: u64, most: u64) -> anyhow::Result<()> {
    if !(1..=most).contains(&value) {
        bail!("{option} {value} is not within 1 to {most}");
    }
    Ok(())
}

impl BenchRequest {
    /// Refuses what cannot be meant.
    ///
    /// # Errors
    /// As [`Selected::check`].
    pub fn check(&self) -> anyhow::Result<()> {
        check_within("--epochs", self.schedule.epochs.into(), 1000)?;
        check_within("--seeds", self.schedule.seeds.into(), 1000)?;
        self.slurm.iter().try_for_each(SlurmOptions::check)?;
        self.selected.check()
    }

    /// The file in which it is kept in the run folder: its name and content.
    ///
    /// # Errors
    /// Where it holds a path that is no Unicode.
    pub fn file(&self) -> anyhow::Result<(&'static str, Vec<u8>)> {
        Ok((FILE, serde_json::to_vec_pretty(self).context("cannot encode the request")?))
    }

    /// Refuses a record that was not begun with this request: one of the two files is not the
    /// run's. Nothing is built or loaded for that.
    ///
    /// # Errors
    /// Naming what differs.
    pub fn check_record(&self, record: &Record) -> anyhow::Result<()> {
        let (started, schedule) = (&record.started, &self.schedule);
        for known in &started.plan.workloads {
            let own = self.selected.workloads.iter().find(|workload| workload.name == known.name);
            let differences =
                own.map(|own| Ok::<_, anyhow::Error>(known.differences(&own.info()?))).transpose()?;
            if let Some(what) = differences.filter(|what| !what.is_empty()) {
                bail!(
                    "cannot resume: {} is another training now than in the run: {}; start a new run",
                    known.name,
                    what.join("; ")
                );
            }
        }
        let what = if started.plan.epochs != schedule.epochs || started.plan.seeds != schedule.seeds() {
            "epochs or seeds"
        } else if started.command != self.command {
            "command lines"
        } else {
            return Ok(());
        };
        bail!("cannot resume: {FILE} and events.jsonl tell of different {what}; start a new run")
    }

    /// Reads it back from a run folder.
    ///
    /// # Errors
    /// Where the folder holds none that this version understands, as that of a merged run.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(FILE);
        let text = match files::read_text(&path) {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// As versions wrote it whose request was one flat struct.
    const FLAT: &str = r#"{
        "selections": ["all"], "implementations": [], "devices": ["cpu"], "workloads": ["lenet"],
        "dataset": "synthetic", "data_dir": null, "epochs": 5, "seeds": 3, "repeats": true, "threads": 2,
        "budget": {"secs": 900, "nanos": 0}, "timeout": {"secs": 300, "nanos": 0},
        "memory_limit": {"share_of_machine": 0.75}, "backend_paths": ["/b"], "offline": true,
        "command": "cargo run -- bench all"
    }"#;

    #[test]
    fn a_request_of_an_earlier_version_is_read_and_written_alike() {
        let request: BenchRequest = serde_json::from_str(FLAT).expect("it can be read");
        assert_eq!((request.schedule.seeds(), request.selected.threads.all()), (vec![1, 2, 3], &[2][..]));
        let flat: serde_json::Value = serde_json::from_str(FLAT).expect("it is JSON");
        assert_eq!(serde_json::to_value(&request).expect("it can be written"), flat);
    }
}
