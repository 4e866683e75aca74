//! The backends that there are: folders with a `backend.toml`, and libraries
//! that the user names by path.

pub mod build;
pub mod manifest;
mod name;
mod repository;
mod revision;
mod version;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use trainmark_reports::record::{Device, Framework, Role};
use trainmark_reports::text::one_line;

use crate::machine::gpu;
use build::Recipe;
use manifest::{FILE, Manifest};
pub use name::BackendName;
use repository::sources;
pub use repository::{path_to, repository_root};
pub use revision::Revision;
pub use version::{Version, tell_apart};

/// A backend before anything of it is loaded.
#[derive(Debug, Clone, Default)]
pub struct Backend {
    /// Unique name, which cells have: with the version where that must be told, as in `candle@0.9.2`.
    pub name: String,
    /// One line on it.
    pub summary: String,
    /// Where it comes from: its folder, or its library.
    pub origin: PathBuf,
    /// Variables that set its threads, besides the usual ones.
    pub thread_variables: Vec<String>,
    /// What it is, where it is no framework to choose.
    pub role: Option<Role>,
    /// What its framework is made of.
    pub framework: Framework,
    /// Whether `all` means it, whatever it fetches.
    pub by_default: bool,
    /// Implementations that are run only where they are named.
    pub extra_implementations: Vec<String>,
    /// Its libraries.
    pub libraries: Vec<Library>,
    /// The version of its framework that they are built with, where there are several.
    pub version: Option<Version>,
    /// The same backend with the other versions; of the default one alone.
    pub others: Vec<Self>,
}

impl Backend {
    fn new(manifest: Manifest, version: Option<Version>, folder: &Path, places: &Places) -> Self {
        let libraries = (0..manifest.artifacts.len())
            .map(|index| Library::Built(Box::new(Recipe::new(&manifest, index, folder, &places.builds))))
            .collect();
        Self {
            name: manifest.name,
            summary: one_line(&manifest.summary),
            origin: folder.to_owned(),
            thread_variables: manifest.thread_variables,
            role: manifest.role,
            framework: manifest.framework,
            by_default: manifest.by_default,
            extra_implementations: manifest.extra_implementations,
            libraries,
            version,
            others: Vec::new(),
        }
    }

    /// The name in its plugin's table.
    pub fn plugin(&self) -> &str {
        self.name.split_once('@').map_or(&*self.name, |(plugin, _)| plugin)
    }

    /// Whether `all` means it: by default, or since all that it would fetch is here.
    pub fn is_in_all(&self) -> bool {
        let mut usable = self.libraries.iter().filter(|library| library.is_meant_by_default()).peekable();
        self.by_default || usable.peek().is_some() && usable.all(Library::is_here)
    }

    /// What building it fetches, library by library, each once.
    pub fn downloads(&self) -> Vec<&str> {
        let mut downloads: Vec<&str> = self.libraries.iter().filter_map(Library::downloads).collect();
        downloads.dedup();
        downloads
    }
}

/// One library of a backend.
#[derive(Debug, Clone)]
pub enum Library {
    /// Built on demand.
    Built(Box<Recipe>),
    /// Given by path, ready.
    Given(PathBuf),
}

impl Library {
    /// The file, built or not.
    pub fn path(&self) -> PathBuf {
        match self {
            Self::Built(recipe) => recipe.library(),
            Self::Given(path) => path.clone(),
        }
    }

    /// Whether it is for a kind of device that this machine may have.
    fn is_of_this_machine(&self) -> bool {
        let Self::Built(recipe) = self else { return true };
        gpu::found().none.is_none() || recipe.device_kinds().iter().any(|kind| kind != Device::CUDA)
    }

    /// Whether it is built and loaded on this machine where no device is named.
    pub fn is_meant_by_default(&self) -> bool {
        let by_default = match self {
            Self::Built(recipe) => recipe.is_by_default(),
            Self::Given(_) => true,
        };
        by_default && self.is_of_this_machine()
    }

    /// Whether the framework is the one that the backend names.
    pub fn is_as_asked(&self) -> bool {
        match self {
            Self::Built(recipe) => recipe.is_as_asked(),
            Self::Given(_) => true,
        }
    }

    /// Whether it can be used without fetching anything.
    fn is_here(&self) -> bool {
        match self {
            Self::Built(recipe) => recipe.is_here(),
            Self::Given(_) => true,
        }
    }

