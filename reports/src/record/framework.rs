//! What a backend's framework is made of, as far as the backend says it.

use serde::{Deserialize, Serialize};

/// What computes below a backend, and the language of what its users write.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Framework {
    /// The library that computes, with its version: backends that name the same one differ by
    /// what they wrap it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// The language that it is used from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

impl Framework {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.engine.is_none() && self.language.is_none()
    }
}
