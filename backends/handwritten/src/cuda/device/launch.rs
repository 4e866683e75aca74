//! What a kernel is started with.

use super::Address;

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
    /// Whether it may begin while the kernel before it ends (programmatic dependent launch):
    /// what it does in front of `wait_for_kernel_before()` must need nothing that that kernel
    /// writes. Something else than a kernel must not come before it.
    pub(crate) overlaps: bool,
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
        Self {
            kernel,
            grid: [blocks, 1, 1],
            block: [threads, 1, 1],
            shared_bytes: 0,
            overlaps: false,
            arguments,
        }
    }
}

/// A launch with arguments of its own.
#[derive(Debug, Clone)]
pub(crate) struct KeptLaunch {
    launch: Launch<'static>,
    arguments: Vec<Argument>,
}

impl KeptLaunch {
    pub(crate) fn of(launch: &Launch<'_>) -> Self {
        Self { launch: Launch { arguments: &[], ..*launch }, arguments: launch.arguments.to_vec() }
    }

    pub(crate) fn launch(&self) -> Launch<'_> {
        Launch { arguments: &self.arguments, ..self.launch }
    }
}
