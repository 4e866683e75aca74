//! The lines of `events.jsonl`.

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

use crate::ceiling::Peak;

use super::{Audit, Begun, Cell, Epoch, Outcome, Purpose, Round, Run, RunEnd, Started, Target};

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
    Begun(OfRun<Begun>),
    /// An epoch ended.
    Epoch(OfRun<Epoch>),
    /// A run of a cell ended, well or badly.
    Ended(Box<OfRun<Ended>>),
    /// A run that had ended well was audited.
    Audited(OfRun<Audit>),
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
        /// What the processor reached then, where it was measured.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        peak: Option<Peak>,
    },
}

/// What a line tells of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OfRun<T> {
    /// The cell.
    pub cell: Cell,
    /// The seed.
    pub seed: u64,
    /// Why it is run.
    #[serde(default)]
    pub purpose: Purpose,
    /// What is told.
    #[serde(flatten)]
    pub what: T,
}

impl Run {
    /// A line's content that tells something of this run.
    pub fn line<T>(&self, what: T) -> OfRun<T> {
        OfRun { cell: self.cell.clone(), seed: self.seed, purpose: self.purpose, what }
    }

    /// The targets of which it is told when it reached them.
    fn asked<'t>(&self, targets: &'t [Target]) -> &'t [Target] {
        if self.is_for_time() { &[] } else { targets }
    }

    /// The line of its end, with what is also derived of it for other readers of the file.
    pub fn ended(&self, targets: &[Target]) -> Event {
        Event::Ended(Box::new(self.line(Ended {
            end: self.end.clone(),
            epochs: self.epochs.len() as u32,
            first_epoch_extra_seconds: self.first_epoch_extra_seconds(),
            cold_start_seconds: self.cold_start_seconds(),
            load_average: self.load_average(),
            targets: self.asked(targets).iter().map(|&target| TargetRecord::of(self, target)).collect(),
        })))
    }
}

/// The end of a run as it stands in the file. All but `end` is there for other programs: a
/// [`Record`](super::Record) derives it of the run's lines.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Ended {
    /// What was told of it.
    #[serde(flatten)]
    pub end: RunEnd,
    /// Epochs that ended.
    pub epochs: u32,
    /// [`Run::first_epoch_extra_seconds`].
    pub first_epoch_extra_seconds: Option<f64>,
    /// [`Run::cold_start_seconds`].
    pub cold_start_seconds: Option<f64>,
    /// [`Run::load_average`].
    pub load_average: Option<f64>,
    /// The targets of the workload and when they were reached; none of a run for time only.
    pub targets: Vec<TargetRecord>,
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

impl TargetRecord {
    fn of(run: &Run, target: Target) -> Self {
        let (epochs, seconds) = run.reached(target).unzip();
        Self { target, epochs, seconds }
    }
}

/// By hand, since the derived fields stand amid the others.
impl Serialize for Ended {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let end = &self.end;
        let mut line = serializer.serialize_struct("Ended", 19)?;
        line.serialize_field("outcome", &end.outcome)?;
        line.serialize_field("reason", &end.reason)?;
        line.serialize_field("log_tail", &end.log_tail)?;
        line.serialize_field("log", &end.log)?;
        line.serialize_field("epochs", &self.epochs)?;
        line.serialize_field("load_seconds", &end.load_seconds)?;
        line.serialize_field("open_seconds", &end.open_seconds)?;
        line.serialize_field("first_epoch_extra_seconds", &self.first_epoch_extra_seconds)?;
        line.serialize_field("cold_start_seconds", &self.cold_start_seconds)?;
        line.serialize_field("peak_rss_bytes", &end.peak_rss_bytes)?;
        line.serialize_field("cpu_seconds", &end.cpu_seconds)?;
        line.serialize_field("load_average", &self.load_average)?;
        line.serialize_field("frequency_mhz", &end.frequency_mhz)?;
        if let Some(gpu) = &end.gpu {
            line.serialize_field("gpu", gpu)?;
        }
        line.serialize_field("targets", &self.targets)?;
        line.serialize_field("conformance", &end.conformance)?;
        line.serialize_field("framework", &end.framework)?;
        line.serialize_field("library_hash", &end.library_hash)?;
        line.serialize_field("first_batch_norm", &end.first_batch_norm)?;
        line.end()
    }
}
