//! The compiled kernels, and their loading onto the device.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::CString;
use std::ptr;

use cudarc::driver::sys;
use trainmark_plugin::{Error, ErrorKind};

use super::errors::check;

/// Names of all kernels, and the fatbin that build.rs made of `kernels/all.cu`.
mod compiled {
    include!(concat!(env!("OUT_DIR"), "/kernels.rs"));

    /// The driver wants it at an even address.
    #[repr(C, align(64))]
    pub(super) struct Aligned<T: ?Sized>(pub(super) T);

    pub(super) static FATBIN: &Aligned<[u8]> =
        &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/kernels.fatbin")));
}

/// Shared memory that every kernel has without asking.
const SHARED_BYTES: u32 = 48 * 1024;

/// Percent of a multiprocessor's memory that is to be shared memory where all kernels ask for the
/// same: three blocks of the fused kernel that needs most have it on Hopper.
const CARVED: i32 = 72;

/// The virtual architecture from which on a kernel's code waits for the kernel before it, as the
/// driver gives it: 10·major + minor.
const WAITS_FROM: i32 = 90;

/// A kernel on a device.
#[derive(Debug, Clone, Copy)]
pub(super) struct Function {
    pub(super) handle: sys::CUfunction,
    /// Whether the code that was loaded contains the wait, without which it must not overlap with
    /// the kernel before it. It does not where it is of an older architecture, or was compiled by
    /// the driver of an older one's PTX.
    pub(super) waits: bool,
}

impl Function {
    fn carve(self, name: &str) -> Result<(), Error> {
        let attribute = sys::CUfunction_attribute::CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT;
        // SAFETY: the function belongs to the loaded module.
        let carved = unsafe { sys::cuFuncSetAttribute(self.handle, attribute, CARVED) };
        check(carved, format!("asking for {CARVED}% of shared memory for kernel {name}"))
    }
}

/// The kernels on a device whose context is current.
pub(super) struct Kernels {
    module: sys::CUmodule,
    functions: HashMap<&'static str, Function>,
    /// What was asked for beyond [`SHARED_BYTES`].
    shared: RefCell<HashMap<&'static str, u32>>,
}

impl Kernels {
    /// Loads all of them, so that nothing is loaded while a step is recorded or timed. Where
    /// `carved`, all ask for the same share of shared memory.
    pub(super) fn load(carved: bool) -> Result<Self, Error> {
        let mut module = ptr::null_mut();
        // SAFETY: the fatbin is a whole one, with its size in its header.
        let loaded = unsafe { sys::cuModuleLoadData(&raw mut module, compiled::FATBIN.0.as_ptr().cast()) };
        check(loaded, "loading the kernels")?;
        let mut kernels = Self { module, functions: HashMap::new(), shared: RefCell::default() };
        for &name in compiled::KERNELS {
            let function = kernels.find(name).and_then(|function| {
                if carved {
                    function.carve(name)?;
                }
                Ok(function)
            });
            kernels.functions.insert(name, function.inspect_err(|_| kernels.unload())?);
        }
        Ok(kernels)
    }

    fn find(&self, name: &str) -> Result<Function, Error> {
        let c_name = CString::new(name).map_err(|_| Error::failed("a kernel's name holds a zero byte"))?;
        let mut function = ptr::null_mut();
        // SAFETY: the module is loaded; the name ends in a zero byte.
        unsafe {
            let found = sys::cuModuleGetFunction(&raw mut function, self.module, c_name.as_ptr());
            check(found, format!("finding kernel {name}"))?;
            check(sys::cuFuncLoad(function), format!("loading kernel {name}"))?;
        }
        let mut architecture = 0;
        let asked = sys::CUfunction_attribute::CU_FUNC_ATTRIBUTE_PTX_VERSION;
        // SAFETY: the function belongs to the loaded module.
        unsafe {
            let answer = sys::cuFuncGetAttribute(&raw mut architecture, asked, function);
            check(answer, format!("asking what kernel {name} was compiled for"))?;
        }
        Ok(Function { handle: function, waits: architecture >= WAITS_FROM })
    }

    /// A kernel, allowed so much dynamic shared memory.
    pub(super) fn function(&self, name: &'static str, shared_bytes: u32) -> Result<Function, Error> {
        let function = *self.functions.get(name).ok_or_else(|| {
            Error::new(ErrorKind::Failed, format!("no kernel {name} was built into this library"))
        })?;
        let mut shared = self.shared.borrow_mut();
        if shared_bytes > *shared.get(name).unwrap_or(&SHARED_BYTES) {
            let bytes = i32::try_from(shared_bytes).unwrap_or(i32::MAX);
            let attribute = sys::CUfunction_attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
            // SAFETY: the function belongs to the loaded module.
            let allowed = unsafe { sys::cuFuncSetAttribute(function.handle, attribute, bytes) };
            check(allowed, format!("asking for {bytes} bytes of shared memory for kernel {name}"))?;
            shared.insert(name, shared_bytes);
        }
        Ok(function)
    }

    /// The kernels must not be used any more.
    pub(super) fn unload(&self) {
        // SAFETY: loaded by `load`; callers drop `self` next.
        let _ = unsafe { sys::cuModuleUnload(self.module) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_is_in_the_fatbin() {
        let holds = |name: &str| {
            // As the name of a symbol, or the end of a section's.
            let bytes = [name.as_bytes(), b"\0"].concat();
            compiled::FATBIN.0.windows(bytes.len()).any(|window| window == bytes)
        };
        assert!(!compiled::KERNELS.is_empty());
        for name in compiled::KERNELS {
            assert!(holds(name), "{name}");
        }
        assert!(!holds("no_such_kernel"));
    }

    /// Kind and compute capability of each part, by the fatbin's headers: 16 bytes of its
    /// own, then for each part its kind (1 PTX, 2 machine code), the sizes of its header and
    /// of what follows it, and, at byte 28, ten times the capability.
    fn parts() -> Vec<(u16, u32)> {
        let bytes = &compiled::FATBIN.0;
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        let mut parts = Vec::new();
        let mut at = 16;
        while at < bytes.len() {
            parts.push((word(at) as u16, word(at + 28)));
            at += word(at + 4) as usize + word(at + 8) as usize;
        }
        parts
    }

    /// Machine code for three generations, and PTX for those that follow.
    #[test]
    fn every_target_is_in_the_fatbin() {
        let mut parts = parts();
        parts.sort_unstable();
        assert_eq!(parts, [(1, 80), (2, 80), (2, 90), (2, 100)]);
    }
}
