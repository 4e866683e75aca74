//! libtorch's errors in one line.

use tch::TchError;
use trainmark_plugin::{Error, ErrorKind};

/// Says what was done when libtorch failed.
pub(crate) trait During<T> {
    /// The error of the plugin contract: `action`, then libtorch's first line.
    fn during(self, action: impl FnOnce() -> String) -> Result<T, Error>;
}

impl<T> During<T> for Result<T, TchError> {
    fn during(self, action: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|error| {
            let text = match &error {
                TchError::Torch(text) => text.clone(),
                other => other.to_string(),
            };
            // The rest is a backtrace through C++.
            let line = text.lines().next().unwrap_or("libtorch gives no reason");
            let (kind, advice) = judge(line);
            Error::new(kind, format!("{}: {line}{advice}", action()))
        })
    }
}

/// The kind of what libtorch says, and what to do about it where it does not say so.
fn judge(line: &str) -> (ErrorKind, &'static str) {
    const MEMORY: [&str; 4] =
        ["allocate memory", "not enough memory", "out of memory", "STATUS_ALLOC_FAILED"];
    // Errors of CUDA's libraries are those of one call; those of its runtime stay.
    const CALL: [&str; 2] = ["CUBLAS_STATUS_", "CUDNN_STATUS_"];
    const DEVICE: [&str; 2] = ["CUDA error: ", "CUDA driver error: "];
    let says = |words: &[&str]| words.iter().any(|words| line.contains(words));
    if says(&MEMORY) {
        (ErrorKind::OutOfMemory, "")
    } else if says(&["No CUDA GPUs are available"]) {
        (ErrorKind::Device, "; see nvidia-smi")
    } else if says(&CALL) || !says(&DEVICE) {
        (ErrorKind::Failed, "")
    } else if says(&["no kernel image"]) {
        (
            ErrorKind::Device,
            "; libtorch has no kernels for this device: use another, or a libtorch built for it",
        )
    } else {
        (ErrorKind::Device, "; the device is lost to this process: run again, and see nvidia-smi and dmesg")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind, Tensor};

    #[test]
    fn what_libtorch_says_becomes_one_line_of_the_right_kind() {
        let error = Tensor::f_zeros([1 << 46], (Kind::Float, Device::Cpu)).during(|| "zeros".into());
        let error = error.unwrap_err();
        assert_eq!(error.kind, ErrorKind::OutOfMemory, "{error}");
        assert!(error.message.starts_with("zeros: ") && error.message.lines().count() == 1, "{error}");

        let matrix = Tensor::zeros([2, 3], (Kind::Float, Device::Cpu));
        let error = matrix.f_matmul(&matrix).during(|| "product".into()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Failed);
        assert!(error.message.starts_with("product: ") && error.message.lines().count() == 1, "{error}");
    }

    /// First lines of what libtorch 2.11 says.
    #[test]
    fn what_cuda_reports_is_told_apart() {
        let kind = |line: &str| judge(line).0;
        for memory in [
            "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 79.18 GiB",
            "CUDA error: out of memory",
            "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
            "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        ] {
            assert_eq!(kind(memory), ErrorKind::OutOfMemory, "{memory}");
        }
        for device in [
            "CUDA error: an illegal memory access was encountered",
            "CUDA error: unspecified launch failure",
            "CUDA error: uncorrectable ECC error encountered",
            "CUDA driver error: device not ready",
            "No CUDA GPUs are available",
        ] {
            assert_eq!(kind(device), ErrorKind::Device, "{device}");
        }
        for call in [
            "CUDA error: CUBLAS_STATUS_NOT_SUPPORTED when calling `cublasSgemm( handle, opa, opb)`",
            "cuDNN error: CUDNN_STATUS_NOT_SUPPORTED",
            "mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)",
        ] {
            assert_eq!(kind(call), ErrorKind::Failed, "{call}");
        }
        let old = TchError::Torch(
            "CUDA error: no kernel image is available for execution on the device\nSearch for `cudaErrorNo…"
                .into(),
        );
        let error = Err::<(), _>(old).during(|| "layer 0 (conv2d)".into()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Device);
        assert_eq!(
            error.message,
            "layer 0 (conv2d): CUDA error: no kernel image is available for execution on the device; libtorch has \
             no kernels for this device: use another, or a libtorch built for it"
        );
    }
}
