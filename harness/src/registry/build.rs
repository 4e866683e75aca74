//! Builds a backend's library when it is missing or stale.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

use super::manifest::{Artifact, Manifest, Requirement};

/// Where one artifact is built and what it becomes.
#[derive(Debug, Clone)]
pub struct Recipe {
    folder: PathBuf,
    target: PathBuf,
    stem: String,
    artifact: Artifact,
}

impl Recipe {
    /// The recipe of a manifest's `index`-th artifact; builds go under `builds`.
    pub fn new(manifest: &Manifest, index: usize, folder: &Path, builds: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            target: builds.join(&manifest.name),
            stem: format!("{}-{}", manifest.name, manifest.artifacts[index].devices.join("-")),
            artifact: manifest.artifacts[index].clone(),
        }
    }

    /// Kinds of device that the library serves.
    pub fn device_kinds(&self) -> &[String] {
        &self.artifact.devices
    }

    /// The library, built or not.
    pub fn library(&self) -> PathBuf {
        let target = self.target.to_string_lossy();
        let name = self.artifact.library.replace("{target}", &target);
        self.folder.join(name.replace("{prefix}", DLL_PREFIX).replace("{suffix}", DLL_SUFFIX))
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
        let stamp = fs::read_to_string(self.stamp()).unwrap_or_default();
        Ok(self.library().is_file() && stamp == self.fingerprint()?)
    }

    /// Builds the library; the build's output goes to [`Recipe::log`].
    ///
    /// # Errors
    /// Where a tool is missing, with how to get it, or the build fails, with its first error.
    pub fn build(&self) -> anyhow::Result<()> {
        self.check_needs()?;
        let fingerprint = self.fingerprint()?;
        let unwritable = || format!("cannot write into {}", self.target.display());
        fs::create_dir_all(&self.target).with_context(unwritable)?;
        let log = File::create(self.log()).with_context(unwritable)?;
        let (program, arguments) =
            self.artifact.build.split_first().context("backend.toml gives an empty build command")?;
        let status = self.command(program, arguments).stdout(log.try_clone()?).stderr(log).status();
        let status = status.with_context(|| format!("cannot run {program} to build {}", self.stem))?;
        let log = self.log();
        if !status.success() {
            bail!("its build failed: {}; see {}", first_error(&log), log.display());
        }
        if !self.library().is_file() {
            bail!("its build ended well but left no {}; see {}", self.library().display(), log.display());
        }
        fs::write(self.stamp(), fingerprint).with_context(unwritable)
    }

    /// The first thing that building needs and this machine lacks, and how to get it.
    pub fn missing_need(&self) -> Option<String> {
        self.artifact.needs.iter().find_map(|need| {
            let hint = &need.hint;
            match &need.requirement {
                Requirement::Tool(tool) => {
                    (!is_on_path(tool)).then(|| format!("building it needs {tool}: {hint}"))
                }
                Requirement::Probe(command) => {
                    let reason = self.probe(command).err()?;
                    Some(format!("it cannot be built here: {reason}; {hint}"))
                }
            }
        })
    }

    fn check_needs(&self) -> anyhow::Result<()> {
        match self.missing_need() {
            Some(missing) => bail!(missing),
            None => Ok(()),
        }
    }

    /// Runs a probe; its last line tells why the need is not met.
    fn probe(&self, command: &[String]) -> Result<(), String> {
        let (program, arguments) = command.split_first().ok_or("backend.toml gives an empty probe")?;
        let output = self.command(program, arguments).output();
        let output = output.map_err(|error| format!("cannot run {program}: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        let printed = [output.stderr, output.stdout].map(|text| String::from_utf8_lossy(&text).into_owned());
        let line = printed.iter().flat_map(|text| text.lines().rev()).find(|line| !line.trim().is_empty());
        Err(line
            .map_or_else(|| format!("`{}` ended with {}", command.join(" "), output.status), str::to_owned))
    }

    /// A program in the backend's folder with the environment of its build.
    fn command(&self, program: &str, arguments: &[String]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", &self.target)
            .env("CARGO_TERM_COLOR", "never")
            // `cargo run` sets these for us; they would leak into the plugin's build.
            .env_remove("CARGO_MANIFEST_DIR")
            .env_remove("CARGO_PKG_NAME")
            .stdin(Stdio::null());
        command
    }

    fn stamp(&self) -> PathBuf {
        self.target.join(format!("{}.stamp", self.stem))
    }

    /// SHA-256 over the command, the toolchain and every input's path and content.
    fn fingerprint(&self) -> anyhow::Result<String> {
        let mut hash = Sha256::new();
        hash.update(self.artifact.build.join("\0"));
        hash.update(env!("TRAINMARK_RUSTC"));
        hash.update(std::env::var("RUSTFLAGS").unwrap_or_default());
        for name in &self.artifact.environment {
            // Absent and empty are different.
            hash.update(format!("{name}={:?}\0", std::env::var_os(name)));
        }
        for input in &self.artifact.inputs {
            let path = self.folder.join(input);
            add(&mut hash, &path)
                .with_context(|| format!("backend.toml names the input {}", path.display()))?;
        }
        Ok(hex(&hash.finalize()))
    }
}

/// SHA-256 of a file, hexadecimal.
///
/// # Errors
/// Where it cannot be read.
pub fn file_hash(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    hash.update(fs::read(path)?);
    Ok(hex(&hash.finalize()))
}

/// Whether a program can be found on the PATH.
pub fn is_on_path(tool: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|folder| folder.join(tool).is_file())
}

