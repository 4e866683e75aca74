//! What happens in a benchmark: one stream, which the run folder, the screen and whoever else
//! wants to know hear alike.

use trainmark_reports::record::{Cell, CheckRecord, Event, Unavailable};
use trainmark_reports::{Record, RunStore};

use super::gate::Verdict;
use crate::data::DownloadEvent;
use crate::registry::build::{BuildEvent, Recipe};

/// Something that happened: a line of the record, or what only a screen needs.
#[derive(Debug, Clone, Copy)]
pub enum Happening<'a> {
    /// What the record holds. Its first line is not told: it is written with the folder.
    Recorded(&'a Event),
    /// A line for the user.
    Note(&'a str),
    /// How a download of the data set goes.
    Download(DownloadEvent<'a>),
    /// How the build of a backend's library goes.
    Build(&'a Recipe, &'a BuildEvent),
    /// A backend or a device of it cannot be used.
    Unavailable(&'a Unavailable),
    /// The gate of a cell begins.
    Checking(&'a Cell),
    /// A check of the gate ended.
    Checked(&'a Cell, &'a CheckRecord),
    /// The gate of a cell has ended: the number of passed checks, or why it is not ranked.
    Verdict(&'a Cell, &'a Result<usize, String>),
    /// All that the gate has found of that cell.
    Judged(&'a Verdict),
    /// The audit of a cell's run begins.
    Auditing(&'a Cell),
    /// Timed runs begin.
    Planned {
        /// How many.
        runs: usize,
        /// Epochs of each but those for time only.
        epochs: u32,
        /// How many are for time only.
        timing: usize,
        /// Epochs of each of these.
        timing_epochs: u32,
        /// Audits that follow.
        audits: usize,
        /// Seconds that they will take, by the gate's times.
        seconds: f64,
    },
    /// A run has ended, and nothing is timed until the next begins.
    Pause,
    /// What has come of it so far, before a round that is not the first.
    SoFar(&'a Record),
    /// What is left, now that earlier runs have shown how long one takes.
    Replanned {
        /// How many runs.
        runs: usize,
        /// Seconds that they will take.
        seconds: f64,
    },
}

/// Something that hears what happens.
pub trait Sink {
    /// Hears the next of it.
    ///
    /// # Errors
    /// Where it cannot be kept, which ends the benchmark.
    fn hear(&mut self, happening: Happening<'_>) -> anyhow::Result<()>;
}

/// Several that hear the same: what the first cannot keep the others do not show.
pub struct Fan<'s>(pub Vec<&'s mut dyn Sink>);

impl Sink for Fan<'_> {
    fn hear(&mut self, happening: Happening<'_>) -> anyhow::Result<()> {
        self.0.iter_mut().try_for_each(|sink| sink.hear(happening))
    }
}

impl Sink for RunStore {
    fn hear(&mut self, happening: Happening<'_>) -> anyhow::Result<()> {
        if let Happening::Recorded(event) = happening {
            self.append(event)?;
        }
        Ok(())
    }
}
