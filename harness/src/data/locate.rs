//! Where a published data set is looked for, and what is there.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use super::error::DataError;
use super::publication::{Address, FileState, Publication, fashion_mnist_addresses};
use crate::shell;

/// What this process's environment says about data.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `TRAINMARK_DATA`: the folder to take the files from.
    pub data_dir: Option<PathBuf>,
    /// Trainmark's folder in the user's cache; `None` where there is no home.
    pub cache: Option<PathBuf>,
    /// Where to download, the first that works.
    pub addresses: Vec<Address>,
}

impl Environment {
    /// Reads `TRAINMARK_DATA`, `TRAINMARK_DATA_URL` (an address in place of the
    /// publisher's and its fallback) and the user's cache folder. Variables
    /// that are empty count as unset.
    pub fn from_process() -> Self {
        let cache = etcetera::choose_base_strategy().ok().map(|dirs| dirs.cache_dir().join("trainmark"));
        Self::new(env::var_os("TRAINMARK_DATA"), env::var_os("TRAINMARK_DATA_URL"), cache)
    }

    fn new(data_dir: Option<OsString>, address: Option<OsString>, cache: Option<PathBuf>) -> Self {
        let set = |value: Option<OsString>| value.filter(|value| !value.is_empty());
        let addresses = match set(address) {
            Some(base) => {
                let base = base.to_string_lossy().trim_end_matches('/').to_owned();
                vec![Address { label: "TRAINMARK_DATA_URL".into(), base }]
            }
            None => fashion_mnist_addresses(),
        };
        Self { data_dir: set(data_dir).map(PathBuf::from), cache, addresses }
    }

    /// The places to look in, in order. The first one that was named
    /// explicitly is the only one: it is never passed over in silence.
    pub(super) fn places(&self, publication: &Publication, data_dir: Option<&Path>) -> Vec<Place> {
        let named = data_dir.map(|dir| (Origin::Flag, dir));
        let named = named.or(self.data_dir.as_deref().map(|dir| (Origin::Variable, dir)));
        match (named, self.downloads(publication)) {
            (Some((origin, dir)), _) => vec![Place::inspect(publication, origin, publication.folder_in(dir))],
            (None, Some(dir)) => vec![Place::inspect(publication, Origin::Cache, dir)],
            (None, None) => Vec::new(),
        }
    }

    /// Where downloads go.
    pub(super) fn downloads(&self, publication: &Publication) -> Option<PathBuf> {
        self.cache.as_ref().map(|cache| cache.join(publication.name))
    }
}

/// What made a folder a place to look in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The option `--data-dir`.
    Flag,
    /// The variable `TRAINMARK_DATA`.
    Variable,
    /// The user's cache, where downloads go.
    Cache,
}

