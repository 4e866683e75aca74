//! Builds a backend's library when it is missing or stale.

mod attempt;
mod compiler;
mod disk;
mod environment;
mod fingerprint;
mod inputs;
mod needs;
mod obstacles;
mod place;
mod reason;
mod schedule;
mod served;

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

use super::manifest::{Artifact, Manifest};

pub use attempt::BuildEvent;
pub use compiler::{configured, is_heeded};
pub use fingerprint::content_hash;
pub use obstacles::obstacles;
pub use place::builds;
pub use schedule::build_all;
use served::Served;

/// Whether builds may use the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// They may.
    Allowed,
    /// `--offline` was given.
    Forbidden,
}

impl Network {
    /// What a reason for a failure must tell besides.
    fn remark(self) -> &'static str {
        match self {
            Self::Allowed => "",
            Self::Forbidden => " (--offline was given)",
        }
    }
}

/// Where one artifact is built and what it becomes.
#[derive(Debug, Clone)]
pub struct Recipe {
    label: String,
    folder: PathBuf,
    target: PathBuf,
    stem: String,
    artifact: Artifact,
    /// Whether a probe has said that what the build would fetch is here: see [`Recipe::look`].
    is_fetched: OnceLock<bool>,
}

/// What is known of a library before it is built or loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Freshness {
    /// Built from what now lies in the inputs.
    Fresh,
    /// Built from something else.
    Stale,
    /// Its last build failed, for this reason.
    Failed(String),
    /// Never built, or not to the end.
    Absent,
}

impl Recipe {
    /// The recipe of a manifest's `index`-th artifact; builds go under `builds`.
    pub fn new(manifest: &Manifest, index: usize, folder: &Path, builds: &Path) -> Self {
        let artifact = manifest.artifacts[index].clone();
        let devices = artifact.devices.join("-");
        let label = match manifest.artifacts.len() {
            1 => manifest.name.clone(),
            _ => format!("{} for {}", manifest.name, artifact.devices.join(", ")),
        };
        Self {
            label,
            folder: folder.to_owned(),
            target: builds.join(&manifest.name),
            stem: format!("{}-{devices}", manifest.name),
            artifact,
            is_fetched: OnceLock::new(),
        }
    }

    /// Its backend, with the kinds of device where that has several libraries.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Kinds of device that the library serves.
    pub fn device_kinds(&self) -> &[String] {
        &self.artifact.devices
    }

    /// Whether it is built where no device is named.
    pub fn is_by_default(&self) -> bool {
        self.artifact.by_default
    }

    /// Where its build and probes run.
    fn place(&self) -> PathBuf {
        self.folder.join(&self.artifact.folder)
    }

    /// A command of its manifest, which says where the backend's folder lies from there.
    fn command(&self, parts: &[String]) -> Vec<String> {
        let names = self.artifact.folder.components().filter(|part| matches!(part, Component::Normal(_)));
        let upwards = [".".to_owned()].into_iter().chain(names.map(|_| "..".to_owned()));
        let backend = upwards.collect::<Vec<_>>().join("/");
        parts.iter().map(|part| part.replace("{backend}", &backend)).collect()
    }

    /// Bytes of memory that the build declares.
    pub fn memory(&self) -> u64 {
        self.artifact.memory
    }

    /// What the build fetches from the network, if it says so, unless it is known to be here.
    pub fn downloads(&self) -> Option<&str> {
        let is_here = self.is_fetched.get().is_some_and(|is_fetched| *is_fetched) || self.has_packages();
        self.artifact.downloads.as_deref().filter(|_| !is_here)
    }

    /// The library, built or not.
    pub fn library(&self) -> PathBuf {
        let name = self.artifact.library.replace("{prefix}", DLL_PREFIX).replace("{suffix}", DLL_SUFFIX);
        // A path may be no text.
        let mut library = OsString::new();
        for (index, part) in name.split("{target}").enumerate() {
            if index > 0 {
                library.push(&self.target);
            }
            library.push(part);
        }
        self.folder.join(library)
    }

