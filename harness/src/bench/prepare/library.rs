//! Libraries that are loaded once, to say what they are.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use trainmark_reports::record::{Framework, Role};

use super::devices::missing;
use crate::bench::runner::Runner;
use crate::executor::{Ending, LibraryPath, Threads};
use crate::failure::{Failure, FailureKind};
use crate::interrupt::Interrupted;
use crate::registry::{Backend, BackendName, Library, suggestion};
use crate::worker::protocol::{BackendInfo, Job, Message};

/// A library that loads and has described itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReadyLibrary {
    /// The file.
    #[serde(with = "crate::path_text")]
    pub path: PathBuf,
    /// SHA-256 of the file.
    pub hash: String,
    /// What the backend says of itself.
    pub info: BackendInfo,
    /// Variables that set its threads, besides the usual ones.
    pub thread_variables: Vec<String>,
    /// What the backend is, where it is no framework to choose.
    pub role: Option<Role>,
    /// What its framework is made of.
    pub framework: Framework,
}

impl ReadyLibrary {
    /// Whether it computes on a device that this machine has.
    pub(super) fn has_device_here(&self) -> bool {
        self.info.devices.iter().any(|device| missing(&device.id).is_none())
    }

    /// Loads a library once. The inner error is the reason why it is unavailable.
    ///
    /// # Errors
    /// Where no job can be started, or the user interrupts.
    pub(super) fn load(
        backend: &Backend,
        library: &Library,
        runner: &dyn Runner,
    ) -> anyhow::Result<Result<Self, String>> {
        let path = library.path();
        let Described { info, hash } = match describe(&path, runner)? {
            Ok(described) => described,
            Err(failure) => return Ok(Err(with_remedy(failure, library))),
        };
        if info.name != backend.plugin() {
            let reason =
                format!("its library names itself {}, its backend.toml {}", info.name, backend.plugin());
            return Ok(Err(reason));
        }
        if let Some(extra) = backend
            .extra_implementations
            .iter()
            .find(|extra| info.implementations.iter().all(|one| one.name != **extra))
        {
            let known = info.implementations.iter().map(|one| &*one.name);
            let reason =
                format!("its backend.toml names the extra implementation {extra}, which it does not have");
            return Ok(Err(reason + &suggestion(extra, known)));
        }
        let ready = Self {
            path,
            hash,
            info,
            thread_variables: backend.thread_variables.clone(),
            role: backend.role,
            framework: framework_of(backend, library),
        };
        Ok(Ok(ready.named(backend)))
    }

    /// By its backend's name: with the version, where there are several, or with the build.
    pub(super) fn named(mut self, backend: &Backend) -> Self {
        self.info.name.clone_from(&backend.name);
        self
    }
}

/// What a backend says of its framework; the engine is unknown where the user has put another
/// version in its place.
fn framework_of(backend: &Backend, library: &Library) -> Framework {
    let mut framework = backend.framework.clone();
    framework.engine = framework.engine.filter(|_| library.is_as_asked());
    framework
}

/// A library named by its path becomes a backend by the name in its table. With it the library's SHA-256.
pub(super) fn given_library(
    path: &Path,
    runner: &dyn Runner,
) -> anyhow::Result<Result<(Backend, String), String>> {
    let library = library_file(path)?;
    Ok(describe(&library, runner)?.map_err(|failure| failure.reason).and_then(|Described { info, hash }| {
        BackendName::parse(&info.name)?;
        let backend = Backend {
            name: info.name,
            summary: info.framework,
            origin: library.clone(),
            by_default: true,
            libraries: vec![Library::Given(library)],
            ..Backend::default()
        };
        Ok((backend, hash))
    }))
}

/// The file of a library that is named by its path.
///
/// # Errors
/// Where there is none.
pub(super) fn library_file(path: &Path) -> anyhow::Result<PathBuf> {
    path.canonicalize().with_context(|| format!("no library {}", path.display()))
}

/// A library that was built here and does not load any more has lost something that
/// it was built with, such as a framework's library in a cache.
fn with_remedy(failure: Failure, library: &Library) -> String {
    let Failure { kind, reason, .. } = failure;
    let is_lost = kind == FailureKind::NotLoaded && LibraryPath::here().advice(&reason).is_none();
    if is_lost && matches!(library, Library::Built(_)) {
        return format!(
            "{reason}; if what it was built with has moved or gone, delete the library: it is built again"
        );
    }
    reason
}

/// What a library is.
#[derive(Debug, Clone)]
pub struct Described {
    /// What the backend says of itself.
    pub info: BackendInfo,
    /// SHA-256 of the library that said so.
    pub hash: String,
}

/// Asks a library what it is.
///
/// # Errors
/// Where no job can be started, or the user interrupts. The inner error is why the
/// library cannot be used.
pub fn describe(library: &Path, runner: &dyn Runner) -> anyhow::Result<Result<Described, Failure>> {
    let mut described = None;
    let log = tempfile::NamedTempFile::new().context("cannot create a temporary log")?;
    let job = Job::Describe { library: library.to_owned() };
    let report = runner.run(&job, Threads::ONE, log.path(), &mut |message| {
        if let Message::Loaded { backend, library_hash, .. } = message {
            described = Some(Described { info: backend.clone(), hash: library_hash.clone() });
        }
        Ok(())
    })?;
    let devices = described.iter_mut().flat_map(|described| &mut described.info.devices);
    for reason in devices.filter_map(|device| device.unavailable.as_mut()) {
        // A plugin that loads its framework when it is asked says here what is missing.
        *reason = LibraryPath::here().explain(std::mem::take(reason));
    }
    Ok(match (report.ending, described) {
        (Ending::Failed(failure), _) if failure.is_interruption() => bail!(Interrupted),
        (Ending::Failed(failure), _) => Err(failure),
        (Ending::Done(_), Some(described)) => Ok(described),
        (Ending::Done(_), None) => {
            Err(Failure::new(FailureKind::Failed, "the worker said nothing of the library"))
        }
    })
}
