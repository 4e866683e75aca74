//! Where kernels run: on a GPU through the driver, or in tests on the CPU.
//!
//! A session allocates once, uploads the data set once, and then only launches; it never
//! sees more of a device than [`Device`]. So the same session and the same kernel sources
//! are tested without a GPU.

#[cfg(feature = "cuda")]
pub(crate) mod driver;
#[cfg(all(test, target_os = "linux"))]
pub(crate) mod emulator;
mod launch;

pub(crate) use launch::{Argument, KeptLaunch, Launch};
use trainmark_plugin::{Error, ErrorKind};

/// A place in a device's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address(pub(crate) u64);

impl Address {
    /// No place, for a kernel that asks whether it is given one.
    pub(crate) const NULL: Self = Self(0);

    /// The place so many values of four bytes (float32, uint32) further on.
    pub(crate) fn words(self, count: usize) -> Self {
        Self(self.0 + 4 * count as u64)
    }
}

/// Memory of the host that stays where it is, so that a device copies from and to it by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pinned {
    /// Where it lies, for the host.
    address: u64,
    bytes: usize,
}

impl Pinned {
    /// # Errors
    /// Where there is no room for so many bytes.
    fn check(self, bytes: usize) -> Result<(), Error> {
        match bytes <= self.bytes {
            true => Ok(()),
            false => Err(Error::failed(format!("{bytes} bytes of {} that are pinned", self.bytes))),
        }
    }
}

/// A sequence of launches and copies that a device keeps, to run again as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recording(pub(crate) usize);

/// What takes kernels.
pub(crate) trait Launcher {
    /// Starts a kernel and does not wait for it.
    ///
    /// # Errors
    /// Where there is no such kernel or the launch asks for too much.
    fn launch(&self, launch: &Launch<'_>) -> Result<(), Error>;
}

/// Work is done in the order in which it is given, one after the other.
pub(crate) trait Device: Launcher {
    /// Memory of so many bytes, zeroed, aligned to 256; it lives as long as the device.
    /// Not while recording.
    ///
    /// # Errors
    /// `out of memory`.
    fn allocate(&self, bytes: usize) -> Result<Address, Error>;

    /// Copies to the device, after all work before it. Not while recording.
    ///
    /// # Errors
    /// What work before it failed with, as from every call that follows.
    fn upload(&self, to: Address, bytes: &[u8]) -> Result<(), Error>;

    /// Copies from the device, after all work before it. Not while recording.
    ///
    /// # Errors
    /// As [`Device::upload`].
    fn download(&self, from: Address, bytes: &mut [u8]) -> Result<(), Error>;

    /// Memory of the host of so many bytes, at least 1, for the copies below; it lives as long
    /// as the device. Not while recording.
    ///
    /// # Errors
    /// `out of memory`.
    fn pin(&self, bytes: usize) -> Result<Pinned, Error>;

    /// Writes into pinned memory from its beginning, which no copy may be reading.
    ///
    /// # Errors
    /// Where it has no room for so many bytes.
    fn write(&self, to: Pinned, bytes: &[u8]) -> Result<(), Error>;

    /// Reads pinned memory from its beginning, once copies to it are [finished](Device::finish).
    ///
    /// # Errors
    /// Where it has fewer bytes.
    fn read(&self, from: Pinned, bytes: &mut [u8]) -> Result<(), Error>;

    /// Starts copying all of pinned memory to the device, and does not wait for it.
    ///
    /// # Errors
    /// As [`Device::upload`].
    fn send(&self, to: Address, from: Pinned) -> Result<(), Error>;

    /// Starts filling pinned memory from the device, and does not wait for it.
    ///
    /// # Errors
    /// As [`Device::upload`].
    fn fetch(&self, to: Pinned, from: Address) -> Result<(), Error>;

    /// Keeps what `work` launches, sends and fetches instead of doing it. Arguments are kept as
    /// they are, so what changes from one run to the next must be read from memory. What the
    /// device can do for a recording before its first run is done now.
    ///
    /// # Errors
    /// The work's own.
    fn record(&self, work: &mut dyn FnMut() -> Result<(), Error>) -> Result<Recording, Error>;

    /// Starts a recording and does not wait for it.
    ///
    /// # Errors
    /// As [`Device::upload`].
    fn replay(&self, recording: Recording) -> Result<(), Error>;

    /// Waits until all work is done.
    ///
    /// # Errors
    /// As [`Device::upload`].
    fn finish(&self) -> Result<(), Error>;
}

/// float32 or uint32: values of four bytes, which every host of such a device has in its order.
pub(crate) trait Word: bytemuck::Pod {}
impl Word for f32 {}
impl Word for u32 {}

/// Typed copies, and allocation with contents.
impl dyn Device + '_ {
    /// [`Device::allocate`] for so many values of four bytes; at least one, so that an empty
    /// tensor has an address too.
    pub(crate) fn allocate_words(&self, count: usize) -> Result<Address, Error> {
        self.allocate(4 * count.max(1))
    }

    /// Memory that holds these bytes.
    pub(crate) fn allocate_with(&self, bytes: &[u8]) -> Result<Address, Error> {
        let address = self.allocate(bytes.len().max(1))?;
        self.upload(address, bytes)?;
        Ok(address)
    }

    /// [`Device::upload`] of float32 or uint32 values.
    pub(crate) fn upload_words<T: Word>(&self, to: Address, values: &[T]) -> Result<(), Error> {
        self.upload(to, bytemuck::cast_slice(values))
    }

    /// [`Device::download`] of float32 or uint32 values.
    pub(crate) fn download_words<T: Word>(&self, from: Address, values: &mut [T]) -> Result<(), Error> {
        self.download(from, bytemuck::cast_slice_mut(values))
    }
}

/// A size as a kernel's `int`.
///
/// # Errors
/// `unsupported` from 2³¹ on.
pub(crate) fn int(size: usize) -> Result<Argument, Error> {
    i32::try_from(size).map(Argument::Int).map_err(|_| {
        let message = format!("{size} values in one tensor of a batch are more than the CUDA kernels can count; ask for smaller batches");
        Error::new(ErrorKind::Unsupported, message)
    })
}
