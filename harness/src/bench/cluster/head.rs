//! The head of a benchmark on a cluster: submits jobs, follows their records, and writes the
//! benchmark's.

mod look;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use trainmark_reports::Record;
use trainmark_reports::record::{Cell, Event, Outcome, Started};

use super::SlurmOptions;
use super::follower::{self, Follower};
use super::journal::{Journal, Submitted};
use super::layout::Layout;
use super::script::{self, Kind};
use super::slurm::{JobId, Slurm, Task};
use super::standing::{Jobs, Standing};
use super::watched::Watched;
use crate::bench::audit::FOLDER as AUDIT_FOLDER;
use crate::bench::event::{Happening, Sink};
use crate::bench::request::BenchRequest;
use crate::interrupt::Interrupt;
use crate::units;

/// How often records are looked at.
const PERIOD: Duration = Duration::from_millis(200);
/// How often Slurm is asked at first, …
const SHORT: Duration = Duration::from_secs(1);
/// … and after a while: it has others to serve.
const LONG: Duration = Duration::from_secs(10);
/// How often the page is written anew.
const PAGE: Duration = Duration::from_secs(3);
/// How long jobs that were cancelled may take to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Follows the jobs of a benchmark.
pub(in crate::bench) struct Head<'h> {
    layout: Layout,
    options: &'h SlurmOptions,
    started: Started,
    journal: Journal,
    watched: BTreeMap<(Kind, u64), Watched>,
    /// The cells that the record has audits of.
    audited: HashSet<Cell>,
    audits: bool,
    slurm: Option<Slurm>,
    sink: &'h mut dyn Sink,
    interrupt: &'h Interrupt,
    began: Instant,
    asked: Option<Instant>,
    cancelled: Option<Instant>,
    shown: Instant,
}

impl<'h> Head<'h> {
    /// Of the benchmark in a run folder, with what an earlier head has gathered.
    ///
    /// # Errors
    /// Where its record cannot be read.
    pub(in crate::bench) fn new(
        folder: &Path,
        request: &'h BenchRequest,
        options: &'h SlurmOptions,
        slurm: Option<Slurm>,
        sink: &'h mut dyn Sink,
        interrupt: &'h Interrupt,
    ) -> anyhow::Result<Self> {
        let layout = Layout::new(folder);
        let started = Record::read_started(folder)?;
        let mut lines: HashMap<u64, usize> = HashMap::new();
        let mut audited = HashSet::new();
        let mut own = Follower::new(folder, 0);
        loop {
            let events = own.news()?;
            if events.is_empty() {
                break;
            }
            for event in events {
                if let Some(seed) = follower::seed_of(&event) {
                    *lines.entry(seed).or_default() += 1;
                } else if let Event::Audited(audit) = event {
                    audited.insert(audit.cell);
                }
            }
        }
        let journal = Journal::read(&layout);
        let mut watched = BTreeMap::new();
        for &seed in &started.plan.seeds {
            let known = lines.get(&seed).copied().unwrap_or_default();
            watched.insert((Kind::Round, seed), Watched::new(&layout.round(seed), known));
        }
        let audits = request.schedule.audits();
        let (began, shown, asked, cancelled) = (Instant::now(), Instant::now(), None, None);
        let mut head = Self {
            layout,
            options,
            started,
            journal,
            watched,
            audited,
            audits,
            slurm,
            sink,
            interrupt,
            began,
            shown,
            asked,
            cancelled,
        };
        for part in head.begun_parts() {
            head.watch_audit(part);
        }
        Ok(head)
    }

    /// Parts of the audits, each once.
    fn parts(&self) -> u64 {
        let plan = &self.started.plan;
        script::audit_parts(self.options, plan.seeds.len(), plan.cells.len()) as u64
    }

    /// The parts of the audits that were submitted, or that jobs which were submitted by hand have begun.
    fn begun_parts(&self) -> Vec<u64> {
        let submitted = self.journal.numbers(Kind::Audit);
        let has_begun = |part: &u64| submitted.contains(part) || self.layout.audit(*part).is_dir();
        (0..self.parts()).filter(has_begun).collect()
    }

    fn watch_audit(&mut self, part: u64) {
        // Which of its lines are known, the cells say.
        let folder = self.layout.audit(part);
        self.watched.entry((Kind::Audit, part)).or_insert_with(|| Watched::new(&folder, 0));
    }

