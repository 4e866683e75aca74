//! A device on the CPU, for tests: the kernels' own sources, compiled as C++ and run so
//! that races, divergent barriers and writes beyond an allocation show
//! (`kernels/emulator/emulator.hpp`).
#![expect(clippy::expect_used, reason = "only tests come here, and can do no better than panic")]

mod library;
mod memory;

use std::cell::RefCell;

use trainmark_plugin::Error;

use super::{Address, Device, KeptLaunch, Launch, Launcher, Pinned, Recording};
use library::Library;
#[cfg(feature = "cuda")]
pub(crate) use library::compile;
use memory::{Memory, Range};

/// Shared memory that a block may ask for: the least of all devices that the kernels are for.
pub(crate) const SHARED_BYTES: u32 = 99 * 1024;

/// One emulated device.
pub(crate) struct Emulator {
    library: &'static Library,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    memory: Memory,
    /// The host's, which copies use.
    pinned: Memory,
    /// Whether copies from or to it may be under way on a device that does not wait.
    is_copying: bool,
    /// What is asked for while recording.
    recording: Option<Vec<Work>>,
    recordings: Vec<Vec<Work>>,
    /// What the kernel before has changed, for one that overlaps with it: nothing where
    /// something else came in between.
    changed: Option<Vec<Range>>,
    /// Whether that is kept.
    watches: bool,
    /// Of the next launch: from it comes the order of its blocks and threads.
    seed: u64,
}

/// What is done at once, or kept while recording.
#[derive(Debug, Clone)]
enum Work {
    Launch(KeptLaunch),
    Send(Address, Pinned),
    Fetch(Pinned, Address),
}

impl State {
    /// Runs a kernel to its end.
    fn run_kernel(&mut self, library: &Library, launch: &Launch<'_>) -> Result<(), Error> {
        let failed = |why: String| Error::failed(format!("kernel {} {why}", launch.kernel));
        self.seed += 1;
        let changed = self.changed.take();
        let all = self.memory.ranges();
        let overlap = match (launch.overlaps, &changed) {
            (true, None) => return Err(failed("overlaps, but with no kernel that is watched".to_owned())),
            (true, Some(changed)) => Some((&changed[..], &all[..])),
            (false, _) => None,
        };
        let before = self.watches.then(|| self.memory.contents());
        library.run(launch, self.seed, overlap).and_then(|()| self.memory.check()).map_err(failed)?;
        self.changed = before.map(|before| self.memory.changes(&before));
        Ok(())
    }
}

impl Emulator {
    /// A device whose blocks and threads run in an order of this seed; `None`, said on
    /// standard error, where there is no C++ compiler.
    ///
    /// # Panics
    /// Where the kernels do not compile, or `TRAINMARK_REQUIRE` asks for a compiler that is missing.
    pub(crate) fn new(seed: u64) -> Option<Self> {
        let library = library::get()?;
        // Seeds of two devices shall not meet.
        let state = State { seed: seed << 32, ..State::default() };
        Some(Self { library, state: RefCell::new(state) })
    }

    /// The device, for kernels that overlap: it keeps what each one changes, which takes time.
    pub(crate) fn watching(self) -> Self {
        self.state.borrow_mut().watches = true;
        self
    }

    fn check(launch: &Launch<'_>) -> Result<(), Error> {
        let Launch { kernel, grid, block, shared_bytes, .. } = *launch;
        let threads: u64 = block.iter().map(|&side| u64::from(side)).product();
        let has_room = shared_bytes <= SHARED_BYTES;
        let is_grid = grid[0] <= i32::MAX as u32 && grid[1..].iter().all(|&side| side <= 65_535);
        if grid.contains(&0) || !(1..=1024).contains(&threads) || !is_grid || !has_room {
            return Err(Error::failed(format!(
                "kernel {kernel}: no device runs a grid of {grid:?} blocks of {block:?} threads with \
                 {shared_bytes} bytes"
            )));
        }
        Ok(())
    }

    /// Does it, or keeps it while recording.
    fn give(&self, work: Work) -> Result<(), Error> {
        if let Some(recording) = &mut self.state.borrow_mut().recording {
            recording.push(work);
            return Ok(());
        }
        self.run(&work)
    }

