//! Where a published data set is looked for, and what is there.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use super::error::DataError;
use super::publication::{Address, FileState, Publication};
use crate::shell;

/// Where data may come from, as this process's environment says.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// `TRAINMARK_DATA`: the folder to take the files from.
    pub data_dir: Option<PathBuf>,
    /// Trainmark's folder in the user's cache; `None` where there is no home.
    pub cache: Option<PathBuf>,
    /// Folders where other programs and packages keep published data sets, and what they are.
    pub shared: Vec<(Origin, PathBuf)>,
    /// Where to download in place of the publishers' addresses, the first that works.
    pub addresses: Vec<Address>,
}

impl Sources {
    /// Reads `TRAINMARK_DATA`, `TRAINMARK_DATA_URL` (an address in place of the
    /// publisher's and its fallback) and the user's cache folder. Variables
    /// that are empty count as unset.
    pub fn from_process() -> Self {
        let cache = etcetera::choose_base_strategy().ok().map(|dirs| dirs.cache_dir().join("trainmark"));
        let shared = shared_folders(env::var_os("XDG_DATA_DIRS"), env::var_os("KERAS_HOME"), env::home_dir());
        Self { shared, ..Self::new(env::var_os("TRAINMARK_DATA"), env::var_os("TRAINMARK_DATA_URL"), cache) }
    }

    fn new(data_dir: Option<OsString>, address: Option<OsString>, cache: Option<PathBuf>) -> Self {
        let set = |value: Option<OsString>| value.filter(|value| !value.is_empty());
        let addresses = match set(address) {
            Some(base) => {
                let base = base.to_string_lossy().trim_end_matches('/').to_owned();
                vec![Address { label: "TRAINMARK_DATA_URL".into(), base }]
            }
            None => Vec::new(),
        };
        Self { data_dir: set(data_dir).map(PathBuf::from), cache, shared: Vec::new(), addresses }
    }

    /// The places to look in, in order. The first one that was named explicitly is the only one:
    /// it is never passed over in silence. Else the cache comes before what others keep.
    pub(super) fn places(&self, publication: &Publication, data_dir: Option<&Path>) -> Vec<Place> {
        let folders = self.folders(publication, data_dir).into_iter();
        folders.map(|(origin, dir)| Place::inspect(publication, origin, dir)).collect()
    }

    /// The folders of [`Self::places`].
    pub(super) fn folders(
        &self,
        publication: &Publication,
        data_dir: Option<&Path>,
    ) -> Vec<(Origin, PathBuf)> {
        let named = data_dir.map(|dir| (Origin::Flag, dir));
        let named = named.or(self.data_dir.as_deref().map(|dir| (Origin::Variable, dir)));
        if let Some((origin, dir)) = named {
            return vec![(origin, publication.folder_in(dir))];
        }
        let cache = self.downloads(publication).map(|dir| (Origin::Cache, dir));
        let shared = self.shared.iter().map(|(origin, dir)| (*origin, dir.join(publication.folder)));
        cache.into_iter().chain(shared).collect()
    }

    /// Where a publication is downloaded from.
    pub(super) fn addresses(&self, publication: &Publication) -> Vec<Address> {
        if !self.addresses.is_empty() {
            return self.addresses.clone();
        }
        let own = publication.addresses.iter();
        own.map(|&(label, base)| Address { label: label.into(), base: base.into() }).collect()
    }

    /// Where downloads go.
    pub(super) fn downloads(&self, publication: &Publication) -> Option<PathBuf> {
        self.cache.as_ref().map(|cache| cache.join(publication.folder))
    }
}

/// Where Debian's packages and Keras keep data sets, by the variables that move them.
fn shared_folders(
    data_dirs: Option<OsString>,
    keras: Option<OsString>,
    home: Option<PathBuf>,
) -> Vec<(Origin, PathBuf)> {
    let data_dirs = data_dirs.filter(|dirs| !dirs.is_empty()).unwrap_or("/usr/local/share:/usr/share".into());
    let packages = env::split_paths(&data_dirs).filter(|dir| dir.is_absolute());
    let packages = packages.map(|dir| (Origin::Package, dir.join("datasets")));
    let keras = keras.filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let keras = keras.or(home.map(|home| home.join(".keras")));
    packages.chain(keras.map(|dir| (Origin::Keras, dir.join("datasets")))).collect()
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
    /// A folder of the system's packages.
    Package,
    /// The cache of Keras.
    Keras,
}

impl Origin {
    /// As it is written on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flag => "--data-dir",
            Self::Variable => "TRAINMARK_DATA",
            Self::Cache => "cache",
            Self::Package => "package",
            Self::Keras => "Keras",
        }
    }

    /// Whether the user named it for this.
    pub(super) fn is_named(self) -> bool {
        matches!(self, Self::Flag | Self::Variable)
    }

    /// Whether downloads may go there.
    pub(super) fn is_downloaded_into(self) -> bool {
        self.is_named() || self == Self::Cache
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
    /// Each file's name there and state.
    pub files: Vec<(String, FileState)>,
    /// The command that downloads them.
    pub(super) fetch: String,
    /// What to do with a file that is another one.
    pub(super) remedy: String,
}

impl Place {
    fn inspect(publication: &Publication, origin: Origin, dir: PathBuf) -> Self {
        let states = publication.files.iter().map(|file| {
            let name = file.path_in(&dir).file_name().unwrap_or_default().to_string_lossy().into_owned();
            (name, file.inspect(&dir))
        });
        let files = states.collect();
        Self { origin, dir, files, fetch: publication.fetch_command(), remedy: publication.remedy() }
    }

