//! What is built passes the gate while the last builds go on: a compiler of one large file
//! leaves processors idle for minutes. Nothing is timed meanwhile.

use std::collections::{HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, Scope};

use anyhow::Context;
use trainmark_reports::record::{Cell, Device};

use super::builds::Stale;
use super::devices::missing;
use super::wanted::Wanted;
use super::{Preparer, ReadyCell, ReadyLibrary};
use crate::bench::event::Sink;
use crate::bench::gate::{Gate, Log, Said, Together};
use crate::data::DecodedFiles;
use crate::interrupt::Interrupt;
use crate::machine;
use crate::registry::Library;
use crate::registry::build::{BuildEvent, Recipe, build_all};

/// How far a build is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Waiting,
    Begun,
    Failed,
    Built,
}

/// What the threads of builds and gates have to say.
enum Heard {
    Build(usize, BuildEvent),
    BuildsAreOver,
    Gate(Said),
}

/// The builds' end of the channel: says when they are over, however they ended.
struct TellsEnd(Sender<Heard>);

impl Drop for TellsEnd {
    fn drop(&mut self) {
        let _ = self.0.send(Heard::BuildsAreOver);
    }
}

/// Builds that go on in another thread.
struct Builds<'b> {
    stale: &'b [Stale<'b>],
    phases: Vec<Phase>,
    interrupt: &'b Interrupt,
    are_over: bool,
}

impl Builds<'_> {
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

    /// Whether they leave room for another gate: no build waits for a processor, not all
    /// processors have both a build and a gate, and there is memory, however much of theirs the
    /// builds have yet to take.
    fn leave_room(&self, together: &Together<'_, '_>) -> bool {
        let phases = self.phases.iter().zip(self.stale);
        let begun: Vec<u64> =
            phases.filter(|(phase, _)| **phase == Phase::Begun).map(|(_, one)| one.recipe.memory()).collect();
        let is_busy = begun.len() >= machine::logical_cpus() && !together.are_over();
        !self.are_over
            && !self.interrupt.is_set()
            && !self.phases.contains(&Phase::Waiting)
            && !is_busy
            && together.have_room(begun.iter().sum())
    }

    /// Whether a library lies there as it is to be.
    fn have_made(&self, library: &Library) -> bool {
        let path = library.path();
        let place = self.stale.iter().position(|one| one.recipe.library() == path);
        place.is_none_or(|place| self.phases[place] == Phase::Built)
    }
}

/// Libraries that were looked at, and cells that are to be checked.
#[derive(Default)]
struct Queue {
    seen: HashSet<PathBuf>,
    begun: HashSet<Cell>,
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
        let (sender, heard) = channel();
        let phases = vec![Phase::Waiting; stale.len()];
        let builds = Builds { stale, phases, interrupt, are_over: false };
        let queue = Queue { seen: unbuilt.clone(), ..Queue::default() };
        let mut gate = Gate::new(dataset, self.runner);
        let results = std::thread::scope(|scope| {
            let (recipes, builder) = (&recipes, TellsEnd(sender.clone()));
            let build = move || {
                build_all(recipes, network, interrupt, &mut |index, event| {
                    // Where nobody hears it any more, that is told by who has stopped.
                    let _ = builder.0.send(Heard::Build(index, event.clone()));
                })
            };
            let thread =
                Builder::new().spawn_scoped(scope, build).context("cannot start a thread that builds")?;
            let mut together = Together::new(&mut gate, true);
            let told = self.check_beside(scope, builds, &mut together, queue, wanted, (&sender, &heard));
            let results = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            told.map(|()| results)
        });
        interrupt.check()?;
        self.early = gate.early().to_vec();
        results
    }

    /// Until the builds are over, and the gates that have begun.
    fn check_beside<'scope, 'g: 'scope>(
        &mut self,
        scope: &'scope Scope<'scope, '_>,
        mut builds: Builds<'_>,
        together: &mut Together<'_, 'g>,
        mut queue: Queue,
        wanted: &[Wanted<'_>],
        (sender, heard): (&Sender<Heard>, &Receiver<Heard>),
    ) -> anyhow::Result<()> {
        while !builds.are_over || !together.are_over() {
            while builds.leave_room(together)
                && let Some(next) = self.next_cell(&mut queue, &builds, wanted)?
            {
                if together.hold_up(&next) {
                    queue.cells.push_front(next);
                    break;
                }
                if queue.begun.insert(next.cell.clone()) {
                    let say = sender.clone();
                    together.begin(scope, next, Log::temporary()?, move |said| {
                        drop(say.send(Heard::Gate(said)))
                    })?;
                }
            }
            match heard.recv().context("builds and gates have vanished")? {
                Heard::Build(index, event) => builds.take(index, &event, self.sink)?,
                Heard::BuildsAreOver => builds.are_over = true,
                Heard::Gate(said) => together.hear(said, self.sink)?,
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
                    cells.extend(self.ready_cells(workload, library, &implementations, &device));
                }
            }
        }
        cells
    }
}
