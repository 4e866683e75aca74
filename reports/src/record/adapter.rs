//! A graphics adapter that a backend has found by itself.

use serde::{Deserialize, Serialize};

use super::{Cell, Device};

/// What a device is that the harness knows only by what a backend tells of it, such as `wgpu:0`: a
/// backend may number them otherwise than another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adapter {
    /// Backend name.
    pub backend: String,
    /// The device, as the backend names it.
    pub device: Device,
    /// The adapter's name, where it is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether it is a software renderer: what computes is the processor.
    #[serde(default)]
    pub is_software: bool,
}

impl Adapter {
    /// Whether a cell computes on it.
    pub fn is_of(&self, cell: &Cell) -> bool {
        (&self.backend, &self.device) == (&cell.backend, &cell.device)
    }

    /// `llvmpipe (LLVM 15.0.6, 256 bits), a software renderer`
    pub fn words(&self) -> String {
        let name = self.name.as_deref();
        match (name, self.is_software) {
            (Some(name), true) => format!("{name}, a software renderer"),
            (None, true) => "a software renderer".to_owned(),
            (name, false) => name.unwrap_or("not named").to_owned(),
        }
    }
}