    /// Whether every file is there with the right content.
    pub fn is_complete(&self) -> bool {
        self.files.iter().all(|(_, state)| *state == FileState::Good)
    }

    /// The first reason why an explicitly named place cannot serve.
    pub(super) fn check(&self) -> Result<(), DataError> {
        let fetch = self.fetch_command();
        for (name, state) in &self.files {
            let path = self.dir.join(name);
            match state {
                FileState::Good | FileState::Missing => {}
                FileState::Other(mismatch) => return Err(mismatch.clone().in_file(&path, &*self.remedy)),
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
        let missing = self.files.iter().filter(|(_, state)| *state == FileState::Missing);
        let files: Vec<String> = missing.map(|(name, _)| name.clone()).collect();
        if files.is_empty() {
            return Ok(());
        }
        Err(DataError::Missing { dir: self.dir.clone(), origin: self.origin.name(), files, fetch })
    }

    /// Whether none of the files is there.
    pub(super) fn is_empty(&self) -> bool {
        self.files.iter().all(|(_, state)| *state == FileState::Missing)
    }

    /// Refuses a place where a download would have to replace what somebody else put there.
    pub(super) fn check_free(&self) -> Result<(), DataError> {
        let occupied =
            |(_, state): &&(String, FileState)| !matches!(state, FileState::Good | FileState::Missing);
        let Some((name, state)) = self.files.iter().find(occupied) else { return Ok(()) };
        let (dir, origin) = (self.dir.clone(), self.origin.name());
        Err(DataError::Occupied { dir, origin, name: name.clone(), state: state.to_string() })
    }

    fn fetch_command(&self) -> String {
        match self.origin {
            Origin::Flag => format!("{} --data-dir {}", self.fetch, shell::quoted_path(&self.dir)),
            _ => self.fetch.clone(),
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
        if self.is_empty() && self.files.len() == 4 {
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
    use crate::data::{FASHION_MNIST, fixtures};
    use std::fs;

    #[test]
    fn empty_variables_count_as_unset() {
        let unset = Sources::new(Some("".into()), Some("".into()), None);
        assert_eq!(unset.data_dir, None);
        assert_eq!(unset.addresses(&FASHION_MNIST).len(), 2);
        let set = Sources::new(Some("d".into()), Some("http://mirror/x/".into()), None);
        assert_eq!(set.data_dir, Some(PathBuf::from("d")));
        assert_eq!(
            set.addresses(&FASHION_MNIST),
            [Address { label: "TRAINMARK_DATA_URL".into(), base: "http://mirror/x".into() }]
        );
    }

    #[test]
    fn the_option_comes_before_the_variable_before_the_cache_before_what_others_keep() {
        let publication = fixtures::published().publication;
        let mut sources = Sources {
            data_dir: Some("/variable".into()),
            cache: Some("/cache".into()),
            shared: vec![(Origin::Package, "/share".into())],
            addresses: Vec::new(),
        };
        let only = |sources: &Sources, dir: Option<&str>| {
            let places = sources.places(publication, dir.map(Path::new));
            (places[0].origin, places[0].dir.clone())
        };
        assert_eq!(only(&sources, Some("/option")), (Origin::Flag, "/option".into()));
        assert_eq!(only(&sources, None), (Origin::Variable, "/variable".into()));
        sources.data_dir = None;
        assert_eq!(only(&sources, None), (Origin::Cache, "/cache/random".into()));
        sources.cache = None;
        assert_eq!(only(&sources, None), (Origin::Package, "/share/random".into()));
        sources.shared.clear();
        assert!(sources.places(publication, None).is_empty());
    }

    #[test]
    fn a_named_place_says_what_it_lacks() {
        let fixture = fixtures::published();
        let dir = tempfile::tempdir().unwrap();
        let place = |origin| Place::inspect(fixture.publication, origin, dir.path().to_owned());
        fixture.write_to(dir.path());
        assert!(place(Origin::Flag).check().is_ok());
        assert!(place(Origin::Flag).to_string().ends_with(" (--data-dir): complete"));

        fs::remove_file(dir.path().join("t10k-labels-idx1-ubyte.gz")).unwrap();
        let shown = dir.path().display();
        assert_eq!(
            place(Origin::Flag).check().unwrap_err().to_string(),
            format!(
                "{shown} (--data-dir) lacks t10k-labels-idx1-ubyte.gz; run `trainmark data fetch random \
                 --data-dir {shown}` to download them there, or drop --data-dir"
            )
        );
        assert!(place(Origin::Cache).to_string().ends_with("(cache): t10k-labels-idx1-ubyte.gz missing"));

        fs::write(dir.path().join("train-images-idx3-ubyte.gz"), b"short").unwrap();
        let message = place(Origin::Variable).check().unwrap_err().to_string();
        assert!(message.contains("train-images-idx3-ubyte.gz: expected "), "{message}");
        assert!(
            message.contains("found content of 5 bytes") && message.ends_with(&fixture.publication.remedy()),
            "{message}"
        );
    }

    #[test]
    fn packages_and_keras_are_looked_for_where_their_variables_say() {
        let found = |dirs: Option<&str>, keras: Option<&str>| {
            let folders =
                shared_folders(dirs.map(Into::into), keras.map(Into::into), Some("/home/me".into()));
            folders.into_iter().map(|(_, dir)| dir.display().to_string()).collect::<Vec<_>>()
        };
        let usual = ["/usr/local/share/datasets", "/usr/share/datasets", "/home/me/.keras/datasets"];
        assert_eq!(found(None, None), usual);
        assert_eq!(found(Some("/a:b"), Some("/k")), ["/a/datasets", "/k/datasets"]);
    }
}
