//! Candle's errors as the contract's.

use trainmark_plugin::Error;

/// Turns Candle's errors into the contract's, with what was being done.
pub(crate) trait Failure<T> {
    /// # Errors
    /// `out of memory`, `device` or `failed`, with `what` and the first line of Candle's
    /// message: the rest is a backtrace.
    fn while_doing(self, what: &str) -> Result<T, Error>;
}

impl<T> Failure<T> for candle_core::Result<T> {
    fn while_doing(self, what: &str) -> Result<T, Error> {
        self.map_err(|failure| {
            let message = failure.to_string();
            let line = message.lines().next().unwrap_or_default();
            error(format!("candle cannot {what}: {line}"))
        })
    }
}

/// Candle passes errors of the CUDA driver on as text.
#[cfg(feature = "cuda")]
use trainmark_plugin::cuda::error;

#[cfg(not(feature = "cuda"))]
fn error(message: String) -> Error {
    Error::failed(message)
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

    #[cfg(feature = "cuda")]
    #[test]
    fn errors_of_the_driver_are_told_apart() {
        let memory = failed("DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")");
        assert_eq!(memory.kind, trainmark_plugin::ErrorKind::OutOfMemory);
        assert!(memory.message.starts_with("candle cannot train: DriverError("), "{memory}");
    }
}
