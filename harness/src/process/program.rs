//! The program that workers are started from: this very one, even where another has taken its
//! place on the disk since.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::Context;

/// What runs now, by the system's own name for it.
const OWN_IMAGE: &str = "/proc/self/exe";

/// A program that can be started, which also is the worker.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    /// Its file, held open, where the system starts a program by that.
    image: Option<Arc<File>>,
}

impl Program {
    /// This one. Built again meanwhile, it still is what it was when this process began.
    ///
    /// # Errors
    /// Where the system does not tell its file.
    pub fn own() -> anyhow::Result<Self> {
        let path = std::env::current_exe().context("cannot find this program's own file")?;
        let image = File::open(OWN_IMAGE).ok().map(Arc::new);
        Ok(Self { path, image })
    }

    /// Whatever lies at a path when it is started.
    pub fn at(path: PathBuf) -> Self {
        Self { path, image: None }
    }

    /// Where it lay at first.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What starts it, which must not outlive this.
    pub(crate) fn command(&self) -> Command {
        let Some(image) = &self.image else { return Command::new(&self.path) };
        // The descriptor is open in the child until the program has begun.
        let mut command = Command::new(format!("/proc/self/fd/{}", image.as_raw_fd()));
        command.arg0(&self.path);
        command
    }
}
