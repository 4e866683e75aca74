//! Where kernels run: on a GPU through the driver, or in tests on the CPU.
//!
//! A session allocates once, uploads the data set once, and then only launches; it never
//! sees more of a device than [`Device`]. So the same session and the same kernel sources
//! are tested without a GPU.

#[cfg(feature = "cuda")]
pub(crate) mod driver;
#[cfg(all(test, target_os = "linux"))]
pub(crate) mod emulator;

use trainmark_plugin::{Error, ErrorKind};

/// A place in a device's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address(pub(crate) u64);

impl Address {
    /// The place so many values of four bytes (float32, uint32) further on.
    pub(crate) fn words(self, count: usize) -> Self {
        Self(self.0 + 4 * count as u64)
    }
}

/// An argument of a kernel. Its kind must be that of the kernel's parameter, which the
/// emulator checks and the driver cannot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Argument {
    /// A pointer to anything.
    Address(Address),
    /// An `int`.
    Int(i32),
    /// A `float`.
    Float(f32),
}

impl From<Address> for Argument {
    fn from(address: Address) -> Self {
        Self::Address(address)
    }
}

impl From<i32> for Argument {
    fn from(value: i32) -> Self {
        Self::Int(value)
    }
}

impl From<f32> for Argument {
    fn from(value: f32) -> Self {
        Self::Float(value)
    }
}

/// A kernel, on how many threads it runs, and what it is given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Launch<'a> {
    /// Name of an `extern "C" __global__` function.
    pub(crate) kernel: &'static str,
    /// Blocks along x, y and z, each at least 1.
    pub(crate) grid: [u32; 3],
    /// Threads of a block along x, y and z, each at least 1.
    pub(crate) block: [u32; 3],
    /// Bytes of `DYNAMIC_SHARED` memory; 99 KiB are there on every device
    /// that the kernels are built for.
    pub(crate) shared_bytes: u32,
    /// In the order of the kernel's parameters.
    pub(crate) arguments: &'a [Argument],
}

/// Threads of a block where nothing else asks for a number.
const THREADS: u32 = 256;

impl<'a> Launch<'a> {
    /// At least a thread for each of `count` values; the kernel must check its index.
    pub(crate) fn over(kernel: &'static str, count: usize, arguments: &'a [Argument]) -> Self {
        Self::blocks(kernel, count.div_ceil(THREADS as usize), THREADS, arguments)
    }

    /// So many blocks of so many threads, along x.
    pub(crate) fn blocks(
        kernel: &'static str,
        blocks: usize,
        threads: u32,
        arguments: &'a [Argument],
    ) -> Self {
        // More blocks than a grid can have are refused by the device, not cut off here.
        let blocks = u32::try_from(blocks).unwrap_or(u32::MAX);
        Self { kernel, grid: [blocks, 1, 1], block: [threads, 1, 1], shared_bytes: 0, arguments }
    }
}

/// A sequence of launches that a device keeps, to run again as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recording(pub(crate) usize);

/// Work is done in the order in which it is given, one after the other.
pub(crate) trait Device {
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

    /// Starts a kernel and does not wait for it.
    ///
    /// # Errors
    /// Where there is no such kernel or the launch asks for too much.
    fn launch(&self, launch: &Launch<'_>) -> Result<(), Error>;

    /// Keeps what `work` launches instead of running it. Arguments are kept as they are, so
    /// what changes from one run to the next must be read from the device's memory.
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

/// Values of four bytes as the device has them: little-endian, as every host of one is.
pub(crate) trait Word: Copy {
    fn to_bytes(self) -> [u8; 4];
    fn from_bytes(bytes: [u8; 4]) -> Self;
}

impl Word for f32 {
    fn to_bytes(self) -> [u8; 4] {
        self.to_le_bytes()
    }
    fn from_bytes(bytes: [u8; 4]) -> Self {
        Self::from_le_bytes(bytes)
    }
}

impl Word for u32 {
    fn to_bytes(self) -> [u8; 4] {
        self.to_le_bytes()
    }
    fn from_bytes(bytes: [u8; 4]) -> Self {
        Self::from_le_bytes(bytes)
    }
}

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
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_bytes()).collect();
        self.upload(to, &bytes)
    }

    /// [`Device::download`] of float32 or uint32 values.
    pub(crate) fn download_words<T: Word>(&self, from: Address, values: &mut [T]) -> Result<(), Error> {
        let mut bytes = vec![0; 4 * values.len()];
        self.download(from, &mut bytes)?;
        for (value, bytes) in values.iter_mut().zip(bytes.as_chunks().0) {
            *value = T::from_bytes(*bytes);
        }
        Ok(())
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
