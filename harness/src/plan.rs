//! What is to be run: the user's selection of cells, and the random order of each round.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use std::path::Path;

use anyhow::bail;
use trainmark_reports::record::Round;

use crate::registry::Version;

/// `backend[@version,…][/implementation][@device]`, as the user writes it; the backend may
/// be a path to a library. A version begins with a digit, a device with a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// `all`, a backend's name, or a library's path.
    pub backend: String,
    /// Versions of its framework, such as `0.9.2` or `0.9`; none: the default one.
    pub versions: Vec<String>,
    /// Only this implementation.
    pub implementation: Option<String>,
    /// Only this device.
    pub device: Option<String>,
}

impl Selection {
    /// Parses what the user wrote.
    ///
    /// # Errors
    /// Where a part is empty.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        if is_library_path(text) {
            let backend = text.to_owned();
            return Ok(Self { backend, versions: Vec::new(), implementation: None, device: None });
        }
        let (rest, device) = match split_last(text, '@') {
            (_, Some(last)) if Version::is_meant(last) => (text, None),
            parts => parts,
        };
        let (backend, implementation) =
            if is_library_path(rest) { (rest, None) } else { split_last(rest, '/') };
        let (backend, versions) = match backend.split_once('@') {
            Some((name, versions)) if Version::is_meant(versions) && !is_library_path(backend) => {
                (name, versions.split(',').collect())
            }
            _ => (backend, Vec::new()),
        };
        let parts = [Some(backend), implementation, device].into_iter().flatten();
        let is_misplaced = |part: &str| part.contains('@') && !is_library_path(part);
        if parts.chain(versions.iter().copied()).any(|part| part.is_empty() || is_misplaced(part)) {
            bail!(
                "cannot read `{text}`: write backend, or with what is wanted of it \
                 backend@version/implementation@device"
            );
        }
        if !versions.is_empty() && (backend == "all" || is_library_path(backend)) {
            bail!(
                "cannot read `{text}`: versions are those of a backend that is named, as in candle@0.9,0.10"
            );
        }
        device.map_or(Ok(()), check_device)?;
        if backend.starts_with(['.', '/']) && !is_library_path(backend) {
            bail!("{text} is neither a backend's name nor a library: a library ends in .so or .dylib");
        }
        Ok(Self {
            backend: backend.to_owned(),
            versions: versions.into_iter().map(str::to_owned).collect(),
            implementation: implementation.map(str::to_owned),
            device: device.map(str::to_owned),
        })
    }
}

impl Selection {
    /// All of a backend.
    pub fn of_backend(name: &str) -> Self {
        Self { backend: name.to_owned(), versions: Vec::new(), implementation: None, device: None }
    }

    /// Whether another one is of the same backend with the same versions.
    pub fn is_of_same(&self, other: &Self) -> bool {
        self.backend == other.backend && self.versions == other.versions
    }

    /// As a run's name has it: a library by its file's name without the ending.
    pub fn short(&self) -> String {
        let mut short = self.clone();
        if is_library_path(&self.backend)
            && let Some(stem) = Path::new(&self.backend).file_stem()
        {
            short.backend = stem.to_string_lossy().into_owned();
        }
        short.to_string()
    }
}

impl std::fmt::Display for Selection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.backend)?;
        if !self.versions.is_empty() {
            write!(f, "@{}", self.versions.join(","))?;
        }
        if let Some(implementation) = &self.implementation {
            write!(f, "/{implementation}")?;
        }
        self.device.iter().try_for_each(|device| write!(f, "@{device}"))
    }
}

/// Refuses what cannot be a device, before anything is built for it: its number has digits alone.
///
/// # Errors
/// Where it has others.
pub fn check_device(name: &str) -> anyhow::Result<()> {
    match name.split_once(':') {
        Some((kind, number)) if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) => {
            bail!("{name} is no device: its number has digits alone, as in {kind}:0")
        }
        _ => Ok(()),
    }
}

/// Whether a selection names a library instead of a backend.
pub fn is_library_path(text: &str) -> bool {
    [".so", ".dylib"].iter().any(|suffix| text.ends_with(suffix))
}

fn split_last(text: &str, separator: char) -> (&str, Option<&str>) {
    text.rsplit_once(separator).map_or((text, None), |(left, right)| (left, Some(right)))
}