    /// The build's output.
    pub fn log(&self) -> PathBuf {
        self.target.join(format!("{}.log", self.stem))
    }

    /// Whether the library is there and was built from what now lies in the inputs.
    ///
    /// # Errors
    /// Where an input cannot be read.
    pub fn is_fresh(&self) -> anyhow::Result<bool> {
        Ok(self.freshness()? == Freshness::Fresh)
    }

    /// What is known of the library without building it.
    ///
    /// # Errors
    /// Where an input cannot be read.
    pub fn freshness(&self) -> anyhow::Result<Freshness> {
        let fingerprint = self.fingerprint()?;
        if let Ok(reason) = fs::read_to_string(self.failure()) {
            return Ok(Freshness::Failed(reason));
        }
        let Ok(stamp) = fs::read_to_string(self.stamp()) else { return Ok(Freshness::Absent) };
        Ok(match self.library().is_file() {
            false => Freshness::Absent,
            true if stamp == fingerprint && self.has_its_python() => Freshness::Fresh,
            true => Freshness::Stale,
        })
    }

    /// Whether the library can be used, or built again, without fetching anything.
    pub fn is_here(&self) -> bool {
        match self.freshness() {
            Ok(Freshness::Fresh) => true,
            Ok(Freshness::Stale) if self.artifact.is_python => self.has_packages(),
            Ok(Freshness::Stale) => self.downloads().is_none(),
            Ok(Freshness::Failed(_) | Freshness::Absent) | Err(_) => false,
        }
    }

    /// Whether a Python computes what the library is asked for.
    pub fn is_python(&self) -> bool {
        self.artifact.is_python
    }

    /// Which Python does, with which packages, as the last build says.
    pub fn python(&self) -> Option<String> {
        self.served().map(|served| served.summary)
    }

    /// Whether the packages that it computes with have the versions which the backend asks for, as far
    /// as that is known.
    pub fn is_as_asked(&self) -> bool {
        self.served().is_none_or(|served| served.as_asked)
    }

    fn served(&self) -> Option<Served> {
        Served::read(&self.target)
    }

    /// Whether a Python is known that has the packages which the library is to be built with.
    fn has_packages(&self) -> bool {
        let served = self.artifact.is_python.then(|| self.served()).flatten();
        served.is_some_and(|served| served.is_there() && served.is_of(&self.folder))
    }

    fn has_its_python(&self) -> bool {
        !self.artifact.is_python || self.served().is_some_and(|served| served.is_there())
    }

    fn fingerprint(&self) -> anyhow::Result<String> {
        fingerprint::fingerprint(&self.artifact, &self.folder)
    }

    /// Written after a build, with the fingerprint of what it was made from.
    fn stamp(&self) -> PathBuf {
        self.target.join(format!("{}.stamp", self.stem))
    }

    /// Written before a build, with what it sees of its inputs.
    fn seen(&self) -> PathBuf {
        self.target.join(format!("{}.inputs", self.stem))
    }

    /// Written after a build that failed, with the reason.
    fn failure(&self) -> PathBuf {
        self.target.join(format!("{}.failed", self.stem))
    }
}

#[cfg(test)]
mod tests {
    use trainmark_reports::record::Framework;

    use super::*;
    use crate::interrupt::Interrupt;
    use crate::registry::manifest::{Need, Requirement};

    pub(super) fn artifact(build: &[&str]) -> Artifact {
        Artifact {
            devices: vec!["cpu".to_owned()],
            build: build.iter().map(|part| (*part).to_owned()).collect(),
            library: "{target}/made".to_owned(),
            inputs: vec!["source".to_owned()],
            memory: 1 << 30,
            disk: 0,
            downloads: None,
            environment: Vec::new(),
            needs: Vec::new(),
            by_default: true,
            is_python: false,
            folder: PathBuf::new(),
        }
    }