    /// Submits the rounds that have no result, but those whose jobs still wait or run.
    ///
    /// # Errors
    /// Where Slurm refuses, or the records cannot be written.
    pub(in crate::bench) fn submit_rounds(&mut self) -> anyhow::Result<()> {
        self.gather()?;
        let missing = self.missing_seeds()?;
        let alive = self.alive()?;
        for (&(kind, number), watched) in &mut self.watched {
            watched.is_over = !alive.contains(&(kind, number));
        }
        let wanted: Vec<u64> =
            missing.into_iter().filter(|&seed| !alive.contains(&(Kind::Round, seed))).collect();
        let going: Vec<u64> =
            alive.iter().filter(|(kind, _)| *kind == Kind::Round).map(|one| one.1).collect();
        if !going.is_empty() {
            let text = format!("{} of an earlier head go on", units::count(going.len(), "round"));
            self.note(&text)?;
        }
        self.submit(Kind::Round, &wanted, &[])
    }

    /// Submits the audits, to begin after all that was submitted.
    ///
    /// # Errors
    /// As [`Self::submit_rounds`].
    pub(in crate::bench) fn submit_audits_after(&mut self) -> anyhow::Result<()> {
        if self.audits && !self.started.plan.cells.is_empty() {
            let jobs = self.journal.jobs();
            self.submit(Kind::Audit, &(0..self.parts()).collect::<Vec<_>>(), &jobs)?;
        }
        Ok(())
    }

    /// Follows all jobs to their ends. Where the user interrupts, they are cancelled.
    ///
    /// # Errors
    /// Where Slurm refuses, or the records cannot be written.
    pub(in crate::bench) fn follow(&mut self) -> anyhow::Result<Outcome> {
        self.until_over(Kind::Round)?;
        if self.cancelled.is_none() {
            let parts = self.unaudited_parts();
            let alive = self.alive()?;
            let wanted: Vec<u64> =
                parts.into_iter().filter(|&part| !alive.contains(&(Kind::Audit, part))).collect();
            self.submit(Kind::Audit, &wanted, &[])?;
            self.until_over(Kind::Audit)?;
        }
        Ok(self.outcome())
    }

    fn outcome(&self) -> Outcome {
        let mut rounds = self.watched.iter().filter(|((kind, _), _)| *kind == Kind::Round);
        let is_cut = rounds.any(|(_, watched)| watched.follower.outcome == Some(Outcome::Budget));
        match (self.cancelled, is_cut) {
            (Some(_), _) => Outcome::Interrupted,
            (None, true) => Outcome::Budget,
            (None, false) => Outcome::Complete,
        }
    }

    /// Gathers what the jobs have written until now, and says where they are.
    ///
    /// # Errors
    /// Where the records cannot be read or written.
    pub(in crate::bench) fn collect(&mut self) -> anyhow::Result<(Standing, Outcome)> {
        self.gather()?;
        let alive = self.alive()?;
        let is_told = |&(kind, number): &(Kind, u64)| {
            self.slurm.is_some() && self.journal.last_of(kind, number).is_some()
        };
        let growing = self.watched.iter().filter(|(key, one)| !is_told(key) && one.follower.is_growing());
        let alive = alive.len() + growing.count();
        let jobs = match (self.journal.jobs().is_empty(), self.slurm) {
            (true, _) => Jobs::ByHand,
            (false, None) => Jobs::Unasked,
            (false, Some(_)) => Jobs::Told,
        };
        // What has ended between the two looks.
        self.gather()?;
        let has_ended = |watched: &&Watched| matches!(watched.follower.outcome, Some(outcome) if outcome != Outcome::Interrupted);
        let rounds = || self.watched.iter().filter(|((kind, _), _)| *kind == Kind::Round).map(|(_, one)| one);
        let (ended, all) = (rounds().filter(has_ended).count(), rounds().count());
        let is_over = alive == 0 && ended == all && self.unaudited_parts().is_empty();
        Ok((Standing { rounds: all, ended, alive, jobs, is_over }, self.outcome()))
    }

    fn until_over(&mut self, kind: Kind) -> anyhow::Result<()> {
        loop {
            self.gather()?;
            if self.interrupt.is_set() && self.cancelled.is_none() {
                self.cancel()?;
            }
            let is_late = self.cancelled.is_some_and(|at| at.elapsed() > PATIENCE);
            if is_late || !self.watched.iter().any(|(key, watched)| key.0 == kind && !watched.is_over) {
                return Ok(());
            }
            let pace = (SHORT + self.began.elapsed() / 20).min(LONG);
            let pace = if self.cancelled.is_some() { SHORT } else { pace };
            if self.asked.is_none_or(|at| at.elapsed() > pace) {
                self.look(kind)?;
                self.asked = Some(Instant::now());
            }
            std::thread::sleep(PERIOD);
        }
    }