impl Origin {
    /// As it is written on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flag => "--data-dir",
            Self::Variable => "TRAINMARK_DATA",
            Self::Cache => "cache",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A folder and what it holds of a publication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// What named it.
    pub origin: Origin,
    /// The folder itself, subfolder included.
    pub dir: PathBuf,
    /// Each file's name and state.
    pub files: [(&'static str, FileState); 4],
}

impl Place {
    fn inspect(publication: &Publication, origin: Origin, dir: PathBuf) -> Self {
        let files = publication.files.map(|file| (file.name, file.inspect(&dir)));
        Self { origin, dir, files }
    }

    /// Whether every file is there with the right sum.
    pub fn is_complete(&self) -> bool {
        self.files.iter().all(|(_, state)| *state == FileState::Good)
    }

    /// The first reason why an explicitly named place cannot serve.
    pub(super) fn check(&self) -> Result<(), DataError> {
        let fetch = self.fetch_command();
        let missing =
            |(name, state): &(&'static str, FileState)| (*state == FileState::Missing).then_some(*name);
        for (name, state) in &self.files {
            let path = self.dir.join(name);
            match state {
                FileState::Good | FileState::Missing => {}
                FileState::Corrupt { expected, found } => {
                    return Err(DataError::Malformed {
                        path,
                        expected: expected.clone(),
                        found: found.clone(),
                        remedy: format!("delete the file and run `{fetch}`"),
                    });
                }
                FileState::Unreadable(reason) => {
                    return Err(DataError::Io {
                        action: "read",
                        path,
                        cause: io::Error::other(reason.clone()),
                        remedy: "make it readable, or name another folder with --data-dir DIR",
                    });
                }
            }
        }
        let files: Vec<_> = self.files.iter().filter_map(missing).collect();
        if files.is_empty() {
            return Ok(());
        }
        Err(DataError::Missing { dir: self.dir.clone(), origin: self.origin.name(), files, fetch })
    }

    fn fetch_command(&self) -> String {
        match self.origin {
            Origin::Flag => format!("trainmark data fetch --data-dir {}", shell::quoted_path(&self.dir)),
            Origin::Variable | Origin::Cache => "trainmark data fetch".into(),
        }
    }
}

/// One line: the folder, then whatever is not in order there.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): ", self.dir.display(), self.origin)?;
        if self.is_complete() {
            return f.write_str("complete");
        }
        if self.files.iter().all(|(_, state)| *state == FileState::Missing) {
            return f.write_str("none of the four files");
        }
        let wrong = self.files.iter().filter(|(_, state)| *state != FileState::Good);
        let wrong: Vec<_> = wrong.map(|(name, state)| format!("{name} {state}")).collect();
        f.write_str(&wrong.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fixtures;
    use std::fs;

    #[test]
    fn empty_variables_count_as_unset() {
        let unset = Environment::new(Some("".into()), Some("".into()), None);
        assert_eq!(unset.data_dir, None);
        assert_eq!(unset.addresses, fashion_mnist_addresses());
        let set = Environment::new(Some("d".into()), Some("http://mirror/x/".into()), None);
        assert_eq!(set.data_dir, Some(PathBuf::from("d")));
        assert_eq!(
            set.addresses,
            [Address { label: "TRAINMARK_DATA_URL".into(), base: "http://mirror/x".into() }]
        );
    }

    #[test]
    fn the_option_comes_before_the_variable_before_the_cache() {
        let publication = fixtures::published().publication;
        let mut environment = Environment {
            data_dir: Some("/variable".into()),
            cache: Some("/cache".into()),
            addresses: Vec::new(),
        };
        let only = |environment: &Environment, dir: Option<&str>| {
            let places = environment.places(&publication, dir.map(Path::new));
            assert_eq!(places.len(), 1);
            (places[0].origin, places[0].dir.clone())
        };
        assert_eq!(only(&environment, Some("/option")), (Origin::Flag, "/option".into()));
        assert_eq!(only(&environment, None), (Origin::Variable, "/variable".into()));
        environment.data_dir = None;
        assert_eq!(only(&environment, None), (Origin::Cache, "/cache/random".into()));
        environment.cache = None;
        assert!(environment.places(&publication, None).is_empty());
    }

    #[test]
    fn a_named_place_says_what_it_lacks() {
        let fixture = fixtures::published();
        let dir = tempfile::tempdir().unwrap();
        let place = |origin| Place::inspect(&fixture.publication, origin, dir.path().to_owned());
        fixture.write_to(dir.path());
        assert!(place(Origin::Flag).check().is_ok());
        assert!(place(Origin::Flag).to_string().ends_with(" (--data-dir): complete"));

        fs::remove_file(dir.path().join("t10k-labels-idx1-ubyte.gz")).unwrap();
        let shown = dir.path().display();
        assert_eq!(
            place(Origin::Flag).check().unwrap_err().to_string(),
            format!(
                "{shown} (--data-dir) lacks t10k-labels-idx1-ubyte.gz; run `trainmark data fetch \
                 --data-dir {shown}` to download them there, or drop --data-dir"
            )
        );
        assert!(place(Origin::Cache).to_string().ends_with("(cache): t10k-labels-idx1-ubyte.gz missing"));

        fs::write(dir.path().join("train-images-idx3-ubyte.gz"), b"short").unwrap();
        let message = place(Origin::Variable).check().unwrap_err().to_string();
        assert!(message.contains("train-images-idx3-ubyte.gz: expected "), "{message}");
        assert!(
            message.ends_with("found 5 bytes; delete the file and run `trainmark data fetch`"),
            "{message}"
        );
    }
}
