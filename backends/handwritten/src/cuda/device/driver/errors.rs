//! What the driver answers, as this backend's errors.

use std::ffi::{CStr, c_char};
use std::fmt::Display;
use std::ptr;

use cudarc::driver::sys::{self, CUresult};
use trainmark_plugin::{Error, ErrorKind};

/// An error that says what was being done, where the answer is one.
pub(super) fn check(answer: CUresult, doing: impl Display) -> Result<(), Error> {
    if answer == CUresult::CUDA_SUCCESS {
        return Ok(());
    }
    let (kind, next) = advice(answer);
    Err(Error::new(kind, format!("{doing}: {}{next}", text(answer))))
}

/// The kind of an error, and what to do next.
fn advice(answer: CUresult) -> (ErrorKind, &'static str) {
    use CUresult::*;
    match answer {
        CUDA_ERROR_OUT_OF_MEMORY => {
            (ErrorKind::OutOfMemory, "; free memory of the device (nvidia-smi lists who holds it)")
        }
        CUDA_ERROR_NO_DEVICE | CUDA_ERROR_INVALID_DEVICE => {
            (ErrorKind::Device, "; `nvidia-smi -L` lists the devices, CUDA_VISIBLE_DEVICES hides some")
        }
        CUDA_ERROR_NO_BINARY_FOR_GPU | CUDA_ERROR_UNSUPPORTED_PTX_VERSION => (
            ErrorKind::Device,
            "; the driver cannot run these kernels: update it to one of CUDA 13 (580 or newer)",
        ),
        CUDA_ERROR_SYSTEM_DRIVER_MISMATCH
        | CUDA_ERROR_SYSTEM_NOT_READY
        | CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE => (
            ErrorKind::Device,
            "; the driver was changed while loaded or has not started: restart the machine",
        ),
        CUDA_ERROR_DEVICE_UNAVAILABLE => {
            (ErrorKind::Device, "; another process holds it alone: wait for it, or use another device")
        }
        CUDA_ERROR_ECC_UNCORRECTABLE
        | CUDA_ERROR_NVLINK_UNCORRECTABLE
        | CUDA_ERROR_HARDWARE_STACK_ERROR
        | CUDA_ERROR_MPS_CONNECTION_FAILED
        | CUDA_ERROR_UNKNOWN => (
            ErrorKind::Device,
            "; the device is lost: see the kernel's log (dmesg), and ask the machine's owner to reset it",
        ),
        _ => (ErrorKind::Failed, ""),
    }
}

/// The driver's name and words for an answer.
fn text(answer: CUresult) -> String {
    type Lookup = unsafe fn(CUresult, *mut *const c_char) -> CUresult;
    let word = |lookup: Lookup| {
        let mut text = ptr::null();
        // SAFETY: the driver writes the address of a string that it keeps, or nothing.
        unsafe {
            let found = lookup(answer, &raw mut text) == CUresult::CUDA_SUCCESS && !text.is_null();
            found.then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
        }
    };
    match (word(sys::cuGetErrorName), word(sys::cuGetErrorString)) {
        (Some(name), Some(words)) => format!("{name} ({words})"),
        (Some(text), None) | (None, Some(text)) => text,
        (None, None) => format!("CUDA error {}", answer as u32),
    }
}