    fn cancel(&mut self) -> anyhow::Result<()> {
        self.cancelled = Some(Instant::now());
        self.asked = None;
        self.note("interrupted: the jobs are cancelled")?;
        let jobs = self.journal.jobs();
        match self.slurm.filter(|_| !jobs.is_empty()).map(|slurm| slurm.cancel(&jobs)) {
            Some(Err(error)) => self.note(&format!("{error:#}; cancel them with scancel: {jobs:?}")),
            _ => Ok(()),
        }
    }

    /// Passes on what the jobs have written.
    fn gather(&mut self) -> anyhow::Result<()> {
        let mut any = false;
        for watched in self.watched.values_mut() {
            loop {
                let events = watched.follower.news()?;
                if events.is_empty() {
                    break;
                }
                for event in events {
                    if let Event::Audited(audit) = &event
                        && !self.audited.insert(audit.cell.clone())
                    {
                        continue;
                    }
                    if let Event::Round(round) = &event
                        && let Some(node) = &round.node
                    {
                        let text = format!("round {} runs on {} (job {})", round.seed, node.name, node.job);
                        self.sink.hear(Happening::Note(&text))?;
                    }
                    self.sink.hear(Happening::Recorded(&event))?;
                    any = true;
                }
            }
            if matches!(watched.follower.outcome, Some(outcome) if outcome != Outcome::Interrupted) {
                watched.is_over = true;
            }
        }
        if any && self.shown.elapsed() > PAGE {
            self.shown = Instant::now();
            self.sink.hear(Happening::Pause)?;
        }
        Ok(())
    }

    /// The seeds of the rounds that lack a result of some cell.
    fn missing_seeds(&self) -> anyhow::Result<Vec<u64>> {
        let record = Record::read(self.layout.folder())?;
        let made: HashSet<(&Cell, u64)> =
            record.samples().filter(|run| run.has_result()).map(|run| (&run.cell, run.seed)).collect();
        let plan = &record.started.plan;
        let lacks = |seed: &u64| plan.cells.iter().any(|cell| !made.contains(&(cell, *seed)));
        Ok(plan.seeds.iter().copied().filter(lacks).collect())
    }

    /// The parts of the audits that have something to audit.
    fn unaudited_parts(&self) -> Vec<u64> {
        let (plan, parts) = (&self.started.plan, self.parts());
        let entries = self.layout.folder().join(AUDIT_FOLDER).read_dir().into_iter().flatten().flatten();
        let drawn = entries.filter_map(|entry| entry.path().file_stem()?.to_str()?.parse::<u64>().ok());
        let is_open =
            |index: &u64| plan.cells.get(*index as usize).is_some_and(|cell| !self.audited.contains(cell));
        let mut wanted: Vec<u64> =
            drawn.filter(|index| self.audits && is_open(index)).map(|index| index % parts).collect();
        wanted.sort_unstable();
        wanted.dedup();
        wanted
    }

    fn submit(&mut self, kind: Kind, numbers: &[u64], after: &[JobId]) -> anyhow::Result<()> {
        let Some(slurm) = self.slurm.filter(|_| !numbers.is_empty()) else { return Ok(()) };
        let array = script::array(numbers, self.options);
        let job = slurm.submit(&self.layout.script(kind), &array, after);
        let job = match self.journal.jobs().is_empty() && !self.layout.has_rounds() {
            true => job.with_context(|| {
                format!("nothing was submitted, and {} may be deleted", self.layout.folder().display())
            })?,
            false => job?,
        };
        self.journal.add(&self.layout, Submitted { job, kind, numbers: numbers.to_vec() })?;
        for &number in numbers {
            if kind == Kind::Audit {
                self.watch_audit(number);
            }
            if let Some(watched) = self.watched.get_mut(&(kind, number)) {
                watched.submitted(self.layout.printed(kind, number));
            }
        }
        self.asked = None;
        let what = match kind {
            Kind::Round => units::count(numbers.len(), "round"),
            Kind::Audit => format!("the audits in {}", units::count(numbers.len(), "part")),
        };
        self.note(&format!("submitted {what} as job {job}"))
    }

    /// The tasks that wait or run, by kind and number.
    fn alive(&self) -> anyhow::Result<HashSet<(Kind, u64)>> {
        let jobs = self.journal.jobs();
        let Some(slurm) = self.slurm.filter(|_| !jobs.is_empty()) else { return Ok(HashSet::new()) };
        let tasks = slurm.tasks(&jobs)?;
        let is_alive = |(kind, number): &&(Kind, u64)| {
            let job = self.journal.last_of(*kind, *number);
            job.and_then(|job| tasks.task(job, *number)).is_some_and(Task::is_alive)
        };
        Ok(self.watched.keys().filter(is_alive).copied().collect())
    }

    fn note(&mut self, text: &str) -> anyhow::Result<()> {
        self.sink.hear(Happening::Note(text))
    }
}
