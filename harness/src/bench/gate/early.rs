//! Cells that have passed the gate while the machine did other things, too. That they compute the
//! same function holds; that a call took too long, or memory was short, does not.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use tempfile::NamedTempFile;
use trainmark_reports::record::Cell;

use super::{Gate, Verdict};
use crate::failure::FailureKind;

/// Where what a worker prints is kept.
#[derive(Debug, Clone)]
pub enum Log {
    /// At its place.
    At(PathBuf),
    /// In a file that is gone with the last who knows of it.
    Temporary(Arc<NamedTempFile>),
}

impl Log {
    /// One that nobody has asked for yet.
    ///
    /// # Errors
    /// Where no file can be made.
    pub fn temporary() -> anyhow::Result<Self> {
        let file = NamedTempFile::new().context("cannot create a temporary log")?;
        Ok(Self::Temporary(Arc::new(file)))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        match self {
            Self::At(path) => path,
            Self::Temporary(file) => file.path(),
        }
    }
}

/// What the gate found of a cell on a machine that was busy.
#[derive(Debug, Clone)]
pub struct Early {
    /// The cell.
    pub cell: Cell,
    /// All of it but its time.
    pub verdict: Verdict,
    /// What the worker has printed.
    log: Log,
}

impl Early {
    /// `None` where the user has interrupted it, or what ran beside it may be to blame: the cell is
    /// checked again by itself.
    pub(crate) fn new(cell: &Cell, verdict: Verdict, log: Log, is_alone: bool) -> Option<Self> {
        let is_final = match verdict.failure.as_ref().map(|failure| failure.kind) {
            Some(FailureKind::Interrupted) => false,
            Some(FailureKind::OutOfMemory | FailureKind::TimedOut) => is_alone,
            _ => true,
        };
        is_final.then(|| Self { cell: cell.clone(), verdict, log })
    }

    /// The verdict; what the worker has printed goes to `log`.
    ///
    /// # Errors
    /// Where the log cannot be written.
    pub(super) fn kept(self, log: &Path) -> anyhow::Result<Verdict> {
        if self.log.path() != log {
            log.parent().map_or(Ok(()), std::fs::create_dir_all)?;
            std::fs::copy(self.log.path(), log).with_context(|| format!("cannot write {}", log.display()))?;
        }
        Ok(self.verdict)
    }
}

impl Gate<'_> {
    /// With what was found of some cells on a busy machine.
    #[must_use]
    pub fn going_on(mut self, early: &[Early]) -> Self {
        for one in early {
            self.remember(&one.cell, &one.verdict.conformance);
        }
        self.early = early.to_vec();
        self
    }

    /// What was found of cells on a busy machine.
    pub fn early(&self) -> &[Early] {
        &self.early
    }

    /// Whether that is known of a cell.
    pub fn has_found(&self, cell: &Cell) -> bool {
        self.early.iter().any(|early| early.cell == *cell)
    }

    pub(super) fn take_early(&mut self, cell: &Cell) -> Option<Early> {
        let place = self.early.iter().position(|early| early.cell == *cell)?;
        Some(self.early.swap_remove(place))
    }
}
