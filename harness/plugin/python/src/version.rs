//! Which Pythons serve.

use std::fmt;

/// A Python's version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    major: u32,
    minor: u32,
}

impl Version {
    /// The oldest that the bridge works with.
    pub(crate) const OLDEST: Self = Self { major: 3, minor: 9 };
    /// The newest that it was made for; a newer one is tried.
    pub(crate) const NEWEST: Self = Self { major: 3, minor: 14 };

    /// The version at the beginning of what `Py_GetVersion` gives: `3.11.2 (main, …) [GCC …]`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split(|character: char| !character.is_ascii_digit());
        let mut next = || numbers.next()?.parse().ok();
        Some(Self { major: next()?, minor: next()? })
    }

    /// What to say of a Python that the bridge was not made for.
    pub(crate) fn caveat(self) -> Option<String> {
        (self > Self::NEWEST).then(|| {
            format!("Python {self} is newer than those that trainmark's bridge was made for ({SERVING})")
        })
    }
}

/// The Pythons that serve, in words.
pub(crate) const SERVING: &str = "3.9 to 3.14";

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared() {
        let version = |text| Version::parse(text).unwrap();
        assert_eq!(version("3.9.18 (main, Aug 25 2023)"), Version::OLDEST);
        assert!(version("2.7.18 (default)") < Version::OLDEST);
        assert!(version("3.8.18 (default)") < Version::OLDEST);
        assert_eq!(version("3.14.0rc1+ (heads/main)").caveat(), None);
        let caveat =
            "Python 3.15 is newer than those that trainmark's bridge was made for (3.9 to 3.14)".to_owned();
        assert_eq!(version("3.15.0a1").caveat(), Some(caveat));
        assert_eq!(Version::parse("unknown"), None);
        assert_eq!(SERVING, format!("{} to {}", Version::OLDEST, Version::NEWEST));
    }
}
