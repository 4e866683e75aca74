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
            let is_memory = ["allocate memory", "not enough memory", "out of memory"]
                .iter()
                .any(|words| line.contains(words));
            let kind = if is_memory { ErrorKind::OutOfMemory } else { ErrorKind::Failed };
            Error::new(kind, format!("{}: {line}", action()))
        })
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
}
