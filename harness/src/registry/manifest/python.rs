//! A backend in Python: from the few keys that its `backend.toml` has to how its library is built.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fs;
use std::path::{Path, PathBuf};

use super::{Artifact, Need, Requirement};
use crate::registry::repository::path_to;

/// Where the bridge, its package and the tool lie in trainmark's sources.
const CRATE: &str = "harness/plugin/python";

/// What else of trainmark's sources decides what the bridge is.
const BRIDGE: [&str; 8] = [
    "harness/plugin/python/src",
    "harness/plugin/python/Cargo.toml",
    "harness/plugin/python/trainmark",
    "harness/plugin/python/build",
    "harness/plugin/src",
    "harness/plugin/Cargo.toml",
    "scripts/nvidia-driver.sh",
    "Cargo.lock",
];

/// The files of its packages, unless others are named: everywhere, and where there is an NVIDIA
/// driver, if it is there. The tool takes the same.
const REQUIREMENTS: [&str; 2] = ["requirements.txt", "requirements-cuda.txt"];

/// What the bridge and the library leave in the build's folder; the environment lies elsewhere.
const DISK: u64 = 64 << 20;

/// Peak memory where nothing else is declared: cargo, then pip.
const MEMORY: u64 = 1 << 30;

/// What `backend.toml` says of a backend in Python.
#[derive(Debug)]
pub(super) struct PythonBackend {
    pub(super) name: String,
    /// Its file, such as `backend.py`.
    pub(super) module: String,
    pub(super) version: Option<String>,
    /// File of its packages with their hashes.
    pub(super) requirements: Option<String>,
    /// The same where there is an NVIDIA driver.
    pub(super) requirements_cuda: Option<String>,
    /// Versions of Python that they are for, such as `>=3.10`.
    pub(super) requires_python: Option<String>,
    /// Folder of an environment that is there already.
    pub(super) own_environment: Option<String>,
    /// File that the environment's Python runs once it has its packages.
    pub(super) prepare: Option<String>,
    /// Kinds of device.
    pub(super) devices: Option<Vec<String>>,
    pub(super) downloads: Option<String>,
    /// Bytes that the environment takes.
    pub(super) disk: Option<u64>,
    pub(super) memory: Option<u64>,
    /// Further variables whose values decide whether the library is stale.
    pub(super) environment: Vec<String>,
}

impl PythonBackend {
    /// How its library is built, in a backend's folder, by the sources of a trainmark.
    ///
    /// # Errors
    /// What is wrong with the keys, in one line.
    pub(super) fn artifact(self, folder: &Path, root: &Path) -> Result<Artifact, String> {
        self.check()?;
        let tool = path_to(root, folder, &format!("{CRATE}/build/run.sh"))?;
        let library = format!("{DLL_PREFIX}trainmark_{}{DLL_SUFFIX}", self.name.replace('-', "_"));
        let build = self.command(&tool, &library);
        let probe = [build.clone(), vec!["--probe".to_owned()]].concat();
        let inputs = self.inputs(folder, root)?;
        let variables = ["TRAINMARK_PYTHON", "TRAINMARK_PYTHON_CUDA", "TRAINMARK_CUDA"].map(str::to_owned);
        Ok(Artifact {
            devices: self.devices.unwrap_or_else(|| ["cpu", "cuda"].map(str::to_owned).to_vec()),
            build,
            library: format!("{{target}}/{library}"),
            inputs,
            memory: self.memory.unwrap_or(MEMORY),
            disk: DISK,
            downloads: self.downloads,
            environment: variables.into_iter().chain(self.environment).collect(),
            needs: needs(probe),
            by_default: true,
            is_python: true,
            folder: PathBuf::new(),
        })
    }

    fn check(&self) -> Result<(), String> {
        let stem = self.module.strip_suffix(".py").unwrap_or_default();
        let letters = stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if stem.is_empty() || !letters || stem.starts_with(|letter: char| letter.is_ascii_digit()) {
            return Err(format!("python = {:?} is no file of the folder such as backend.py", self.module));
        }
        if self.version.is_none() {
            return Err("a backend in Python needs its version, such as version = \"0.1.0\"".to_owned());
        }
        Ok(())
    }

    fn command(&self, tool: &str, library: &str) -> Vec<String> {
        let disk = self.disk.map(|bytes| bytes.to_string());
        let options = [
            ("--name", Some(&self.name)),
            ("--version", self.version.as_ref()),
            ("--module", Some(&self.module)),
            ("--requirements", self.requirements.as_ref()),
            ("--requirements-cuda", self.requirements_cuda.as_ref()),
            ("--requires-python", self.requires_python.as_ref()),
            ("--environment", self.own_environment.as_ref()),
            ("--prepare", self.prepare.as_ref()),
            ("--disk", disk.as_ref()),
        ];
        let options = options.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?)));
        let start = ["sh".to_owned(), tool.to_owned()].into_iter();
        start.chain(options).chain([format!("--library={library}")]).collect()
    }

    /// All of its Python files, what names its packages, and what the bridge is made of.
    fn inputs(&self, folder: &Path, root: &Path) -> Result<Vec<String>, String> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut inputs: Vec<String> = names.filter(|name| name.ends_with(".py")).collect();
        // Where it is not there, the build says so.
        if !inputs.contains(&self.module) {
            inputs.push(self.module.clone());
        }
        inputs.sort();
        let packages = [&self.requirements, &self.requirements_cuda].map(|name| name.as_deref());
        let packages = packages.into_iter().zip(REQUIREMENTS).map(|(named, usual)| named.unwrap_or(usual));
        // An environment of the user's own needs none.
        inputs.extend(packages.filter(|name| folder.join(name).is_file()).map(str::to_owned));
        for path in BRIDGE {
            inputs.push(path_to(root, folder, path)?);
        }
        Ok(inputs)
    }
}

