//! What is to be run: the user's selection of cells, and the random order of each round.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use std::path::Path;

use anyhow::bail;
use trainmark_reports::record::Round;

/// `backend[/implementation][@device]`, as the user writes it; the backend may
/// be a path to a library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// `all`, a backend's name, or a library's path.
    pub backend: String,
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
            return Ok(Self { backend: text.to_owned(), implementation: None, device: None });
        }
        let (rest, device) = split_last(text, '@');
        let (backend, implementation) =
            if is_library_path(rest) { (rest, None) } else { split_last(rest, '/') };
        let parts = [Some(backend), implementation, device];
        if parts.into_iter().flatten().any(str::is_empty) {
            bail!(
                "cannot read `{text}`: write backend, backend/implementation or backend/implementation@device"
            );
        }
        if backend.starts_with(['.', '/']) && !is_library_path(backend) {
            bail!("{text} is neither a backend's name nor a library: a library ends in .so or .dylib");
        }
        Ok(Self {
            backend: backend.to_owned(),
            implementation: implementation.map(str::to_owned),
            device: device.map(str::to_owned),
        })
    }
}

impl Selection {
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
        if let Some(implementation) = &self.implementation {
            write!(f, "/{implementation}")?;
        }
        self.device.iter().try_for_each(|device| write!(f, "@{device}"))
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
    Round { seed, order, left_out: Vec::new(), timing: Vec::new() }
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