    fn downloads(&self) -> Option<&str> {
        match self {
            Self::Built(recipe) => recipe.downloads(),
            Self::Given(_) => None,
        }
    }

    /// Whether it may serve a device such as `cuda:0`.
    pub fn serves(&self, device: &str) -> bool {
        match self {
            Self::Built(recipe) => {
                let device = Device::from(device);
                recipe.device_kinds().iter().any(|kind| kind == device.kind())
            }
            Self::Given(_) => true,
        }
    }
}

/// Every backend that was found.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    /// The backends, by name.
    pub backends: Vec<Backend>,
    /// Folders whose `backend.toml` cannot be used, with the reason.
    pub broken: Vec<(String, String)>,
}

/// Where what concerns all backends lies.
struct Places {
    /// The folder of all builds.
    builds: PathBuf,
    /// The root of trainmark's sources.
    sources: PathBuf,
}

impl Registry {
    /// Looks through `backends/` of the repository and the given folders, each a
    /// backend or a folder of backends.
    ///
    /// # Errors
    /// Where a given folder has no backend, or two backends have one name.
    pub fn discover(root: &Path, extra: &[PathBuf]) -> anyhow::Result<Self> {
        Self::discover_in(&Places { builds: build::builds(root), sources: sources(root) }, root, extra)
    }

    /// The backends of another revision, which are built in its own folder.
    ///
    /// # Errors
    /// As [`Self::discover`].
    pub fn of_checkout(folder: &Path) -> anyhow::Result<Self> {
        let places = Places { builds: folder.join("target").join("backends"), sources: sources(folder) };
        Self::discover_in(&places, folder, &[])
    }

    fn discover_in(places: &Places, root: &Path, extra: &[PathBuf]) -> anyhow::Result<Self> {
        let mut registry = Self::default();
        let own = root.join("backends");
        let folders = match backend_folders(&own) {
            // Where trainmark is installed, not built, there is none.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            folders => folders.with_context(|| format!("cannot look for backends in {}", own.display()))?,
        };
        for folder in folders {
            registry.add(&folder, places)?;
        }
        for path in extra {
            let folders = backend_folders(path).with_context(|| {
                format!("cannot look for backends in {} (--backend-path)", path.display())
            })?;
            if folders.is_empty() {
                bail!("{} holds no {FILE}, nor does a folder in it (--backend-path)", path.display());
            }
            for folder in folders {
                registry.add(&folder, places)?;
            }
        }
        registry.backends.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(registry)
    }

    fn add(&mut self, folder: &Path, places: &Places) -> anyhow::Result<()> {
        let manifest = match Manifest::read(folder, &places.sources) {
            Ok(manifest) => manifest,
            Err(error) => {
                let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
                self.broken.push((one_line(&name), one_line(&error.to_string())));
                return Ok(());
            }
        };
        let mut backends = manifest
            .by_version()
            .into_iter()
            .map(|(version, manifest)| Backend::new(manifest, version, folder, places));
        let Some(default) = backends.next() else { return Ok(()) };
        self.insert(Backend { others: backends.collect(), ..default })
    }

    /// Adds a backend; one that is there already is not added again.
    ///
    /// # Errors
    /// Where its name is taken by another.
    pub fn insert(&mut self, backend: Backend) -> anyhow::Result<()> {
        if let Some(other) = self.backends.iter().find(|other| other.name == backend.name) {
            if other.origin == backend.origin {
                return Ok(());
            }
            bail!(
                "two backends are named {}: {} and {}; rename one in its {FILE} and its table, or name two \
                 builds of one with --base and --head",
                backend.name,
                other.origin.display(),
                backend.origin.display()
            );
        }
        self.backends.push(backend);
        Ok(())
    }

    /// Adds a backend that a library is of. It takes the place of the folder's of that name, whose
    /// build it most often is, unless that is named beside it.
    ///
    /// # Errors
    /// Where its name is taken by another that is.
    pub fn insert_given(&mut self, backend: Backend, is_named: bool) -> anyhow::Result<()> {
        let known = self
            .backends
            .iter_mut()
            .find(|known| known.name == backend.name && !matches!(known.libraries[..], [Library::Given(_)]));
        let Some(known) = known.filter(|_| !is_named) else { return self.insert(backend) };
        known.origin = backend.origin;
        known.libraries = backend.libraries;
        known.version = None;
        known.others.clear();
        Ok(())
    }

