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
            let is_memory = line.contains("not enough memory") || line.contains("out of memory");
            let kind = if is_memory { ErrorKind::OutOfMemory } else { ErrorKind::Failed };
            Error::new(kind, format!("{}: {line}", action()))
        })
    }
}
