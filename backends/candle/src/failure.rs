//! Candle's errors as the contract's.

use trainmark_plugin::Error;

/// Turns Candle's errors into the contract's, with what was being done.
pub(crate) trait Failure<T> {
    /// # Errors
    /// `failed`, with `what` and the first line of Candle's message: the rest is a backtrace.
    fn while_doing(self, what: &str) -> Result<T, Error>;
}

impl<T> Failure<T> for candle_core::Result<T> {
    fn while_doing(self, what: &str) -> Result<T, Error> {
        self.map_err(|error| {
            let message = error.to_string();
            Error::failed(format!("candle cannot {what}: {}", message.lines().next().unwrap_or_default()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_line_is_passed_on() {
        let error = candle_core::Error::Msg("shape mismatch".into()).bt();
        let failed = Err::<(), _>(error).while_doing("train").unwrap_err();
        assert_eq!(failed, Error::failed("candle cannot train: shape mismatch"));
    }
}
