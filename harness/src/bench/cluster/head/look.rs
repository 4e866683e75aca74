//! The jobs of which no record comes to an end: which are lost, and what becomes of their rounds.

use trainmark_reports::StoreError;

use super::super::lost::{self, Fate, Loss};
use super::super::script::Kind;
use super::super::slurm::{JobId, Task};
use super::Head;

/// Looks in which a job must be gone before it counts as lost: a file server shows late what the
/// job has written at last.
const LOOKS: u32 = 2;

impl Head<'_> {
    /// Asks Slurm for the jobs that have not ended, and sees to those that are lost.
    pub(super) fn look(&mut self, kind: Kind) -> anyhow::Result<()> {
        let Some(slurm) = self.slurm else { return Ok(()) };
        let numbers: Vec<u64> = self
            .watched
            .iter()
            .filter(|(key, watched)| key.0 == kind && !watched.is_over)
            .map(|(key, _)| key.1)
            .collect();
        let job_of: Vec<(u64, Option<JobId>)> =
            numbers.into_iter().map(|number| (number, self.journal.last_of(kind, number))).collect();
        let mut jobs: Vec<JobId> = job_of.iter().filter_map(|(_, job)| *job).collect();
        jobs.sort_unstable();
        jobs.dedup();
        let tasks = match slurm.tasks(&jobs) {
            Ok(tasks) => tasks,
            // The jobs go on without it.
            Err(error) => return self.note(&format!("{error:#}; trainmark asks again")),
        };
        // What a job has written before it ended.
        self.gather()?;
        let mut lost = Vec::new();
        for (number, job) in job_of {
            let task = job.and_then(|job| tasks.task(job, number));
            let Some(watched) = self.watched.get_mut(&(kind, number)) else { continue };
            if watched.is_over || task.is_some_and(Task::is_alive) {
                watched.looks = 0;
                continue;
            }
            watched.looks += 1;
            if watched.looks >= LOOKS {
                let name = job.map_or_else(|| "its job".to_owned(), |job| format!("job {job}_{number}"));
                let words = lost::last_words(&self.layout.output(kind, number));
                let never_began =
                    |job| tasks.knows(job) && !watched.has_begun(&self.layout, kind, number, job);
                let fate = match (task, job) {
                    (Some(task), _) => Fate::Ended(task),
                    (None, Some(job)) if never_began(job) => Fate::NeverBegun,
                    (None, _) => Fate::Forgotten,
                };
                lost.push((number, Loss::of(&name, fate, &words, self.layout.folder())));
            }
        }
        self.see_to(kind, lost)
    }

    /// Submits jobs that were lost again, where that may help.
    fn see_to(&mut self, kind: Kind, lost: Vec<(u64, Loss)>) -> anyhow::Result<()> {
        let mut again = Vec::new();
        for (number, loss) in lost {
            let Some(watched) = self.watched.get_mut(&(kind, number)) else { continue };
            let what = format!("{} {number}", if kind == Kind::Round { "round" } else { "audit" });
            if self.cancelled.is_some() {
                watched.is_over = true;
            } else if loss.may_go_better && watched.may_go_on() {
                again.push(number);
                self.note(&format!("{what}: {}; it is submitted again, for what is left", loss.reason))?;
            } else {
                watched.is_over = true;
                self.note(&format!("{what}: {}", loss.reason))?;
                if kind == Kind::Round {
                    self.give_up(number, &loss.reason)?;
                }
            }
        }
        self.submit(kind, &again, &[])
    }

    /// Writes down that a round was given up. Another process that still holds its record may yet bring
    /// it to an end; then a resumed run gathers that.
    fn give_up(&mut self, seed: u64, reason: &str) -> anyhow::Result<()> {
        match lost::give_up(&self.layout, &self.started.plan, &self.started, seed, reason) {
            Ok(()) => self.gather(),
            Err(error)
                if error.downcast_ref().is_some_and(|error| matches!(error, StoreError::Locked { .. })) =>
            {
                self.note(&format!("round {seed}: {error:#}"))
            }
            Err(error) => Err(error),
        }
    }
}
