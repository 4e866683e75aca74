//! Emulated memory: each allocation between fences of NaN, so that what is read beyond it
//! spoils a result and what is written beyond it is seen.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::slice;

use trainmark_plugin::Error;

use super::Address;

/// Every byte of a fence: as float32, float64, or all bits of an index.
const POISON: u8 = 0xff;
/// Bytes of a fence; a multiple of the alignment, so that the allocation has it too.
const FENCE: usize = 1024;
/// Of the driver's allocations.
const ALIGNMENT: usize = 256;

/// All allocations of a device.
#[derive(Debug, Default)]
pub(super) struct Memory {
    regions: Vec<Region>,
}

/// Bytes side by side, as `overlap.hpp` has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Range {
    start: u64,
    bytes: u64,
}

/// Fence, so many bytes, fence.
#[derive(Debug)]
struct Region {
    start: *mut u8,
    layout: Layout,
    bytes: usize,
}

impl Region {
    fn new(bytes: usize) -> Self {
        let layout = Layout::from_size_align(bytes + 2 * FENCE, ALIGNMENT).expect("tests ask for little");
        // SAFETY: the layout has at least the fences' size.
        let start = unsafe { alloc(layout) };
        if start.is_null() {
            handle_alloc_error(layout);
        }
        // SAFETY: both ranges lie in the memory just allocated.
        unsafe {
            start.write_bytes(POISON, layout.size());
            start.add(FENCE).write_bytes(0, bytes);
        }
        Self { start, layout, bytes }
    }

    fn address(&self) -> Address {
        Address(self.start as u64 + FENCE as u64)
    }

    fn contents(&self) -> &[u8] {
        // SAFETY: initialised by `new`, in the allocation; kernels run inside calls only, so
        // nothing writes meanwhile.
        unsafe { slice::from_raw_parts(self.start.add(FENCE), self.bytes) }
    }

    fn has_whole_fences(&self) -> bool {
        // SAFETY: both fences were initialised by `new` and lie in the allocation; kernels
        // run inside calls only, so nothing writes meanwhile.
        let fences = unsafe {
            [
                slice::from_raw_parts(self.start, FENCE),
                slice::from_raw_parts(self.start.add(FENCE + self.bytes), FENCE),
            ]
        };
        fences.iter().all(|fence| fence.iter().all(|&byte| byte == POISON))
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout.
        unsafe { dealloc(self.start, self.layout) }
    }
}

impl Memory {
    pub(super) fn allocate(&mut self, bytes: usize) -> Address {
        self.regions.push(Region::new(bytes));
        self.regions[self.regions.len() - 1].address()
    }

    /// Where `bytes` bytes from this address are, if they lie in one allocation.
    fn place(&self, address: Address, bytes: usize) -> Result<*mut u8, Error> {
        for region in &self.regions {
            if let Some(offset) = address.0.checked_sub(region.address().0) {
                let offset = offset as usize;
                if offset < region.bytes && bytes <= region.bytes - offset {
                    // SAFETY: inside the region, as just checked.
                    return Ok(unsafe { region.start.add(FENCE + offset) });
                }
            }
        }
        Err(Error::failed(format!("a copy of {bytes} bytes at {address:?} leaves its allocation")))
    }

    pub(super) fn write(&mut self, to: Address, bytes: &[u8]) -> Result<(), Error> {
        if bytes.is_empty() {
            return Ok(());
        }
        let to = self.place(to, bytes.len())?;
        // SAFETY: `place` says that so many bytes are there; the source is elsewhere.
        unsafe { to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        Ok(())
    }

    pub(super) fn read(&self, from: Address, bytes: &mut [u8]) -> Result<(), Error> {
        if bytes.is_empty() {
            return Ok(());
        }
        let from = self.place(from, bytes.len())?;
        // SAFETY: as in `write`.
        unsafe { from.copy_to_nonoverlapping(bytes.as_mut_ptr(), bytes.len()) };
        Ok(())
    }

    /// Every allocation.
    pub(super) fn ranges(&self) -> Vec<Range> {
        let range = |region: &Region| Range { start: region.address().0, bytes: region.bytes as u64 };
        self.regions.iter().map(range).collect()
    }

    /// What each allocation holds, for [`Memory::changes`].
    pub(super) fn contents(&self) -> Vec<Vec<u8>> {
        self.regions.iter().map(|region| region.contents().to_vec()).collect()
    }

    /// Where words differ from what was held before.
    pub(super) fn changes(&self, before: &[Vec<u8>]) -> Vec<Range> {
        const WORD: usize = 4;
        let mut changes: Vec<Range> = Vec::new();
        for (region, before) in self.regions.iter().zip(before) {
            let words = region.contents().chunks(WORD).zip(before.chunks(WORD));
            for (place, (now, before)) in (region.address().0..).step_by(WORD).zip(words) {
                let bytes = now.len() as u64;
                match changes.last_mut() {
                    _ if now == before => {}
                    Some(last) if last.start + last.bytes == place => last.bytes += bytes,
                    _ => changes.push(Range { start: place, bytes }),
                }
            }
        }
        changes
    }

    /// Says so where something was written beyond an allocation.
    pub(super) fn check(&self) -> Result<(), String> {
        match self.regions.iter().find(|region| !region.has_whole_fences()) {
            Some(region) => Err(format!("writes beyond an allocation of {} bytes", region.bytes)),
            None => Ok(()),
        }
    }
}