    /// A recipe that is looked at and not built.
    pub(super) fn recipe_of(label: &str, target: &Path, artifact: Artifact) -> Recipe {
        Recipe {
            label: label.to_owned(),
            folder: PathBuf::new(),
            target: target.to_owned(),
            stem: label.to_owned(),
            artifact,
            is_fetched: OnceLock::new(),
        }
    }

    fn recipe(folder: &Path, script: &str) -> Recipe {
        let artifacts = vec![artifact(&["sh", "-c", script])];
        let manifest = Manifest {
            name: "mine".to_owned(),
            summary: String::new(),
            thread_variables: Vec::new(),
            role: None,
            framework: Framework::default(),
            by_default: true,
            extra_implementations: Vec::new(),
            artifacts,
            versions: Vec::new(),
        };
        fs::write(folder.join("source"), "one").expect("writable");
        Recipe::new(&manifest, 0, folder, &folder.join("builds"))
    }

    fn build(recipe: &Recipe) -> anyhow::Result<()> {
        recipe.build(Network::Allowed, &Interrupt::default(), &mut |_| {})
    }

    #[test]
    fn a_library_is_stale_when_its_source_changes() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let recipe = recipe(folder.path(), "cp source builds/mine/made");
        assert_eq!(recipe.freshness().expect("readable"), Freshness::Absent);
        build(&recipe).expect("it builds");
        assert_eq!(recipe.freshness().expect("readable"), Freshness::Fresh);
        fs::write(folder.path().join("source"), "two").expect("writable");
        assert_eq!(recipe.freshness().expect("readable"), Freshness::Stale);
    }

    #[test]
    fn a_probe_says_that_nothing_is_to_be_fetched() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (printed, expected) in [("nothing to fetch\nPython", None), ("nothing", Some("much"))] {
            let mut recipe = recipe(folder.path(), "true");
            let probe = ["printf", "%s\n", printed].map(str::to_owned).to_vec();
            let requirement = Requirement::Probe(probe);
            recipe.artifact.needs.push(Need { requirement, hint: String::new() });
            recipe.artifact.downloads = Some("much".to_owned());
            assert_eq!(recipe.downloads(), Some("much"), "nobody knows yet");
            let patience = std::time::Duration::from_secs(60);
            let found = recipe.look(Network::Allowed, patience, &Interrupt::default());
            assert_eq!(found.as_deref().ok(), printed.lines().last());
            assert_eq!(recipe.downloads(), expected);
        }
    }

    #[test]
    fn a_version_is_built_in_its_own_folder() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut recipe = recipe(folder.path(), "cat {backend}/source own > {backend}/builds/mine/made");
        recipe.artifact.folder = "./versions/1".into();
        let own = folder.path().join("versions/1");
        let error = build(&recipe).expect_err("there is no such folder").to_string();
        assert!(error.ends_with("/./versions/1"), "{error}");
        fs::create_dir_all(&own).expect("writable");
        fs::write(own.join("own"), "1").expect("writable");
        build(&recipe).expect("it builds");
        assert_eq!(fs::read_to_string(recipe.library()).expect("it is made"), "one1");
    }

    #[test]
    fn an_input_may_appear_with_the_build() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let recipe = recipe(folder.path(), "cp source builds/mine/made");
        fs::remove_file(folder.path().join("source")).expect("removable");
        assert!(!recipe.is_fresh().expect("an absent input is no error"));
    }

    #[test]
    fn an_input_that_is_still_missing_after_the_build_is_an_error() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let recipe = recipe(folder.path(), "mv source builds/mine/made");
        let error = build(&recipe).expect_err("its inputs are gone").to_string();
        assert!(error.contains("names the input source, which is not there"), "{error}");
    }

    #[test]
    fn a_failed_build_names_its_first_error_and_log() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let recipe = recipe(
            folder.path(),
            "test -f fail || cp source builds/mine/made; echo 'error: odd'; test ! -f fail",
        );
        build(&recipe).expect("it builds");
        fs::write(folder.path().join("fail"), "").expect("writable");
        fs::write(folder.path().join("source"), "two").expect("writable");
        let error = build(&recipe).expect_err("it fails").to_string();
        assert!(error.contains("error: odd") && error.contains("mine-cpu.log"), "{error}");
        // The library of before is there, even with the inputs that it was made from.
        fs::write(folder.path().join("source"), "one").expect("writable");
        assert_eq!(recipe.freshness().expect("readable"), Freshness::Failed(error));
    }

    /// As make and cargo do: a source that is no younger than what was made of it is passed over.
    const BY_TIME: &str = "test made.o -nt source || cp source made.o; cp made.o builds/mine/made";

    fn write_old(path: &Path, text: &str) {
        let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(86_400);
        fs::write(path, text).expect("writable");
        fs::File::open(path).and_then(|file| file.set_modified(long_ago)).expect("it is ours");
    }

    #[test]
    fn a_source_that_is_put_back_with_its_old_time_is_built_again() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let recipe = recipe(folder.path(), BY_TIME);
        let source = folder.path().join("source");
        let made = ["A", "B", "A"].map(|version| {
            write_old(&source, version);
            build(&recipe).expect("it builds");
            fs::read_to_string(recipe.library()).expect("it is made")
        });
        assert_eq!(made, ["A", "B", "A"]);
    }

    #[test]
    fn an_interrupted_build_does_not_hide_what_it_has_seen() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let script = format!("test ! -f fail || exit 1; {BY_TIME}");
        let (recipe, source) = (recipe(folder.path(), &script), folder.path().join("source"));
        let fail = folder.path().join("fail");
        build(&recipe).expect("it builds");
        write_old(&source, "two");
        fs::write(&fail, "").expect("writable");
        build(&recipe).expect_err("it fails before it compiles");
        fs::remove_file(recipe.failure()).expect("as if it were interrupted");
        fs::remove_file(fail).expect("it is there");
        build(&recipe).expect("it builds");
        assert_eq!(fs::read_to_string(recipe.library()).expect("it is made"), "two");
    }

    #[test]
    fn a_build_that_puts_its_library_elsewhere_leaves_none() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let script = "test ! -f elsewhere || exit 0; cp source builds/mine/made";
        let recipe = recipe(folder.path(), script);
        build(&recipe).expect("it builds");
        fs::write(folder.path().join("source"), "two").expect("writable");
        fs::write(folder.path().join("elsewhere"), "").expect("writable");
        let error = build(&recipe).expect_err("the old one is none of this build").to_string();
        assert!(error.contains("its build ended well but left no "), "{error}");
    }

    #[test]
    fn a_folder_whose_name_is_no_text_is_built_in() {
        use std::os::unix::ffi::OsStrExt;
        let parent = tempfile::tempdir().expect("a temporary folder");
        let folder = parent.path().join(std::ffi::OsStr::from_bytes(b"odd \xFF\nname"));
        if fs::create_dir(&folder).is_err() {
            // A file system of texts alone.
            return;
        }
        let recipe = recipe(&folder, "cp source \"$CARGO_TARGET_DIR\"/made");
        build(&recipe).expect("it builds");
        assert_eq!(recipe.freshness().expect("readable"), Freshness::Fresh);
        assert_eq!(fs::read_dir(parent.path()).expect("readable").count(), 1, "nothing was made beside it");
    }

    #[test]
    fn a_build_that_leaves_nothing_is_an_error() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let error = build(&recipe(folder.path(), "true")).expect_err("nothing is made").to_string();
        assert!(error.contains("left no"), "{error}");
    }

    #[test]
    fn a_build_that_was_interrupted_counts_for_nothing() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let recipe = recipe(folder.path(), "cp source builds/mine/made; exec sleep 300");
        let interrupt = Interrupt::default();
        let mut heard = |event: BuildEvent| {
            if matches!(event, BuildEvent::GoesOn { .. }) && recipe.library().is_file() {
                interrupt.ask();
            }
        };
        recipe.build(Network::Allowed, &interrupt, &mut heard).expect_err("interrupted");
        assert!(recipe.library().is_file());
        assert_eq!(recipe.freshness().expect("readable"), Freshness::Absent);
    }
}
