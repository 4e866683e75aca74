//! Several gates at once. Nothing of them is timed, and one alone leaves processors idle: while it
//! loads its library, or computes what only one thread can. They are told one after the other, in
//! the order in which they began.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::{Builder, Scope};

use anyhow::{Context, anyhow};
use trainmark_reports::record::{Cell, CheckRecord};

use super::{Early, Gate, Log, untimed};
use crate::bench::event::{Happening, Sink};
use crate::bench::prepare::ReadyCell;
use crate::bench::runner::JobReport;
use crate::failure::Failure;
use crate::machine;
use crate::worker::protocol::Message;
use crate::workload::Workload;

/// Gates at once: more would wait for each other, since each computes on all processors.
const MOST: usize = 2;

/// Memory that a gate may take.
const MEMORY: u64 = 1 << 30;

/// What is said of a gate under way, by the order in which it began.
pub(in crate::bench) struct Said {
    number: usize,
    what: What,
}

enum What {
    Checked(CheckRecord),
    Ended(anyhow::Result<JobReport>),
}

/// Tells how a gate has ended when it is dropped, however that comes.
struct Speaker<S: Fn(Said)> {
    say: S,
    number: usize,
    report: Option<anyhow::Result<JobReport>>,
}

impl<S: Fn(Said)> Drop for Speaker<S> {
    fn drop(&mut self) {
        let report =
            self.report.take().unwrap_or_else(|| Err(anyhow!("the thread of a gate has broken down")));
        (self.say)(Said { number: self.number, what: What::Ended(report) });
    }
}

/// A gate under way, or one that waits to be told.
struct Underway {
    cell: Cell,
    workload: Arc<Workload>,
    log: Log,
    /// Whether nothing has run beside it.
    is_alone: bool,
    is_announced: bool,
    /// Checks that are told.
    told: Vec<CheckRecord>,
    /// Checks that are not told yet.
    untold: VecDeque<CheckRecord>,
    ended: Option<anyhow::Result<JobReport>>,
}

impl Underway {
    /// Tells what there is to tell.
    fn tell(&mut self, sink: &mut dyn Sink) -> anyhow::Result<()> {
        if !std::mem::replace(&mut self.is_announced, true) {
            sink.hear(Happening::Checking(&self.cell))?;
        }
        while let Some(check) = self.untold.pop_front() {
            sink.hear(Happening::Checked(&self.cell, &check))?;
            self.told.push(check);
        }
        Ok(())
    }
}

/// Gates of cells, side by side.
pub(in crate::bench) struct Together<'t, 'g> {
    gate: &'t mut Gate<'g>,
    /// Whether something is built meanwhile.
    beside_builds: bool,
    underway: VecDeque<Underway>,
    /// Those that are told and gone.
    gone: usize,
}

impl<'t, 'g> Together<'t, 'g> {
    /// None yet, of this gate.
    pub(in crate::bench) fn new(gate: &'t mut Gate<'g>, beside_builds: bool) -> Self {
        Self { gate, beside_builds, underway: VecDeque::new(), gone: 0 }
    }

    /// Whether all have ended and are told.
    pub(in crate::bench) fn are_over(&self) -> bool {
        self.underway.is_empty()
    }

    /// Whether another may begin beside those under way and what else takes so many bytes. The
    /// first one alone always may.
    pub(in crate::bench) fn have_room(&self, bytes_beside: u64) -> bool {
        let running = self.running().count();
        let wanted = bytes_beside + MEMORY * (running as u64 + 1);
        let fits = || machine::available_memory_bytes().is_some_and(|bytes| bytes >= wanted);
        let is_alone = running == 0 && bytes_beside == 0;
        running < MOST.min(machine::logical_cpus()) && (is_alone || fits())
    }

    /// Whether a cell is to wait for one under way: a graphics processor's memory is one gate's alone.
    pub(in crate::bench) fn hold_up(&self, ready: &ReadyCell) -> bool {
        let device = &ready.cell.device;
        !device.is_cpu() && self.running().any(|one| one.cell.device == *device)
    }

    fn running(&self) -> impl Iterator<Item = &Underway> {
        self.underway.iter().filter(|one| one.ended.is_none())
    }

