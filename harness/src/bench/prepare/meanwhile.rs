//! What is built passes the gate while the last builds go on: a compiler of one large file
//! leaves processors idle for minutes. Nothing is timed meanwhile.

use std::collections::{HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread::Builder;

use anyhow::Context;
use tempfile::NamedTempFile;
use trainmark_reports::record::Device;

use super::builds::Stale;
use super::devices::missing;
use super::wanted::Wanted;
use super::{Preparer, ReadyCell, ReadyLibrary};
use crate::bench::event::{Happening, Sink};
use crate::bench::gate::{Early, Gate};
use crate::data::DecodedFiles;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::machine;
use crate::registry::Library;
use crate::registry::build::{BuildEvent, Recipe, build_all};

/// Memory that a check may take beside what the builds declare.
const MEMORY_OF_CHECK: u64 = 1 << 30;

/// How far a build is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Waiting,
    Begun,
    Failed,
    Built,
}

/// Builds that go on in another thread.
struct Builds<'b> {
    stale: &'b [Stale<'b>],
    phases: Vec<Phase>,
    events: Receiver<(usize, BuildEvent)>,
    interrupt: &'b Interrupt,
    are_over: bool,
}

impl Builds<'_> {
    /// Tells what has happened since; does not wait.
    fn tell(&mut self, sink: &mut dyn Sink) -> anyhow::Result<()> {
        loop {
            match self.events.try_recv() {
                Ok((index, event)) => self.take(index, &event, sink)?,
                Err(TryRecvError::Empty) => return Ok(()),
                Err(TryRecvError::Disconnected) => {
                    self.are_over = true;
                    return Ok(());
                }
            }
        }
    }

    /// Waits for what happens next, and tells it.
    fn wait(&mut self, sink: &mut dyn Sink) -> anyhow::Result<()> {
        match self.events.recv() {
            Ok((index, event)) => self.take(index, &event, sink),
            Err(_) => {
                self.are_over = true;
                Ok(())
            }
        }
    }

    fn take(&mut self, index: usize, event: &BuildEvent, sink: &mut dyn Sink) -> anyhow::Result<()> {
        match event {
            BuildEvent::Begun => self.phases[index] = Phase::Begun,
            BuildEvent::Ended { result, .. } => {
                self.phases[index] = if result.is_ok() { Phase::Built } else { Phase::Failed };
            }
            BuildEvent::Waiting | BuildEvent::GoesOn { .. } => {}
        }
        self.stale[index].tell(event, self.interrupt, sink)
    }

    /// Whether there is room for a check: no build waits for a processor, and those that run
    /// leave enough memory, however much of theirs they have yet to take.
    fn leave_room(&self) -> bool {
        let phases = self.phases.iter().zip(self.stale);
        let declared: u64 =
            phases.filter(|(phase, _)| **phase == Phase::Begun).map(|(_, one)| one.recipe.memory()).sum();
        !self.are_over
            && !self.interrupt.is_set()
            && !self.phases.contains(&Phase::Waiting)
            && machine::available_memory_bytes().is_some_and(|bytes| bytes >= declared + MEMORY_OF_CHECK)
    }

    /// Whether a library lies there as it is to be.
    fn have_made(&self, library: &Library) -> bool {
        let path = library.path();
        let place = self.stale.iter().position(|one| one.recipe.library() == path);
        place.is_none_or(|place| self.phases[place] == Phase::Built)
    }
}

/// Tells of the builds whenever there is something else to tell.
struct Beside<'s, 'b> {
    builds: &'s mut Builds<'b>,
    sink: &'s mut dyn Sink,
}

impl Sink for Beside<'_, '_> {
    fn hear(&mut self, happening: Happening<'_>) -> anyhow::Result<()> {
        self.builds.tell(self.sink)?;
        self.sink.hear(happening)
    }
}

/// Libraries that were looked at, and cells that are to be checked.
#[derive(Default)]
struct Queue {
    seen: HashSet<PathBuf>,
    cells: VecDeque<ReadyCell>,
}

