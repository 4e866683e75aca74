//! Versions of a framework that one backend can be built with.

use anyhow::bail;

use super::Backend;

/// The name of a version, such as `0.9.2`, or `0.12.0-dev` of one that is not released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    name: String,
    numbers: Vec<u32>,
}

impl Version {
    /// Takes a name.
    ///
    /// # Errors
    /// What is wrong with it, and what a name is.
    pub fn parse(name: &str) -> Result<Self, String> {
        let (release, suffix) = name.split_once('-').unwrap_or((name, "x"));
        let numbers: Result<Vec<u32>, _> = release.split('.').map(str::parse).collect();
        let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
        match numbers {
            Ok(numbers) if !suffix.is_empty() && is_plain(name.replace('-', "").as_str()) => {
                Ok(Self { name: name.to_owned(), numbers })
            }
            _ => Err(format!(
                "{name:?} is no version: write numbers with points, such as 0.9.2, and -dev or the like behind \
                 those of one that is not released"
            )),
        }
    }

    /// Whether what a command line has where a version or a device may be is a version.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(|first: char| first.is_ascii_digit())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Whether it is released: the others are run where they are named.
    pub fn is_release(&self) -> bool {
        !self.name.contains('-')
    }

    /// What is greater the newer a version is.
    pub fn age(&self) -> (&[u32], bool, &str) {
        (&self.numbers, self.is_release(), &self.name)
    }

    /// Whether a user who writes this may mean it: `0.9` is any release of that series.
    fn may_be_meant_by(&self, wish: &str) -> bool {
        let rest = self.name.strip_prefix(wish);
        rest.is_some_and(|rest| rest.is_empty() || self.is_release() && rest.starts_with('.'))
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.name)
    }
}

impl Backend {
    /// Its name with its version, as in `candle@0.9.2`; its name alone where it has one version.
    pub fn qualified(&self) -> String {
        match &self.version {
            Some(version) => format!("{}@{version}", self.plugin()),
            None => self.name.clone(),
        }
    }

    /// The backend with each version that is wished for, of each the newest that may be meant;
    /// with the default one where nothing is wished for.
    ///
    /// # Errors
    /// Naming a version that there is not, and those that there are.
    pub fn with_versions(&self, wishes: &[String]) -> anyhow::Result<Vec<&Self>> {
        if wishes.is_empty() {
            return Ok(vec![self]);
        }
        wishes.iter().map(|wish| self.with_version(wish)).collect()
    }

    fn with_version(&self, wish: &str) -> anyhow::Result<&Self> {
        let mut known = self.every_version();
        let Some(found) = known.iter().find(|one| one.0.may_be_meant_by(wish)) else {
            if known.is_empty() {
                bail!("{} has no versions to choose from: name it without @{wish}", self.name);
            }
            known.reverse();
            let names: Vec<&str> = known.iter().map(|one| one.0.as_str()).collect();
            bail!("{} has no version {wish} (there are: {})", self.name, names.join(", "));
        };
        Ok(found.1)
    }

    /// Its versions, the newest first, each with the backend that is built with it.
    pub fn every_version(&self) -> Vec<(&Version, &Self)> {
        let all = std::iter::once(self).chain(&self.others);
        let mut all: Vec<_> = all.filter_map(|one| Some((one.version.as_ref()?, one))).collect();
        all.sort_by(|a, b| b.0.age().cmp(&a.0.age()));
        all
    }
}

/// Gives those of which several versions were chosen names that tell them apart.
pub fn tell_apart(chosen: &mut [&mut Backend]) {
    let versions: Vec<(String, Option<Version>)> =
        chosen.iter().map(|one| (one.plugin().to_owned(), one.version.clone())).collect();
    for one in chosen {
        let is_another =
            |(plugin, version): &(String, Option<Version>)| plugin == one.plugin() && *version != one.version;
        if versions.iter().any(is_another) {
            one.name = one.qualified();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(name: &str) -> Version {
        Version::parse(name).expect("a version")
    }

    fn backend() -> Backend {
        let with = |name: &str, text: &str, others| Backend {
            name: name.to_owned(),
            version: Some(version(text)),
            others,
            ..Backend::default()
        };
        let others =
            ["0.9.2", "0.9.10", "0.12.0-dev"].map(|text| with(&format!("mine@{text}"), text, Vec::new()));
        with("mine", "0.11.1", others.into())
    }

    #[test]
    fn names_are_numbers_with_points() {
        for good in ["0.9.2", "2", "2.11", "0.12.0-dev", "1.0.0-rc.1", "1.0-a-b"] {
            assert_eq!(version(good).as_str(), good);
        }
        for bad in
            ["", "a", "v1", "1.", ".1", "1..2", "1-", "1-ä", "1/2", "1-../x/..", "1 ", "1,2", "99999999999"]
        {
            let error = Version::parse(bad).expect_err(bad);
            assert!(error.ends_with("is not released"), "{error}");
        }
    }

    #[test]
    fn a_later_number_is_newer_than_a_longer_text() {
        let mut all = ["0.9.2", "0.12.0-dev", "0.10.0", "0.12.0", "0.9"].map(version);
        all.sort_by(|a, b| a.age().cmp(&b.age()));
        assert_eq!(all.map(|one| one.name), ["0.9", "0.9.2", "0.10.0", "0.12.0-dev", "0.12.0"]);
    }

    #[test]
    fn a_wish_is_met_by_the_newest_release_of_its_series() {
        let backend = backend();
        let met = |wish: &str| backend.with_versions(&[wish.to_owned()]).map(|found| found[0].name.as_str());
        assert_eq!(met("0.9").expect("there are two"), "mine@0.9.10");
        assert_eq!(met("0.9.2").expect("it is there"), "mine@0.9.2");
        assert_eq!(met("0.11").expect("the default"), "mine");
        assert_eq!(met("0.12.0-dev").expect("by its whole name"), "mine@0.12.0-dev");
        for unknown in ["0.12", "0.1", "0.9.1", "0.11.1.0"] {
            assert_eq!(
                met(unknown).expect_err("unknown").to_string(),
                format!("mine has no version {unknown} (there are: 0.9.2, 0.9.10, 0.11.1, 0.12.0-dev)")
            );
        }
        let plain = Backend { name: "plain".to_owned(), ..Backend::default() };
        let error = plain.with_versions(&["1".to_owned()]).expect_err("none").to_string();
        assert_eq!(error, "plain has no versions to choose from: name it without @1");
    }

    #[test]
    fn names_carry_a_version_where_there_are_several() {
        let backend = backend();
        let names = |wishes: &[&str]| {
            let wishes: Vec<String> = wishes.iter().map(|wish| (*wish).to_owned()).collect();
            let chosen = backend.with_versions(&wishes).expect("they are there");
            let mut chosen: Vec<Backend> = chosen.into_iter().cloned().collect();
            tell_apart(&mut chosen.iter_mut().collect::<Vec<_>>());
            chosen.into_iter().map(|one| one.name).collect::<Vec<_>>()
        };
        assert_eq!(names(&[]), ["mine"]);
        assert_eq!(names(&["0.11", "0.11.1"]), ["mine", "mine"]);
        assert_eq!(names(&["0.9.2"]), ["mine@0.9.2"], "none takes it for the default");
        assert_eq!(names(&["0.9.2", "0.11"]), ["mine@0.9.2", "mine@0.11.1"]);
    }
}