/// What building needs: the tool's probe knows about Python.
fn needs(probe: Vec<String>) -> Vec<Need> {
    let tool = |name: &str, hint: &str| Need {
        requirement: Requirement::Tool(name.to_owned()),
        hint: hint.to_owned(),
    };
    vec![
        tool("cargo", "install Rust with rustup: https://rustup.rs"),
        tool(
            "cc",
            "install a C compiler, which Rust links with: Debian's gcc, on macOS `xcode-select --install`",
        ),
        Need {
            requirement: Requirement::Probe(probe),
            hint: "docs/writing-a-backend.md says which Python is taken".to_owned(),
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::manifest::Manifest;

    const SHORT: &str = r#"
        name = "my-torch"
        version = "2.11.0"
        summary = "mine"
        python = "backend.py"
    "#;

    fn parse(text: &str, folder: &Path) -> Result<Manifest, String> {
        Manifest::parse(text, folder, Path::new("/root"))
    }

    #[test]
    fn the_short_form_is_an_artifact() {
        let manifest = parse(SHORT, Path::new("/root/backends/mine")).expect("good");
        let [artifact] = &manifest.artifacts[..] else { panic!("{manifest:?}") };
        assert_eq!(artifact.devices, ["cpu", "cuda"]);
        assert_eq!(artifact.library, format!("{{target}}/{DLL_PREFIX}trainmark_my_torch{DLL_SUFFIX}"));
        assert_eq!(artifact.build[..2], ["sh", "../../harness/plugin/python/build/run.sh"]);
        assert!(artifact.build.contains(&"--version=2.11.0".to_owned()), "{:?}", artifact.build);
        assert!(artifact.inputs.contains(&"../../harness/plugin/src".to_owned()));
        assert!(artifact.inputs.contains(&"backend.py".to_owned()), "it is asked for where it is not there");
        assert!(artifact.environment.contains(&"TRAINMARK_PYTHON".to_owned()) && artifact.is_python);
        assert!(manifest.by_default && manifest.extra_implementations.is_empty());
    }

    #[test]
    fn outside_of_the_repository_its_sources_are_found() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["backend.py", "more.py", "notes.md", "requirements.txt", "requirements-cuda.txt"] {
            fs::write(folder.path().join(name), "").expect("writable");
        }
        let manifest = parse(SHORT, folder.path()).expect("good");
        let artifact = &manifest.artifacts[0];
        let own = ["backend.py", "more.py", "requirements.txt", "requirements-cuda.txt"];
        assert_eq!(artifact.inputs[..own.len()], own);
        assert_eq!(artifact.build[1], "/root/harness/plugin/python/build/run.sh");
        assert!(artifact.inputs[own.len()..].iter().all(|input| input.starts_with("/root/")));
    }

    #[test]
    fn every_key_is_passed_on() {
        let text = format!(
            "{SHORT}\nrequirements = \"r.txt\"\nrequirements_cuda = \"c.txt\"\nrequires_python = \">=3.10\"\n\
             python_environment = \"venv\"\nprepare = \"stubs.py\"\ndevices = [\"cpu\"]\nmemory = \"2GiB\"\n\
             disk = \"1GiB\"\ndownloads = \"much, 570 MB\"\nenvironment = [\"MINE\"]\ndefault = false\n\
             extra_implementations = [\"chapter\"]"
        );
        let manifest = parse(&text, Path::new("/elsewhere")).expect("good");
        let artifact = &manifest.artifacts[0];
        for option in [
            "--requirements=r.txt",
            "--requirements-cuda=c.txt",
            "--requires-python=>=3.10",
            "--environment=venv",
            "--prepare=stubs.py",
            "--disk=1073741824",
        ] {
            assert!(artifact.build.iter().any(|part| part == option), "{option} in {:?}", artifact.build);
        }
        assert_eq!((artifact.memory, artifact.downloads.as_deref()), (2 << 30, Some("much, 570 MB")));
        assert_eq!((&artifact.devices[..], manifest.by_default), (&["cpu".to_owned()][..], false));
        assert!(artifact.environment.contains(&"MINE".to_owned()));
        assert_eq!(manifest.extra_implementations, ["chapter"]);
    }

    #[test]
    fn keys_that_do_not_go_together_are_refused() {
        for (text, expected) in [
            (SHORT.replace("backend.py", "../backend.py"), "is no file of the folder such as backend.py"),
            (SHORT.replace("backend.py", "3.py"), "is no file of the folder such as backend.py"),
            (SHORT.replace("version = \"2.11.0\"", ""), "a backend in Python needs its version"),
            (SHORT.replace("python = \"backend.py\"", ""), "version at the top is for a backend in Python"),
            (format!("{SHORT}\nextra_implementations = [\"\"]"), "extra_implementations holds an empty name"),
            (format!("{SHORT}\ndevices = [\"../cpu\"]"), "must be a kind such as cpu"),
            (
                format!(
                    "{SHORT}\n[[artifact]]\ndevices = [\"cpu\"]\nbuild = [\"make\"]\nlibrary = \"a\"\ninputs = [\".\"]"
                ),
                "it has both python and an [[artifact]]",
            ),
        ] {
            let error = parse(&text, Path::new("/elsewhere")).expect_err("bad");
            assert!(error.contains(expected), "{error}");
        }
    }
}
