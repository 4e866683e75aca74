//! Which version of a framework is newer.

/// A version, as the description of a framework has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    numbers: Vec<u64>,
    /// Less than a release of the same numbers where it is none.
    is_release: bool,
    text: String,
}

impl Version {
    /// The first version in a description, such as 0.24.0 in `tch 0.24.0 over libtorch 2.11.0`.
    pub(super) fn find(description: &str) -> Option<Self> {
        let words = description.split(|c: char| c.is_whitespace() || "(),;".contains(c));
        words.map(|word| word.strip_prefix('v').unwrap_or(word)).find_map(Self::parse)
    }

    fn parse(text: &str) -> Option<Self> {
        let (release, suffix) = text.split_once(['-', '+']).unwrap_or((text, ""));
        let numbers: Vec<u64> = release.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
        let is_release = suffix.is_empty() || text.contains('+');
        (numbers.len() > 1).then(|| Self { numbers, is_release, text: text.to_owned() })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod unit_tests {
    use super::Version;

    #[test]
    fn the_first_version_counts_and_ten_is_newer_than_nine() {
        let found = |text| Version::find(text).unwrap();
        assert_eq!(found("tch 0.24.0 (libtorch 2.11.0)").as_str(), "0.24.0");
        assert_eq!(found("PyTorch 2.11.0+cpu").as_str(), "2.11.0+cpu");
        assert!(found("candle 0.10.2") > found("candle 0.9.2"));
        assert!(found("candle 0.10.2") > found("candle 0.10.2-dev"));
        assert_eq!(Version::find("bad manners 1"), None);
    }
}