/// The order of a round: cells by their places in the plan, shuffled by the round's seed.
pub fn round(mut order: Vec<usize>, seed: u64) -> Round {
    // Its own stream, so that the order does not repeat the sample order's numbers.
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(u64::from_le_bytes(*b"cells   "));
    order.shuffle(&mut random);
    Round { seed, order, left_out: Vec::new(), timing: Vec::new(), node: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_has_up_to_three_parts() {
        let parse = |text| Selection::parse(text).map(|s| (s.backend, s.implementation, s.device)).ok();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(parse("candle"), Some(("candle".into(), None, None)));
        assert_eq!(parse("tch/builtin@cuda:0"), Some(("tch".into(), some("builtin"), some("cuda:0"))));
        assert_eq!(parse("tch@cpu"), Some(("tch".into(), None, some("cpu"))));
        assert_eq!(parse("./a/b@c.so"), Some(("./a/b@c.so".into(), None, None)));
        assert_eq!(parse("./a/b.so@cpu"), Some(("./a/b.so".into(), None, some("cpu"))));
        assert_eq!(parse("b.so/builtin"), Some(("b.so".into(), some("builtin"), None)));
        for bad in ["", "/x", "tch/", "tch@", "@cpu"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_devices_number_has_digits_alone() {
        for good in ["cpu", "cuda", "cuda:0", "wgpu:10"] {
            check_device(good).unwrap();
        }
        for bad in ["wgpu:x", "cuda:", "cuda:+1", "cuda:0:1"] {
            let error = check_device(bad).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{bad} is no device: ")), "{error}");
            assert_eq!(Selection::parse(&format!("mine@{bad}")).unwrap_err().to_string(), error);
        }
    }

    #[test]
    fn versions_stand_behind_the_backends_name() {
        for (text, versions, implementation, device) in [
            ("candle@0.9.2,0.10", &["0.9.2", "0.10"][..], None, None),
            ("candle@0.9.2/builtin", &["0.9.2"], Some("builtin"), None),
            ("candle@0.12.0-dev@cpu", &["0.12.0-dev"], None, Some("cpu")),
            ("candle@0.9,0.10/builtin@cuda:0", &["0.9", "0.10"], Some("builtin"), Some("cuda:0")),
        ] {
            let selection = Selection::parse(text).unwrap();
            assert_eq!(selection.backend, "candle", "{text}");
            assert_eq!(selection.versions, versions, "{text}");
            assert_eq!(selection.implementation.as_deref(), implementation, "{text}");
            assert_eq!(selection.device.as_deref(), device, "{text}");
            assert_eq!(selection.to_string(), text, "as a cell's name and as it was typed");
        }
        for (bad, expected) in [
            ("candle/builtin@0.10", " backend@version/implementation@device"),
            ("candle/builtin@0.10@cpu", " backend@version/implementation@device"),
            ("candle@cpu@0.10", " backend@version/implementation@device"),
            ("candle@0.9@0.10", " backend@version/implementation@device"),
            ("candle@0.9,", " backend@version/implementation@device"),
            ("@0.9", " backend@version/implementation@device"),
            ("all@0.9", "a backend that is named, as in candle@0.9,0.10"),
            ("b.so@0.9", "a backend that is named, as in candle@0.9,0.10"),
        ] {
            let error = Selection::parse(bad).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("cannot read `{bad}`: ")) && error.ends_with(expected),
                "{error}"
            );
        }
    }

    #[test]
    fn a_short_selection_names_a_library_without_its_path() {
        for (text, short) in [
            ("tch/builtin@cuda:0", "tch/builtin@cuda:0"),
            ("/a.b/libmine.so/builtin", "libmine/builtin"),
            ("/a/libmine.so@cpu", "libmine@cpu"),
            ("/a/lib.mine.dylib", "lib.mine"),
        ] {
            assert_eq!(Selection::parse(text).unwrap().short(), short);
        }
    }

    #[test]
    fn a_round_runs_every_cell_once_in_its_seeds_order() {
        let round = |seed| round((0..5).collect(), seed);
        let first = round(1);
        let mut sorted = first.order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [0, 1, 2, 3, 4]);
        assert_eq!(first, round(1));
        assert!((2..6).any(|seed| round(seed).order != first.order));
    }
}
