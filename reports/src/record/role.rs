//! What a backend is to a reader who chooses a framework.

use serde::{Deserialize, Serialize};

/// What a backend is, where it is no framework to choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Written to show what the machine can do at most: what the frameworks are held against.
    Ceiling,
    /// One that a later version has written down.
    #[serde(other)]
    Unknown,
}

impl Role {
    /// The roles that a backend may say it has, by their names.
    pub const NAMES: [(&str, Self); 1] = [("ceiling", Self::Ceiling)];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, known)| *known == self).map_or("of another version", |(name, _)| name)
    }

    /// The role of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, role)| *role)
    }
}
