//! `backend.toml`: how a backend is built and where its library then lies.

mod python;
mod table;
mod versions;

use std::path::{Path, PathBuf};

use serde::Deserialize;
use trainmark_reports::files;
use trainmark_reports::record::{Framework, Role};

use super::BackendName;
use table::ManifestTable;
pub use versions::VersionTable;

/// Name of the file in a backend's folder.
pub const FILE: &str = "backend.toml";

/// A backend's own description of how to build it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Unique name, the same as in the plugin's table.
    pub name: String,
    /// One line for `list`.
    pub summary: String,
    /// Variables of the environment that set the size of its thread pools, besides those that
    /// every worker gets: `OMP_NUM_THREADS`, `RAYON_NUM_THREADS` and their like.
    pub thread_variables: Vec<String>,
    /// What it is, where it is no framework to choose: `"ceiling"`, written to show what the
    /// machine can do.
    pub role: Option<Role>,
    /// What its framework is made of: `engine = "libtorch 2.11.0"`, `language = "Rust"`.
    pub framework: Framework,
    /// Whether `all` means it, whatever it fetches.
    pub by_default: bool,
    /// Implementations that are run only where they are named.
    pub extra_implementations: Vec<String>,
    /// Libraries, each for some devices: one that links to CUDA does not load
    /// on a machine without it.
    pub artifacts: Vec<Artifact>,
    /// Versions of its framework that it can be built with; none: it has one.
    pub versions: Vec<VersionTable>,
}

/// One library of a backend.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// Kinds of device that it serves: `cpu`, `cuda`, `wgpu`.
    pub devices: Vec<String>,
    /// Command that builds it, run in the backend's folder, or that of a version, with
    /// `CARGO_TARGET_DIR` set to `{target}`; `{backend}` stands for the backend's folder.
    pub build: Vec<String>,
    /// The library; `{target}`, `{prefix}` and `{suffix}` stand for the build
    /// folder and the system's names for libraries.
    pub library: String,
    /// Files and folders, relative to the backend's folder, whose content
    /// decides whether the library is stale.
    pub inputs: Vec<String>,
    /// Peak memory of the build in bytes, written as `"3GiB"`: builds run side by
    /// side only where the sum is available.
    #[serde(default = "default_memory", deserialize_with = "table::size")]
    pub memory: u64,
    /// What the build leaves on the disk, in bytes, written as `"2GiB"`: one that has no room is
    /// not begun. 0: it does not say.
    #[serde(default, deserialize_with = "table::size")]
    pub disk: u64,
    /// What the build fetches and how large it is, shown when it starts:
    /// `"a toolkit, 693 MB, unless one is found"`.
    #[serde(default)]
    pub downloads: Option<String>,
    /// Variables of the environment whose values decide, as the inputs do,
    /// whether the library is stale.
    #[serde(default)]
    pub environment: Vec<String>,
    /// What building needs.
    #[serde(default)]
    pub needs: Vec<Need>,
    /// Whether it is built where no device is named.
    #[serde(rename = "default", default = "yes")]
    pub by_default: bool,
    /// Whether a Python computes it: the build then tells in `{target}/python.json` which one.
    #[serde(skip)]
    pub is_python: bool,
    /// Where its build and probes run, in the backend's folder: there, or in that of a version.
    #[serde(skip)]
    pub folder: PathBuf,
}

/// Something that building needs: a program on the PATH (`tool = "cc"`), or that
/// a command of the backend's own succeeds (`probe = ["sh", "build.sh", "--probe"]`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "NeedTable")]
pub struct Need {
    /// What must be there.
    pub requirement: Requirement,
    /// How to get it, in one line.
    pub hint: String,
}

/// What must be there for a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requirement {
    /// Program on the PATH.
    Tool(String),
    /// Command that is run where the build runs, with its environment.
    /// Exit code 0: it is there; else the last line that it prints is the reason.
    Probe(Vec<String>),
}

/// A need as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NeedTable {
    tool: Option<String>,
    probe: Option<Vec<String>>,
    hint: String,
}

impl TryFrom<NeedTable> for Need {
    type Error = &'static str;