    fn run(&self, work: &Work) -> Result<(), Error> {
        let state = &mut *self.state.borrow_mut();
        match *work {
            Work::Launch(ref kept) => return state.run_kernel(self.library, &kept.launch()),
            Work::Send(to, from) => {
                let mut bytes = vec![0; from.bytes];
                state.pinned.read(Address(from.address), &mut bytes)?;
                state.memory.write(to, &bytes)?;
            }
            Work::Fetch(to, from) => {
                let mut bytes = vec![0; to.bytes];
                state.memory.read(from, &mut bytes)?;
                state.pinned.write(Address(to.address), &bytes)?;
            }
        }
        state.is_copying = true;
        state.changed = None;
        Ok(())
    }

    fn refuse_while_copying(&self, what: &str) -> Result<(), Error> {
        match self.state.borrow().is_copying {
            true => Err(Error::failed(format!("{what} pinned memory before copies are finished"))),
            false => Ok(()),
        }
    }

    fn refuse_while_recording(&self, what: &str) -> Result<(), Error> {
        match self.state.borrow().recording {
            Some(_) => Err(Error::failed(format!("{what} while recording"))),
            None => Ok(()),
        }
    }
}

impl Launcher for Emulator {
    fn launch(&self, launch: &Launch<'_>) -> Result<(), Error> {
        Self::check(launch)?;
        self.give(Work::Launch(KeptLaunch::of(launch)))
    }
}

impl Device for Emulator {
    fn allocate(&self, bytes: usize) -> Result<Address, Error> {
        self.refuse_while_recording("allocation")?;
        if bytes == 0 {
            return Err(Error::failed("an allocation of no bytes"));
        }
        Ok(self.state.borrow_mut().memory.allocate(bytes))
    }

    fn upload(&self, to: Address, bytes: &[u8]) -> Result<(), Error> {
        self.refuse_while_recording("upload")?;
        self.state.borrow_mut().changed = None;
        self.state.borrow_mut().memory.write(to, bytes)
    }

    fn download(&self, from: Address, bytes: &mut [u8]) -> Result<(), Error> {
        self.refuse_while_recording("download")?;
        self.state.borrow().memory.read(from, bytes)
    }

    fn pin(&self, bytes: usize) -> Result<Pinned, Error> {
        self.refuse_while_recording("pinning")?;
        let address = self.state.borrow_mut().pinned.allocate(bytes).0;
        Ok(Pinned { address, bytes })
    }

    fn write(&self, to: Pinned, bytes: &[u8]) -> Result<(), Error> {
        self.refuse_while_copying("writing to")?;
        to.check(bytes.len())?;
        self.state.borrow_mut().pinned.write(Address(to.address), bytes)
    }

    fn read(&self, from: Pinned, bytes: &mut [u8]) -> Result<(), Error> {
        self.refuse_while_copying("reading from")?;
        from.check(bytes.len())?;
        self.state.borrow().pinned.read(Address(from.address), bytes)
    }

    fn send(&self, to: Address, from: Pinned) -> Result<(), Error> {
        self.give(Work::Send(to, from))
    }

    fn fetch(&self, to: Pinned, from: Address) -> Result<(), Error> {
        self.give(Work::Fetch(to, from))
    }

    fn record(&self, work: &mut dyn FnMut() -> Result<(), Error>) -> Result<Recording, Error> {
        self.refuse_while_recording("recording")?;
        self.state.borrow_mut().recording = Some(Vec::new());
        let done = work();
        let State { recording, recordings, .. } = &mut *self.state.borrow_mut();
        let recorded = recording.take().unwrap_or_default();
        done?;
        recordings.push(recorded);
        Ok(Recording(recordings.len() - 1))
    }

    fn replay(&self, recording: Recording) -> Result<(), Error> {
        self.refuse_while_recording("replay")?;
        let recorded = self.state.borrow().recordings[recording.0].clone();
        self.state.borrow_mut().changed = None;
        recorded.iter().try_for_each(|work| self.run(work))
    }

    fn finish(&self) -> Result<(), Error> {
        self.refuse_while_recording("waiting")?;
        self.state.borrow_mut().is_copying = false;
        Ok(())
    }
}
