//! Where what head and jobs say to each other lies in the run folder.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::script::Kind;

/// Folder of the records of the rounds, each a run folder.
const ROUNDS: &str = "rounds";
/// Folder of what is between trainmark and Slurm.
const SLURM: &str = "slurm";

/// A run folder whose rounds are jobs.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    folder: PathBuf,
}

impl Layout {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()) }
    }

    /// Makes the folders that there are to be.
    pub(super) fn make(&self) -> anyhow::Result<()> {
        for name in [ROUNDS, SLURM] {
            let path = self.folder.join(name);
            fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
        }
        Ok(())
    }

    /// The run folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder that those of the rounds are in.
    pub(super) fn rounds(&self) -> PathBuf {
        self.folder.join(ROUNDS)
    }

    /// A round's own run folder.
    pub(super) fn round(&self, seed: u64) -> PathBuf {
        self.rounds().join(seed.to_string())
    }

    /// Name of the run folder of a part of the audits.
    pub(super) fn audit_name(part: u64) -> String {
        format!("audit-{part}")
    }

    /// The run folder of a part of the audits.
    pub(super) fn audit(&self, part: u64) -> PathBuf {
        self.rounds().join(Self::audit_name(part))
    }

    /// A file that head or jobs write.
    pub(super) fn of_slurm(&self, name: &str) -> PathBuf {
        self.folder.join(SLURM).join(name)
    }

    /// The script of a kind of jobs.
    pub(super) fn script(&self, kind: Kind) -> PathBuf {
        self.of_slurm(&kind.file())
    }

    /// Whether some round has begun.
    pub(super) fn has_rounds(&self) -> bool {
        self.rounds().read_dir().is_ok_and(|mut entries| entries.next().is_some())
    }

    /// The program that jobs start.
    pub(super) fn program(&self) -> PathBuf {
        self.of_slurm("trainmark")
    }

    /// What the job of a round or of a part of the audits prints.
    pub(super) fn output(&self, kind: Kind, number: u64) -> PathBuf {
        self.of_slurm(&format!("{}-{number}.out", kind.name()))
    }

    /// How many bytes that is; `None` before a job has begun.
    pub(super) fn printed(&self, kind: Kind, number: u64) -> Option<u64> {
        fs::metadata(self.output(kind, number)).ok().map(|file| file.len())
    }

    /// The run folder of a round or of a part of the audits.
    pub(super) fn record(&self, kind: Kind, number: u64) -> PathBuf {
        match kind {
            Kind::Round => self.round(number),
            Kind::Audit => self.audit(number),
        }
    }

    /// Keeps this program, so that all jobs run the same one, whatever is built meanwhile. One that is
    /// there from an earlier head stays: jobs may run it.
    pub(super) fn keep_program(&self) -> anyhow::Result<()> {
        let own = std::env::current_exe().context("cannot find this program's own file")?;
        let path = self.program();
        if path.exists() {
            return Ok(());
        }
        let temporary = self.of_slurm(&format!(".trainmark-{}", std::process::id()));
        // It takes no room where it is on the same disk.
        let kept = fs::hard_link(&own, &temporary).or_else(|_| fs::copy(&own, &temporary).map(drop));
        kept.and_then(|()| fs::rename(&temporary, &path))
            .with_context(|| format!("cannot copy {} to {}", own.display(), path.display()))
    }
}
