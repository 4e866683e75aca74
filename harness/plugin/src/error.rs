//! Errors that cross the plugin boundary.

/// Why a call of a plugin did not succeed. Each kind is a status of the C ABI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The caller broke the contract: wrong order, shape, index or option.
    Invalid,
    /// The backend cannot do this model, option or device faithfully.
    Unsupported,
    /// The framework failed.
    Failed,
    /// Memory of host or device is exhausted.
    OutOfMemory,
    /// The device is absent, lost or too old.
    Device,
    /// The plugin panicked; the session is unusable from then on.
    Panic,
}

impl ErrorKind {
    /// Name used in messages and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Unsupported => "unsupported",
            Self::Failed => "failed",
            Self::OutOfMemory => "out of memory",
            Self::Device => "device error",
            Self::Panic => "panic",
        }
    }
}

/// A failed call: its kind, and a message in one or two lines.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", kind.name())]
#[non_exhaustive]
pub struct Error {
    /// The kind, which decides how the harness records it.
    pub kind: ErrorKind,
    /// What failed, where, and what to do next.
    pub message: String,
}

impl Error {
    /// An error of the given kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// The caller broke the contract.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// The backend cannot do this.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, message)
    }

    /// The framework failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failed, message)
    }

    /// Memory of host or device is exhausted.
    pub fn out_of_memory(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::OutOfMemory, message)
    }

    /// The device is absent, lost or too old.
    pub fn device(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Device, message)
    }
}
