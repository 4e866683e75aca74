//! A device on the CPU, for tests: the kernels' own sources, compiled as C++ and run so
//! that races, divergent barriers and writes beyond an allocation show
//! (`kernels/emulator/emulator.hpp`).
#![expect(clippy::expect_used, reason = "only tests come here, and can do no better than panic")]

mod library;
mod memory;

use std::cell::RefCell;

use trainmark_plugin::Error;

use super::{Address, Argument, Device, Launch, Recording};
use library::Library;
#[cfg(feature = "cuda")]
pub(crate) use library::compile;
use memory::Memory;

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
    /// What is launched while recording.
    recording: Option<Vec<Kept>>,
    recordings: Vec<Vec<Kept>>,
    /// Of the next launch: from it comes the order of its blocks and threads.
    seed: u64,
}

/// A launch with arguments of its own.
#[derive(Debug, Clone)]
struct Kept {
    kernel: &'static str,
    grid: [u32; 3],
    block: [u32; 3],
    shared_bytes: u32,
    arguments: Vec<Argument>,
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

    /// Runs a kernel to its end.
    fn run(&self, launch: &Launch<'_>) -> Result<(), Error> {
        let State { memory, seed, .. } = &mut *self.state.borrow_mut();
        *seed += 1;
        self.library
            .run(launch, *seed)
            .and_then(|()| memory.check())
            .map_err(|why| Error::failed(format!("kernel {} {why}", launch.kernel)))
    }

    fn refuse_while_recording(&self, what: &str) -> Result<(), Error> {
        match self.state.borrow().recording {
            Some(_) => Err(Error::failed(format!("{what} while recording"))),
            None => Ok(()),
        }
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
        self.state.borrow_mut().memory.write(to, bytes)
    }

    fn download(&self, from: Address, bytes: &mut [u8]) -> Result<(), Error> {
        self.refuse_while_recording("download")?;
        self.state.borrow().memory.read(from, bytes)
    }

    fn launch(&self, launch: &Launch<'_>) -> Result<(), Error> {
        Self::check(launch)?;
        if let Some(recording) = &mut self.state.borrow_mut().recording {
            let &Launch { kernel, grid, block, shared_bytes, arguments } = launch;
            recording.push(Kept { kernel, grid, block, shared_bytes, arguments: arguments.to_vec() });
            return Ok(());
        }
        self.run(launch)
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
        let kept = self.state.borrow().recordings[recording.0].clone();
        kept.iter().try_for_each(|kept| {
            let Kept { kernel, grid, block, shared_bytes, ref arguments } = *kept;
            self.run(&Launch { kernel, grid, block, shared_bytes, arguments })
        })
    }

    fn finish(&self) -> Result<(), Error> {
        self.refuse_while_recording("waiting")
    }
}
