//! Candle's errors as the contract's.

use trainmark_plugin::{Error, ErrorKind};

/// Turns Candle's errors into the contract's, with what was being done.
pub(crate) trait Failure<T> {
    /// # Errors
    /// `out of memory`, `device` or `failed`, with `what` and the first line of Candle's
    /// message: the rest is a backtrace.
    fn while_doing(self, what: &str) -> Result<T, Error>;
}

impl<T> Failure<T> for candle_core::Result<T> {
    fn while_doing(self, what: &str) -> Result<T, Error> {
        self.map_err(|error| {
            let message = error.to_string();
            let line = message.lines().next().unwrap_or_default();
            let (kind, next) = kind(line);
            Error::new(kind, format!("candle cannot {what}: {line}{next}"))
        })
    }
}

/// Errors of the CUDA driver that the device or the driver is to blame for, and what to
/// do next. Candle passes them on as text.
const DEVICE: [(&str, &str); 9] = [
    ("CUDA_ERROR_UNSUPPORTED_PTX_VERSION", "; the NVIDIA driver is older than CUDA 13: install 580 or later"),
    (
        "CUDA_ERROR_NO_BINARY_FOR_GPU",
        "; build again on this machine: its GPU is not what the kernels are for",
    ),
    ("CUDA_ERROR_INVALID_PTX", "; build again on this machine: its GPU is not what the kernels are for"),
    ("CUDA_ERROR_NO_DEVICE", "; `nvidia-smi` lists the GPUs that there are"),
    ("CUDA_ERROR_INVALID_DEVICE", "; `nvidia-smi` lists the GPUs that there are"),
    ("CUDA_ERROR_DEVICE_UNAVAILABLE", "; another process holds the GPU: see `nvidia-smi`"),
    (
        "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH",
        "; the driver's parts are of different versions: restart the machine",
    ),
    ("CUDA_ERROR_ECC_UNCORRECTABLE", "; the GPU's memory failed: see `nvidia-smi`"),
    ("CUDA_ERROR_LAUNCH_FAILED", "; the GPU is lost to this process: see `nvidia-smi` and the kernel's log"),
];

fn kind(message: &str) -> (ErrorKind, &'static str) {
    if message.contains("CUDA_ERROR_OUT_OF_MEMORY") || message.contains("CUBLAS_STATUS_ALLOC_FAILED") {
        return (ErrorKind::OutOfMemory, "; use smaller batches, or end what else holds the GPU's memory");
    }
    let found = DEVICE.iter().find(|(name, _)| message.contains(name));
    found.map_or((ErrorKind::Failed, ""), |&(_, next)| (ErrorKind::Device, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(message: &str) -> Error {
        let error = candle_core::Error::Msg(message.into()).bt();
        Err::<(), _>(error).while_doing("train").unwrap_err()
    }

    #[test]
    fn only_the_first_line_is_passed_on() {
        assert_eq!(failed("shape mismatch"), Error::failed("candle cannot train: shape mismatch"));
    }

    #[test]
    fn errors_of_the_driver_are_told_apart() {
        let memory = failed("DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")");
        assert_eq!(memory.kind, ErrorKind::OutOfMemory);
        assert!(memory.message.contains("smaller batches"), "{memory}");
        let old = failed("DriverError(CUDA_ERROR_UNSUPPORTED_PTX_VERSION, \"…\") when loading affine");
        assert_eq!(old.kind, ErrorKind::Device);
        assert!(old.message.ends_with("install 580 or later"), "{old}");
        assert_eq!(failed("DriverError(CUDA_ERROR_INVALID_VALUE, \"…\")").kind, ErrorKind::Failed);
    }
}
