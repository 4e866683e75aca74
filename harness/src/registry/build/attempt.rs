//! One build, from the lock to the stamp.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use trainmark_reports::{Locked, files, lock};

use super::fingerprint::setting;
use super::inputs::Inputs;
use super::reason::first_error;
use super::{Network, Recipe};
use crate::interrupt::{Interrupt, Interrupted};
use crate::process::{BoundedFile, Process, describe};

/// Bytes of a build's log: its first error may come late.
const LOG_LIMIT: usize = 4 << 20;

/// What there is to tell of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildEvent {
    /// Another process builds the same backend.
    Waiting,
    /// Its command was started.
    Begun,
    /// It has run for so long, and printed this line last.
    GoesOn {
        /// Time since it began.
        elapsed: Duration,
        /// The last line that it printed; empty where there is none yet.
        line: String,
    },
    /// It ended, after so long if it had begun.
    Ended {
        /// Time since it began.
        elapsed: Option<Duration>,
        /// The reason where it failed.
        result: Result<(), String>,
    },
}

impl Recipe {
    /// Builds the library, of which nothing is missing, unless another process has just done
    /// so. The build's output goes to [`Recipe::log`].
    ///
    /// # Errors
    /// Where the build fails, with its first error; [`Interrupted`] where the user interrupts.
    pub(super) fn build(
        &self,
        network: Network,
        interrupt: &Interrupt,
        heard: &mut dyn FnMut(BuildEvent),
    ) -> anyhow::Result<()> {
        self.written(fs::create_dir_all(&self.target))?;
        let _lock = self.written(self.lock(interrupt, heard))?;
        interrupt.check()?;
        if self.is_fresh()? {
            return Ok(());
        }
        let fingerprint = self.fingerprint()?;
        self.show_changes()?;
        // Whatever happens from here on, the library is not taken for a whole one, …
        for file in [self.stamp(), self.failure()] {
            self.written(remove(&file))?;
        }
        // … nor the old one for what a build made that puts its own elsewhere.
        if self.library().starts_with(&self.target) {
            self.written(remove(&self.library()))?;
        }
        let log = self.written(BoundedFile::create(&self.log(), LOG_LIMIT))?;
        heard(BuildEvent::Begun);
        let built = self.run(log, network, interrupt, heard);
        match &built {
            Ok(()) => self.written(fs::write(self.stamp(), fingerprint))?,
            Err(error) if error.is::<Interrupted>() => {}
            // For `list` and `doctor`; the build's own failure is what counts here.
            Err(error) => drop(fs::write(self.failure(), format!("{error:#}"))),
        }
        built
    }

    /// Sees that the build's tools see what has changed since it was begun last.
    fn show_changes(&self) -> anyhow::Result<()> {
        let ended = [self.stamp(), self.failure()];
        let ended = ended.iter().find_map(|file| fs::metadata(file).ok()?.modified().ok());
        let (inputs, found) =
            Inputs::now(setting(&self.artifact, &self.folder), &self.artifact, &self.folder)?;
        let before = self.written(Inputs::read(&self.seen()))?;
        // What an older trainmark has built of is not known.
        let before = before.or_else(|| ended.map(|_| Inputs::default()));
        if let Some(before) = before {
            inputs.renew(&found, &before, ended)?;
        }
        self.written(inputs.write(&self.seen()))
    }

    fn written<T>(&self, result: io::Result<T>) -> anyhow::Result<T> {
        result.with_context(|| format!("cannot write into {}", self.target.display()))
    }

    /// Takes the target folder for one build, in whichever process, or waits until the user
    /// interrupts.
    fn lock(&self, interrupt: &Interrupt, heard: &mut dyn FnMut(BuildEvent)) -> io::Result<File> {
        let file = files::open_own(&self.target.join("build.lock"), false)?;
        let locked = lock(&file, |tries| {
            if tries == 1 {
                heard(BuildEvent::Waiting);
            }
            !interrupt.is_set()
        });
        if locked == Locked::Unknown {
            crate::output::tell_without_locks(&self.target);
        }
        Ok(file)
    }

    fn run(
        &self,
        log: BoundedFile,
        network: Network,
        interrupt: &Interrupt,
        heard: &mut dyn FnMut(BuildEvent),
    ) -> anyhow::Result<()> {
        let start = Instant::now();
        let mut process = Process::start_guarded(
            &self.command(&self.artifact.build),
            &self.place(),
            &self.environment(network),
            Some(log),
        )?;
        let ended = process.finish(interrupt, Duration::MAX, &mut |line| {
            heard(BuildEvent::GoesOn { elapsed: start.elapsed(), line });
        });
        self.judge(ended?, network)
    }

    fn judge(&self, status: ExitStatus, network: Network) -> anyhow::Result<()> {
        let log = self.log();
        let (see, remark) = (log.display(), network.remark());
        if status.signal().is_some() {
            bail!("its build {}{remark}; see {see}", describe(Some(status)));
        }
        if !status.success() {
            let printed =
                fs::read(&log).with_context(|| format!("its build failed, and {see} cannot be read"))?;
            bail!("its build failed{remark}: {}; see {see}", first_error(&String::from_utf8_lossy(&printed)));
        }
        if !self.library().is_file() {
            bail!("its build ended well but left no {}{}; see {see}", self.library().display(), self.stray());
        }
        // Before the build it may be absent, as a Cargo.lock is.
        if let Some(input) = self.artifact.inputs.iter().find(|input| !self.folder.join(input).exists()) {
            bail!(
                "backend.toml names the input {input}, which is not there: its library would never be stale"
            );
        }
        Ok(())
    }
}

impl Recipe {
    /// Where cargo has put the library, if it is below a target's name.
    fn stray(&self) -> String {
        let library = self.library();
        let Ok(place) = library.strip_prefix(&self.target) else { return String::new() };
        let folders = fs::read_dir(&self.target).into_iter().flatten().flatten();
        let found = folders.map(|folder| folder.path().join(place)).find(|path| path.is_file());
        found.map_or_else(String::new, |path| {
            format!(", but {}: is build.target set in a .cargo/config.toml? Remove it there", path.display())
        })
    }
}

fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
