//! How a backend computes batch norm.

use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

/// A way of computing batch norm by the name that its backend gives it: `primitive`,
/// `builtin`, or another; `none` in a cell whose model has no batch norm.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Implementation(String);

impl Implementation {
    /// The name that stands for no batch norm.
    pub const NONE: &'static str = "none";
    const PRIMITIVE: &'static str = "primitive";
    const BUILTIN: &'static str = "builtin";
    /// `builtin` with the settings that another backend over the same engine has.
    const TUNED: &'static str = "tuned";

    /// No batch norm.
    pub fn none() -> Self {
        Self(Self::NONE.to_owned())
    }

    /// Composed of the framework's elementary operations.
    pub fn primitive() -> Self {
        Self(Self::PRIMITIVE.to_owned())
    }

    /// Whether there is no batch norm to compute.
    pub fn is_none(&self) -> bool {
        self.0 == Self::NONE
    }

    /// Whether it is the framework's own layer.
    pub fn is_builtin(&self) -> bool {
        self.0 == Self::BUILTIN
    }

    /// Whether it is composed of the framework's elementary operations.
    pub fn is_primitive(&self) -> bool {
        self.0 == Self::PRIMITIVE
    }

    /// Whether two backends over one engine ask the same of it: in the same way, or `builtin` in one and
    /// `tuned` in the other.
    pub(crate) fn is_alike(&self, other: &Self) -> bool {
        let names = [&*self.0, &*other.0];
        self == other || names == [Self::BUILTIN, Self::TUNED] || names == [Self::TUNED, Self::BUILTIN]
    }

    /// A backend and this way of it, as people are told: `tch builtin`, or `tch` alone where
    /// there is no batch norm.
    pub fn label(&self, backend: &str) -> String {
        if self.is_none() { backend.to_owned() } else { format!("{backend} {self}") }
    }
}

impl From<&str> for Implementation {
    fn from(name: &str) -> Self {
        Self(name.to_owned())
    }
}

impl From<String> for Implementation {
    fn from(name: String) -> Self {
        Self(name)
    }
}

impl Deref for Implementation {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Implementation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_it_says() {
        assert!(Implementation::from("builtin").is_builtin() && Implementation::none().is_none());
        assert!(!Implementation::from("fused").is_primitive() && Implementation::primitive().is_primitive());
        assert_eq!(Implementation::from("fused").label("tch"), "tch fused");
        assert_eq!(Implementation::none().label("tch"), "tch");
    }
}
