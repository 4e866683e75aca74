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
mod round;
mod script;
mod slurm;
mod verdicts;

use std::path::{Path, PathBuf};

use anyhow::bail;
use serde::{Deserialize, Serialize};
use trainmark_reports::record::Plan;

use super::prepare::Ready;

pub(super) use head::{Head, Standing};
pub(super) use lines::Lines;
pub(super) use round::RoundJob;
pub use round::{AUDIT_COMMAND, ROUND_COMMAND, audit, run};
pub use slurm::Slurm;

use layout::Layout;
use manifest::Manifest;
use script::Kind;

/// Most nodes that a benchmark may ask for: more than rounds are none.
const MOST_NODES: u32 = 1000;

/// How rounds are sent to Slurm.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlurmOptions {
    /// Most rounds at the same time; `None`: as many as Slurm has nodes for.
    pub nodes: Option<u32>,
    /// Further options of sbatch, such as `--partition=long`.
    pub sbatch: Vec<String>,
}

impl SlurmOptions {
    /// What trainmark says itself, so that the user must not.
    const OWN: [&str; 12] = [
        "--array",
        "-a",
        "--output",
        "-o",
        "--error",
        "-e",
        "--nodes",
        "-N",
        "--wrap",
        "--parsable",
        "--open-mode",
        "--wait",
    ];

    /// Refuses what cannot be meant.
    ///
    /// # Errors
    /// Naming the option, and why.
    pub fn check(&self) -> anyhow::Result<()> {
        if self.nodes.is_some_and(|nodes| !(1..=MOST_NODES).contains(&nodes)) {
            bail!("--nodes {} is not within 1 to {MOST_NODES}", self.nodes.unwrap_or_default());
        }
        for option in &self.sbatch {
            if !option.starts_with('-') || option.contains(['\n', '"']) {
                bail!("--sbatch={option}: write an option of sbatch, as in --sbatch=--partition=long");
            }
            let name = option.split(['=', ' ']).next().unwrap_or(option);
            if Self::OWN.contains(&name) {
                bail!("--sbatch={option}: trainmark sets {name} itself; the number of nodes is --nodes N");
            }
        }
        Ok(())
    }
}

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

/// The script of the rounds in a run folder.
pub(super) fn round_script(folder: &Path) -> PathBuf {
    Layout::new(folder).of_slurm(&Kind::Round.file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_trainmark_sets_itself_are_refused() {
        let check = |option: &str| {
            let options = SlurmOptions { nodes: None, sbatch: vec![option.to_owned()] };
            options.check().map_err(|error| error.to_string())
        };
        for fine in ["--partition=long", "-p long", "--time=1:00:00", "--comment=a b"] {
            assert_eq!(check(fine), Ok(()), "{fine}");
        }
        for own in ["--array=1-2", "-N2", "--output=x", "-a 3"] {
            let refused = check(own);
            assert!(own == "-N2" || refused.is_err_and(|error| error.contains("sets")), "{own}");
        }
        assert!(check("partition=long").is_err_and(|error| error.ends_with("--sbatch=--partition=long")));
        let none = SlurmOptions { nodes: Some(0), sbatch: Vec::new() };
        assert!(none.check().is_err());
    }
}
