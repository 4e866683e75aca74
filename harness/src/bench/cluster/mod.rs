//! Rounds as jobs of a cluster that Slurm runs. A round, all cells with one seed, is one task of an
//! array, and has a node for itself, so that the runs that are held against each other are of one
//! machine.
//!
//! Whoever calls `bench` is the *head*: it prepares everything, writes what the jobs need into the run
//! folder, which all nodes see, submits the array, and follows the records of the rounds: each of them
//! is a folder of its own, `rounds/SEED`, with one writer. The head alone writes the benchmark's
//! record, so that what reads records knows nothing of clusters but the node in a round's line.
//!
//! Slurm starts jobs, ends them, and starts those again whose node was lost. What such a job goes on
//! with is its round's record.

mod fence;
mod follower;
mod head;
mod journal;
mod layout;
mod lines;
mod lost;
mod manifest;
mod node;
mod options;
mod round;
mod script;
mod slurm;
mod standing;
mod verdicts;
mod watched;

use std::path::{Path, PathBuf};

use trainmark_reports::record::Plan;

use super::prepare::Ready;

pub(super) use head::Head;
pub(super) use lines::Lines;
pub use options::SlurmOptions;
pub(super) use round::RoundJob;
pub use round::{AUDIT_COMMAND, ROUND_COMMAND, audit, run};
pub use slurm::Slurm;
pub use standing::{Jobs, Standing};

use layout::Layout;
use manifest::Manifest;
use script::Kind;

/// Writes what jobs need into the run folder: cells and libraries, this program, the scripts.
///
/// # Errors
/// Where something cannot be written, or only this machine has it.
pub(super) fn write_jobs(
    folder: &Path,
    options: &SlurmOptions,
    ready: &Ready,
    plan: &Plan,
) -> anyhow::Result<()> {
    let layout = Layout::new(folder);
    layout.make()?;
    Manifest::new(ready, plan)?.write(&layout)?;
    layout.keep_program()?;
    script::write(&layout, options, plan)
}

/// The scripts of a run folder: of the rounds, and of the audits.
pub(super) fn scripts(folder: &Path) -> (PathBuf, PathBuf) {
    let layout = Layout::new(folder);
    (layout.script(Kind::Round), layout.script(Kind::Audit))
}
