//! Who may write a round's record. A node that Slurm has given up may live on, cut off, and its job
//! with it, while another job does the round again: the last that came is the one.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Builder;
use std::time::Duration;

use anyhow::{Context, bail};
use trainmark_reports::files;

use crate::bench::event::{Happening, Sink};
use crate::interrupt::Interrupt;

/// How often a job looks whether another has taken its place.
const PERIOD: Duration = Duration::from_millis(500);

/// A job's right to write.
#[derive(Debug, Clone)]
pub(super) struct Fence {
    path: PathBuf,
    own: String,
    is_lost: Arc<AtomicBool>,
}

impl Fence {
    /// Takes a round, beside whose folder its owner stands, for the job of this name.
    pub(super) fn take(folder: &Path, own: &str) -> anyhow::Result<Self> {
        let path = folder.with_extension("owner");
        files::replace(&path, own.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { path, own: own.to_owned(), is_lost: Arc::default() })
    }

    /// Whether a job, such as `12_3`, is the one that has taken a round at last.
    pub(super) fn is_of(folder: &Path, job: &str) -> bool {
        let owner = fs::read_to_string(folder.with_extension("owner")).unwrap_or_default();
        owner.strip_prefix(job).is_some_and(|rest| rest.starts_with('.'))
    }

    /// Whether another job has taken it. A file that cannot be read says nothing.
    fn is_lost(&self) -> bool {
        let is_other = fs::read(&self.path).is_ok_and(|owner| owner != self.own.as_bytes());
        is_other || self.is_lost.load(Ordering::SeqCst)
    }

    /// Interrupts what is under way once another job has taken the round.
    pub(super) fn watch(&self, interrupt: &Interrupt) -> anyhow::Result<()> {
        let (fence, interrupt) = (self.clone(), interrupt.clone());
        let watch = move || {
            while !fence.is_lost() {
                std::thread::sleep(PERIOD);
            }
            fence.is_lost.store(true, Ordering::SeqCst);
            interrupt.ask();
        };
        Builder::new().spawn(watch).context("cannot start a thread that watches for other jobs")?;
        Ok(())
    }
}

/// Hears only while no other job has taken the round: before the record.
impl Sink for Fence {
    fn hear(&mut self, happening: Happening<'_>) -> anyhow::Result<()> {
        if matches!(happening, Happening::Recorded(_)) && self.is_lost() {
            bail!("another job does this round now, as Slurm had given this one up: nothing more is written");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use trainmark_reports::record::Event;

    use super::*;

    #[test]
    fn the_last_job_is_the_one_that_writes() {
        let folder = tempfile::tempdir().unwrap();
        let round = folder.path().join("3");
        let mut first = Fence::take(&round, "12_3.0").unwrap();
        let event = Event::Resumed { unix_time: 0.0 };
        let tell = |fence: &mut Fence| fence.hear(Happening::Recorded(&event)).is_ok();
        assert!(tell(&mut first));
        let interrupt = Interrupt::default();
        first.watch(&interrupt).unwrap();
        let mut second = Fence::take(&round, "12_3.1").unwrap();
        assert!(!tell(&mut first) && tell(&mut second));
        assert!(Fence::is_of(&round, "12_3"));
        assert!(!Fence::is_of(&round, "12") && !Fence::is_of(&folder.path().join("4"), "12_3"));
        let began = std::time::Instant::now();
        while !interrupt.is_set() {
            assert!(began.elapsed() < Duration::from_secs(20));
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
