//! Which GPUs there are, and whether the kernels run on them.

use cudarc::driver::sys;
use trainmark_plugin::{Device, Error, cuda};

use super::errors::check;

/// The major version of CUDA that the kernels are compiled with.
const CUDA: u32 = 13;

/// Every GPU, or one that says why there is none.
pub(crate) fn devices() -> Vec<Device> {
    cuda::devices(cuda::Driver::start(CUDA), fits)
}

fn fits(capability: u32) -> Result<(), String> {
    match capability {
        80.. => Ok(()),
        _ => Err(format!(
            "its compute capability is {}.{}; the kernels need 8.0 (Ampere) or newer",
            capability / 10,
            capability % 10
        )),
    }
}

/// The driver's handle of a GPU that the kernels run on.
pub(super) fn device(ordinal: usize) -> Result<sys::CUdevice, Error> {
    // Without a driver, cudarc would panic.
    let driver = cuda::Driver::start(CUDA)?;
    fits(driver.compute_capability(ordinal)?).map_err(Error::device)?;
    let mut device = 0;
    // SAFETY: the driver is there, and has a device of this number.
    unsafe {
        check(sys::cuInit(0), "starting the NVIDIA driver")?;
        check(sys::cuDeviceGet(&raw mut device, ordinal as i32), "finding the device")?;
    }
    Ok(device)
}

#[cfg(test)]
mod tests {
    use trainmark_plugin::ErrorKind;

    use super::*;

    /// Holds with a driver and without: either a device can be used, or one line says why not.
    #[test]
    fn every_device_can_be_used_or_says_why_not() {
        for (ordinal, listed) in devices().into_iter().enumerate() {
            let error = device(ordinal).err();
            assert!(
                error.iter().all(|error| error.kind == ErrorKind::Device && !error.message.contains('\n'))
            );
            assert_eq!(listed.unavailable, error.map(|error| error.message), "{}", listed.id);
        }
    }
}