fn add(hash: &mut Sha256, path: &Path) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if path.is_dir() {
        if name == "target" || name == ".git" {
            return Ok(());
        }
        let mut entries =
            fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
        entries.sort();
        return entries.iter().try_for_each(|entry| add(hash, entry));
    }
    hash.update(name);
    let content = match fs::read(path) {
        // Such as a Cargo.lock before the first build.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        content => content?,
    };
    hash.update(content.len().to_le_bytes());
    hash.update(content);
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The first line of a log that tells of an error, or its last line.
fn first_error(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let first = text.lines().find(|line| line.trim_start().to_lowercase().starts_with("error"));
    let line = first.or_else(|| text.lines().rev().find(|line| !line.trim().is_empty()));
    line.unwrap_or("it printed nothing").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(folder: &Path, build: &[&str]) -> Recipe {
        let artifact = Artifact {
            devices: vec!["cpu".to_owned()],
            build: build.iter().map(|part| (*part).to_owned()).collect(),
            library: "{target}/made".to_owned(),
            inputs: vec!["source".to_owned()],
            memory: 1 << 30,
            downloads: None,
            environment: Vec::new(),
            needs: Vec::new(),
        };
        let manifest =
            Manifest { name: "mine".to_owned(), summary: String::new(), artifacts: vec![artifact] };
        fs::write(folder.join("source"), "one").expect("writable");
        Recipe::new(&manifest, 0, folder, &folder.join("builds"))
    }

    #[test]
    fn a_library_is_stale_when_its_source_changes() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let recipe = recipe(folder.path(), &["sh", "-c", "cp source builds/mine/made"]);
        assert!(!recipe.is_fresh().expect("readable"));
        recipe.build().expect("it builds");
        assert!(recipe.is_fresh().expect("readable"));
        fs::write(folder.path().join("source"), "two").expect("writable");
        assert!(!recipe.is_fresh().expect("readable"));
    }

    #[test]
    fn an_input_may_appear_with_the_build() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let recipe = recipe(folder.path(), &["sh", "-c", "cp source builds/mine/made"]);
        fs::remove_file(folder.path().join("source")).expect("removable");
        assert!(!recipe.is_fresh().expect("an absent input is no error"));
    }

    #[test]
    fn a_failed_build_names_its_first_error_and_log() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let recipe = recipe(
            folder.path(),
            &["sh", "-c", "echo start; echo 'error: no such header'; echo end; exit 1"],
        );
        let error = recipe.build().expect_err("it fails").to_string();
        assert!(error.contains("error: no such header") && error.contains("mine-cpu.log"), "{error}");
        assert!(!recipe.is_fresh().expect("readable"));
    }

    #[test]
    fn a_build_that_leaves_nothing_is_an_error() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let error = recipe(folder.path(), &["true"]).build().expect_err("nothing is made").to_string();
        assert!(error.contains("left no"), "{error}");
    }
}