impl Preparer<'_> {
    /// Builds as [`Self::build`] does, and checks meanwhile what is built.
    ///
    /// # Errors
    /// Where the user interrupts, something cannot be told, or no job can be started.
    pub(super) fn build_and_check(
        &mut self,
        stale: &[Stale<'_>],
        wanted: &[Wanted<'_>],
        unbuilt: &HashSet<PathBuf>,
        dataset: &DecodedFiles,
    ) -> anyhow::Result<Vec<Result<(), String>>> {
        let recipes: Vec<&Recipe> = stale.iter().map(|one| one.recipe).collect();
        let (network, interrupt) = (self.network(), self.runner.interrupt());
        let (sender, events) = channel();
        let phases = vec![Phase::Waiting; stale.len()];
        let mut builds = Builds { stale, phases, events, interrupt, are_over: false };
        let queue = Queue { seen: unbuilt.clone(), ..Queue::default() };
        let results = std::thread::scope(|scope| {
            let recipes = &recipes;
            let build = move || {
                build_all(recipes, network, interrupt, &mut |index, event| {
                    // Where nobody hears it any more, that is told by who has stopped.
                    let _ = sender.send((index, event.clone()));
                })
            };
            let thread =
                Builder::new().spawn_scoped(scope, build).context("cannot start a thread that builds")?;
            let told = self.check_beside(&mut builds, queue, wanted, dataset);
            let results = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            told.map(|()| results)
        });
        interrupt.check()?;
        results
    }

    fn check_beside(
        &mut self,
        builds: &mut Builds<'_>,
        mut queue: Queue,
        wanted: &[Wanted<'_>],
        dataset: &DecodedFiles,
    ) -> anyhow::Result<()> {
        let mut gate = Gate::new(dataset, self.runner);
        while !builds.are_over {
            builds.tell(self.sink)?;
            let next = if builds.leave_room() { self.next_cell(&mut queue, builds, wanted)? } else { None };
            match next {
                Some(cell) => self.check_early(&mut gate, &cell, builds)?,
                None => builds.wait(self.sink)?,
            }
        }
        Ok(())
    }

    /// The next cell of a backend that is built.
    fn next_cell(
        &mut self,
        queue: &mut Queue,
        builds: &Builds<'_>,
        wanted: &[Wanted<'_>],
    ) -> anyhow::Result<Option<ReadyCell>> {
        for one in wanted {
            for library in one.libraries().filter(|library| builds.have_made(library)) {
                if !queue.cells.is_empty() {
                    break;
                }
                if !queue.seen.insert(library.path()) {
                    continue;
                }
                // What cannot be loaded is told of with the rest.
                if let Ok(ready) = self.load_once(one, library)? {
                    queue.cells.extend(self.usable_cells(one, &ready));
                }
            }
        }
        Ok(queue.cells.pop_front())
    }

    /// The cells of a library that can be run.
    fn usable_cells(&self, wanted: &Wanted<'_>, library: &ReadyLibrary) -> Vec<ReadyCell> {
        let mut cells = Vec::new();
        for workload in &self.workloads {
            // A wish that cannot be met is an error later, when every library has described itself.
            let implementations = wanted.implementations(&library.info, workload).unwrap_or_default();
            let usable = library.info.devices.iter().filter(|one| one.unavailable.is_none());
            for device in usable.filter(|one| missing(&one.id).is_none()).map(|one| Device::from(&*one.id)) {
                if wanted.wants(&device) {
                    let names = implementations.iter();
                    cells.extend(names.map(|name| self.ready_cell(workload, library, name, &device)));
                }
            }
        }
        cells
    }

    fn check_early(
        &mut self,
        gate: &mut Gate<'_>,
        ready: &ReadyCell,
        builds: &mut Builds<'_>,
    ) -> anyhow::Result<()> {
        if self.early.iter().any(|early| early.cell == ready.cell) {
            return Ok(());
        }
        let log = NamedTempFile::new().context("cannot create a temporary log")?;
        let verdict = gate.check(ready, log.path(), &mut Beside { builds, sink: self.sink })?;
        if verdict.failure.as_ref().is_some_and(Failure::is_interruption) {
            return Ok(());
        }
        match Early::new(&ready.cell, verdict, log) {
            Some(early) => self.early.push(early),
            None => self.sink.hear(Happening::Note(&format!(
                "{}: checked again when nothing is built any more",
                ready.cell
            )))?,
        }
        Ok(())
    }
}