    fn try_from(table: NeedTable) -> Result<Self, Self::Error> {
        let requirement = match (table.tool, table.probe) {
            (Some(tool), None) if !tool.is_empty() => Requirement::Tool(tool),
            (None, Some(probe)) if !probe.is_empty() => Requirement::Probe(probe),
            _ => return Err("an [[artifact.needs]] has either a tool or a probe, and not an empty one"),
        };
        Ok(Self { requirement, hint: table.hint })
    }
}

fn yes() -> bool {
    true
}

/// Memory of a build that declares none: a few compilers at once.
fn default_memory() -> u64 {
    1 << 30
}

/// Why a `backend.toml` cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct ManifestError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong and what was expected.
    pub reason: String,
}

impl Manifest {
    /// Reads the manifest of a backend's folder, for a trainmark whose sources are at `root`, a
    /// path without links.
    ///
    /// # Errors
    /// Where the file is unreadable, no TOML, or lacks something.
    pub fn read(folder: &Path, root: &Path) -> Result<Self, ManifestError> {
        let path = folder.join(FILE);
        let parsed = files::read_text(&path).map_err(|error| error.to_string());
        // The way up from the folder is that from where its links lead.
        let place = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let parsed = parsed.and_then(|text| Self::parse(&text, &place, root));
        parsed.map_err(|reason| ManifestError { path, reason })
    }

    /// Takes the text of the manifest of a backend's folder.
    ///
    /// # Errors
    /// What is wrong with it, in one line.
    pub fn parse(text: &str, folder: &Path, root: &Path) -> Result<Self, String> {
        let table: ManifestTable = toml::from_str(text).map_err(|error| one_line(&error))?;
        let manifest = table.into_manifest(folder, root)?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), String> {
        BackendName::parse(&self.name)?;
        versions::check(&self.versions, self.artifacts.iter().any(|artifact| artifact.is_python))?;
        if self.artifacts.is_empty() {
            return Err("at least one [[artifact]] is needed, or python = \"backend.py\"".to_owned());
        }
        for artifact in &self.artifacts {
            artifact.check()?;
        }
        if let Some(name) = self.thread_variables.iter().find(|name| !is_variable(name)) {
            return Err(format!(
                "thread_variables names {name:?}; a variable is made of letters, digits and _"
            ));
        }
        if self.extra_implementations.iter().any(String::is_empty) {
            return Err("extra_implementations holds an empty name".to_owned());
        }
        let mut kinds: Vec<&String> = self.artifacts.iter().flat_map(|artifact| &artifact.devices).collect();
        kinds.sort_unstable();
        match kinds.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!("two [[artifact]]s serve {}", pair[0])),
            None => Ok(()),
        }
    }
}

impl Artifact {
    fn check(&self) -> Result<(), String> {
        if self.build.is_empty() || self.devices.is_empty() || self.inputs.is_empty() {
            return Err("an [[artifact]] needs a non-empty build, devices and inputs".to_owned());
        }
        if let Some(kind) = self.devices.iter().find(|kind| !is_kind(kind)) {
            return Err(format!("device {kind:?} must be a kind such as cpu, cuda or wgpu"));
        }
        if let Some(name) = self.environment.iter().find(|name| name.is_empty() || name.contains(['=', '\0']))
        {
            return Err(format!("environment names {name:?}, which can be no variable"));
        }
        Ok(())
    }
}