    /// Begins a cell's; what is said of it goes to `say`.
    ///
    /// # Errors
    /// Where there is no thread or no log for it.
    pub(in crate::bench) fn begin<'scope>(
        &mut self,
        scope: &'scope Scope<'scope, '_>,
        ready: ReadyCell,
        log: Log,
        say: impl Fn(Said) + Send + 'scope,
    ) -> anyhow::Result<()>
    where
        'g: 'scope,
    {
        let (runner, number) = (self.gate.runner, self.gone + self.underway.len());
        let (task, foresight) = (ready.task(self.gate.dataset, 1, 0), Arc::clone(&self.gate.foresight));
        let (cell, workload) = (ready.cell.clone(), Arc::clone(&ready.workload));
        let path = log.path().to_owned();
        let run = move || {
            let mut speaker = Speaker { say, number, report: None };
            let job = foresight.check(task, runner);
            speaker.report = Some(runner.run(&job, untimed(&ready), &path, &mut |message| {
                if let Message::Checked(check) = message {
                    (speaker.say)(Said { number, what: What::Checked(check.clone()) });
                }
                Ok(())
            }));
        };
        Builder::new().spawn_scoped(scope, run).context("cannot start a thread that checks")?;
        let is_alone = !self.beside_builds && self.running().next().is_none();
        self.underway.iter_mut().filter(|one| one.ended.is_none()).for_each(|one| one.is_alone = false);
        let (told, untold) = (Vec::new(), VecDeque::new());
        let (is_announced, ended) = (false, None);
        self.underway.push_back(Underway {
            cell,
            workload,
            log,
            is_alone,
            is_announced,
            told,
            untold,
            ended,
        });
        Ok(())
    }

    /// Hears what is said, and tells what is due.
    ///
    /// # Errors
    /// Where a job could not be started, or something cannot be told.
    pub(in crate::bench) fn hear(&mut self, said: Said, sink: &mut dyn Sink) -> anyhow::Result<()> {
        if let Some(one) = self.underway.get_mut(said.number - self.gone) {
            match said.what {
                What::Checked(check) => one.untold.push_back(check),
                What::Ended(report) => one.ended = Some(report),
            }
        }
        while let Some(first) = self.underway.front_mut() {
            first.tell(sink)?;
            if first.ended.is_none() {
                break;
            }
            self.gone += 1;
            if let Some(one) = self.underway.pop_front() {
                self.conclude(one, sink)?;
            }
        }
        Ok(())
    }

    /// Tells what one that has ended comes to, and keeps it unless the user has interrupted, or what
    /// ran beside it may be to blame.
    fn conclude(&mut self, one: Underway, sink: &mut dyn Sink) -> anyhow::Result<()> {
        let Underway { cell, workload, log, is_alone, told, ended, .. } = one;
        let Some(report) = ended.transpose()? else { return Ok(()) };
        let verdict = self.gate.conclude((&cell, &workload), told, report.ending, sink)?;
        let is_interrupted = verdict.failure.as_ref().is_some_and(Failure::is_interruption);
        match Early::new(&cell, verdict, log, is_alone) {
            Some(early) => self.gate.early.push(early),
            None if is_interrupted => {}
            None => {
                sink.hear(Happening::Note(&format!("{cell}: checked again when nothing runs beside it")))?
            }
        }
        Ok(())
    }
}

impl Gate<'_> {
    /// A single one has nothing to share with others, and is told as it goes on.
    fn check_alone(&mut self, ready: &ReadyCell, log: Log, sink: &mut dyn Sink) -> anyhow::Result<()> {
        let verdict = self.check(ready, log.path(), sink)?;
        self.early.extend(Early::new(&ready.cell, verdict, log, true));
        Ok(())
    }

    /// Checks cells, several at once, but those of which it is known what the gate finds; what their
    /// workers print goes where `log_of` says. What may be another's fault is not kept.
    ///
    /// # Errors
    /// Where a job cannot be started, or something cannot be told.
    pub fn check_together<'c>(
        &mut self,
        cells: impl IntoIterator<Item = &'c ReadyCell>,
        log_of: impl Fn(&ReadyCell) -> anyhow::Result<Log>,
        sink: &mut dyn Sink,
    ) -> anyhow::Result<()> {
        let waiting = cells.into_iter().filter(|one| !self.has_found(&one.cell));
        let mut waiting: VecDeque<&ReadyCell> = waiting.collect();
        if waiting.len() == 1 {
            return waiting.into_iter().try_for_each(|one| self.check_alone(one, log_of(one)?, sink));
        }
        let interrupt = self.runner.interrupt().clone();
        let (sender, said) = channel();
        std::thread::scope(|scope| {
            let mut together = Together::new(self, false);
            loop {
                while let Some(next) = waiting.front()
                    && !interrupt.is_set()
                    && together.have_room(0)
                    && !together.hold_up(next)
                {
                    let say = sender.clone();
                    // Whoever heard it has met an error.
                    together
                        .begin(scope, (*next).clone(), log_of(next)?, move |said| drop(say.send(said)))?;
                    waiting.pop_front();
                }
                if together.are_over() {
                    return Ok(());
                }
                together.hear(said.recv().context("a gate has vanished")?, sink)?;
            }
        })
    }
}