    /// The backend of a name.
    ///
    /// # Errors
    /// Where there is none, with the nearest name and all names.
    pub fn find(&self, name: &str) -> anyhow::Result<&Backend> {
        if let Some(backend) = self.backends.iter().find(|backend| backend.name == name) {
            return Ok(backend);
        }
        if let Some((_, reason)) = self.broken.iter().find(|(broken, _)| broken == name) {
            bail!("backend {name} cannot be used: {reason}");
        }
        let names = self.backends.iter().map(|backend| backend.name.as_str());
        bail!("no backend {name}{}", suggestion(name, names))
    }
}

/// `; did you mean candle? (there are: …)`
pub fn suggestion<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<&str> = names.collect();
    format!("{} (there are: {})", question(name, names.iter().copied()), names.join(", "))
}

/// `; did you mean candle?`, where a name is near.
pub fn question<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> String {
    let likeness = |known: &&str| strsim::jaro_winkler(name, known);
    let nearest = names.max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let nearest = nearest.filter(|nearest| likeness(nearest) > 0.75);
    nearest.map(|nearest| format!("; did you mean {nearest}?")).unwrap_or_default()
}

/// The folder itself if it is a backend, else the backends in it, in order of name.
fn backend_folders(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if path.join(FILE).is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let folder = entry?.path();
        if folder.join(FILE).is_file() {
            folders.push(folder);
        }
    }
    folders.sort();
    Ok(folders)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered() {
        let names = ["candle", "dfdx", "handwritten", "tch"];
        assert!(suggestion("cande", names.into_iter()).contains("did you mean candle?"));
        assert!(suggestion("hand-written", names.into_iter()).contains("did you mean handwritten?"));
        assert!(!suggestion("zzz", names.into_iter()).contains("did you mean"));
    }

    #[test]
    fn two_backends_of_one_name_are_refused() {
        let backend =
            |origin: &str| Backend { name: "mine".to_owned(), origin: origin.into(), ..Backend::default() };
        let mut registry = Registry::default();
        registry.insert(backend("a")).expect("the first");
        let error = registry.insert(backend("b")).expect_err("the second").to_string();
        assert!(error.contains("two backends are named mine: a and b"), "{error}");
    }

    #[test]
    fn a_library_takes_the_place_of_the_folder_whose_build_it_is() {
        let given = |path: &str| Backend {
            name: "mine".to_owned(),
            origin: path.into(),
            libraries: vec![Library::Given(path.into())],
            ..Backend::default()
        };
        let folder = || {
            let thread_variables = vec!["MINE_THREADS".to_owned()];
            let backend =
                Backend { origin: "folder".into(), libraries: Vec::new(), thread_variables, ..given("") };
            Registry { backends: vec![backend], ..Registry::default() }
        };
        let mut registry = folder();
        registry.insert_given(given("a.so"), false).expect("the folder's own is not named");
        let found = registry.find("mine").expect("it is there");
        assert_eq!(found.origin, Path::new("a.so"));
        assert_eq!(found.libraries[0].path(), Path::new("a.so"));
        assert_eq!(found.thread_variables, ["MINE_THREADS"], "what the folder says of it holds");
        registry.insert_given(given("a.so"), false).expect("the same once more");
        registry.insert_given(given("b.so"), false).expect_err("two libraries of one backend");
        folder().insert_given(given("a.so"), true).expect_err("both are named");
    }

    #[test]
    fn a_folder_of_backends_that_cannot_be_read_is_not_an_empty_one() {
        let root = tempfile::tempdir().expect("a temporary folder");
        Registry::discover(root.path(), &[]).expect("one that is not there is");
        std::fs::write(root.path().join("backends"), "").expect("writable");
        let error = Registry::discover(root.path(), &[]).expect_err("a file").to_string();
        assert!(error.starts_with("cannot look for backends in "), "{error}");
    }

    #[test]
    fn a_broken_manifest_is_kept_with_its_reason() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let folder = root.path().join("backends/odd");
        std::fs::create_dir_all(&folder).expect("writable");
        std::fs::write(folder.join(FILE), "name = 3").expect("writable");
        let registry = Registry::discover(root.path(), &[]).expect("others may run on");
        assert_eq!(registry.broken.len(), 1);
        assert!(registry.find("odd").expect_err("broken").to_string().contains("backend.toml"));
    }
}