/// Whether a shell could set a variable of this name.
fn is_variable(name: &str) -> bool {
    name.starts_with(|letter: char| !letter.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A TOML error's own message with its line, without the excerpt.
fn one_line(error: &toml::de::Error) -> String {
    error.to_string().lines().filter(|line| !line.contains('|')).collect::<Vec<_>>().join(": ")
}

/// Kinds of device are part of file names.
fn is_kind(word: &str) -> bool {
    // What begins with a digit is a version on the command line.
    word.starts_with(|first: char| first.is_ascii_lowercase())
        && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const GOOD: &str = r#"
        name = "mine"
        summary = "my backend"
        [[artifact]]
        devices = ["cpu"]
        build = ["make"]
        library = "{target}/{prefix}mine{suffix}"
        inputs = ["."]
        [[artifact.needs]]
        tool = "make"
        hint = "install make"
    "#;

    fn read(text: &str) -> Result<Manifest, ManifestError> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join(FILE), text).expect("writable");
        Manifest::read(folder.path(), folder.path())
    }

    #[test]
    fn a_good_manifest_is_read() {
        let manifest = read(GOOD).expect("good");
        let artifact = &manifest.artifacts[0];
        assert_eq!(artifact.needs[0].requirement, Requirement::Tool("make".to_owned()));
        assert_eq!((artifact.memory, &artifact.downloads, manifest.role), (1 << 30, &None, None));
        assert!(manifest.by_default && artifact.by_default);
    }

    #[test]
    fn every_key_is_read() {
        let text = GOOD.replace(
            "inputs = [\".\"]",
            "inputs = [\".\"]\nmemory = \"3GiB\"\ndisk = \"1.5TiB\"\ndownloads = \"a toolkit, 693 MB\"\nenvironment = [\"TOOLKIT\"]\ndefault = false",
        );
        let text = text.replace("tool = \"make\"", "probe = [\"sh\", \"build.sh\"]");
        let own = "thread_variables = [\"MINE_NUM_THREADS\"]\nrole = \"ceiling\"\n";
        let manifest = read(&format!("{own}{text}")).expect("good");
        assert_eq!(manifest.role, Some(Role::Ceiling));
        assert_eq!(manifest.thread_variables, ["MINE_NUM_THREADS"]);
        let artifact = &manifest.artifacts[0];
        assert_eq!((artifact.memory, artifact.disk), (3 << 30, 3 << 39));
        assert!(manifest.by_default && !artifact.by_default);
        assert_eq!(artifact.downloads.as_deref(), Some("a toolkit, 693 MB"));
        assert_eq!(artifact.environment, ["TOOLKIT"]);
        let probe = ["sh", "build.sh"].map(str::to_owned).to_vec();
        assert_eq!(artifact.needs[0].requirement, Requirement::Probe(probe));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let second =
            "[[artifact]]\ndevices = [\"cpu\"]\nbuild = [\"b\"]\nlibrary = \"l\"\ninputs = [\".\"]\n";
        let cases = [
            (GOOD.replace("name = \"mine\"", "name = \"My Backend\""), "lower-case"),
            (GOOD.replace("name = \"mine\"", "name = \"all\""), "stands for every backend"),
            (GOOD.replace("name = \"mine\"", "name = \"none\""), "for a missing value"),
            (GOOD.replace("name = \"mine\"", "name = \"-x\""), "x would do"),
            (GOOD.replace("summary", "sumary"), "sumary"),
            (GOOD.replace("build = [\"make\"]", "build = []"), "non-empty build"),
            (GOOD.replace("name = \"mine\"", "name = "), "line 2"),
            ("name = \"a\"\nsummary = \"b\"\nartifact = []".to_owned(), "at least one"),
            (GOOD.replace("inputs", "memory = \"much\"\ninputs"), "`much` is no size"),
            (GOOD.replace("tool = \"make\"", ""), "either a tool or a probe"),
            (GOOD.replace("hint", "probe = [\"a\"]\nhint"), "either a tool or a probe"),
            (GOOD.replace("tool = \"make\"", "probe = []"), "not an empty one"),
            (GOOD.replace("inputs", "environment = [\"A=B\"]\ninputs"), "A=B"),
            (GOOD.replace("[\"cpu\"]", "[\"../cpu\"]"), "a kind such as cpu"),
            (GOOD.replace("[\"cpu\"]", "[\"3d\"]"), "a kind such as cpu"),
            (format!("thread_variables = [\"\"]\n{GOOD}"), "thread_variables names \"\""),
            (format!("thread_variables = [\"A=B\"]\n{GOOD}"), "thread_variables names \"A=B\""),
            (format!("role = \"floor\"\n{GOOD}"), "role \"floor\" is none: write ceiling, or leave it out"),
            (format!("role = \"unknown\"\n{GOOD}"), "role \"unknown\" is none"),
            (format!("thread_variables = [\"4A\"]\n{GOOD}"), "thread_variables names \"4A\""),
            (GOOD.to_owned() + second, "two [[artifact]]s serve cpu"),
        ];
        for (text, expected) in cases {
            let error = read(&text).expect_err("bad").to_string();
            assert!(error.contains(FILE) && error.contains(expected), "{error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }
}
