//! Which GPUs there are, and whether the kernels run on them.

use cudarc::driver::sys;
use trainmark_plugin::Error;

use super::errors::check;

/// The compute capability from which on the kernels are built.
const OLDEST: (i32, i32) = (8, 0);
/// The CUDA version that a driver must know, as it gives it: 1000·major + 10·minor.
const CUDA: i32 = 13_000;

const NO_DRIVER: &str =
    "no NVIDIA driver (libcuda.so.1 does not load); install one of CUDA 13 (580 or newer)";

fn device_error(message: impl Into<String>) -> Error {
    Error::device(message)
}

/// Starts the driver.
fn start() -> Result<(), Error> {
    // SAFETY: this only tries to load the library.
    if !unsafe { sys::is_culib_present() } {
        return Err(device_error(NO_DRIVER));
    }
    let mut version = 0;
    // SAFETY: the library is there, and these two may be called before all others.
    unsafe {
        check(sys::cuDriverGetVersion(&raw mut version), "asking the NVIDIA driver's version")?;
        if version < CUDA {
            return Err(device_error(format!(
                "the NVIDIA driver knows CUDA {}.{} only; update it to one of CUDA 13 (580 or newer)",
                version / 1000,
                version % 1000 / 10
            )));
        }
        check(sys::cuInit(0), "starting the NVIDIA driver")
    }
}

/// How many GPUs there are.
///
/// # Errors
/// Why there are none.
pub(crate) fn devices() -> Result<usize, Error> {
    start()?;
    let mut count = 0;
    // SAFETY: the driver has started.
    unsafe { check(sys::cuDeviceGetCount(&raw mut count), "counting the GPUs")? };
    match usize::try_from(count) {
        Ok(count @ 1..) => Ok(count),
        _ => Err(device_error(
            "no GPU is visible; `nvidia-smi -L` lists them, CUDA_VISIBLE_DEVICES hides some",
        )),
    }
}

/// Why a GPU cannot be used, if so.
pub(crate) fn unavailable(ordinal: usize) -> Option<String> {
    device(ordinal).err().map(|error| error.message)
}

/// The driver's handle of a GPU that the kernels run on.
pub(super) fn device(ordinal: usize) -> Result<sys::CUdevice, Error> {
    let count = devices()?;
    let number = i32::try_from(ordinal).ok().filter(|_| ordinal < count);
    let number = number.ok_or_else(|| device_error(format!("no GPU {ordinal}, there are {count}")))?;
    let mut device = 0;
    // SAFETY: the driver has started and the number is that of a device.
    unsafe { check(sys::cuDeviceGet(&raw mut device, number), "finding the device")? };
    use sys::CUdevice_attribute::*;
    let major = attribute(device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?;
    let minor = attribute(device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?;
    if (major, minor) < OLDEST {
        return Err(device_error(format!(
            "its compute capability is {major}.{minor}; the kernels need 8.0 (Ampere) or newer"
        )));
    }
    Ok(device)
}

fn attribute(device: sys::CUdevice, name: sys::CUdevice_attribute) -> Result<i32, Error> {
    let mut value = 0;
    // SAFETY: the device is one of the driver's.
    unsafe { check(sys::cuDeviceGetAttribute(&raw mut value, name, device), "asking what the device can")? };
    Ok(value)
}

#[cfg(test)]
mod tests {
    use trainmark_plugin::ErrorKind;

    use super::*;

    /// Holds with a driver and without: either there are devices, or one line says why not.
    #[test]
    fn devices_are_counted_or_the_reason_is_said() {
        match devices() {
            Ok(count) => {
                assert!((0..count).all(|ordinal| device(ordinal).is_ok() || unavailable(ordinal).is_some()))
            }
            Err(error) => {
                assert_eq!(error.kind, ErrorKind::Device);
                assert!(!error.message.contains('\n'), "{error}");
                assert_eq!(unavailable(0), Some(error.message));
            }
        }
    }
}
