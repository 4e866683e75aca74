//! What a library is made from, as one hash: a library is stale when it changes.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::Context;
use sha2::{Digest, Sha256};

use super::compiler;
use crate::registry::manifest::Artifact;
use crate::units::hexadecimal;

/// More is no source: a folder of data, or links without end.
const MOST_ENTRIES: usize = 100_000;
const MOST_BYTES: u64 = 4 << 30;

/// Folders of what tools make beside sources: no input.
const MADE: [&str; 3] = ["target", ".git", "__pycache__"];

/// SHA-256 over the command, the toolchain, what compilers are told and every input's path and content.
pub(super) fn fingerprint(artifact: &Artifact, folder: &Path) -> anyhow::Result<String> {
    let mut hash = setting_hash(artifact, folder);
    for path in files(artifact, folder)? {
        add_file(&mut hash, &path).with_context(|| format!("cannot read {}", path.display()))?;
    }
    Ok(hexadecimal(&hash.finalize()))
}

/// SHA-256 over all of that but the inputs, hexadecimal.
pub(super) fn setting(artifact: &Artifact, folder: &Path) -> String {
    hexadecimal(&setting_hash(artifact, folder).finalize())
}

fn setting_hash(artifact: &Artifact, folder: &Path) -> Sha256 {
    let mut hash = Sha256::new();
    for part in &artifact.build {
        add_bytes(&mut hash, part.as_bytes());
    }
    add_bytes(&mut hash, env!("TRAINMARK_RUSTC").as_bytes());
    for name in compiler::USUAL.into_iter().chain(artifact.environment.iter().map(String::as_str)) {
        add_variable(&mut hash, OsStr::new(name), std::env::var_os(name));
    }
    for (name, value) in compiler::rare_variables() {
        add_variable(&mut hash, &name, Some(value));
    }
    for (name, value) in compiler::configured(folder) {
        add_variable(&mut hash, OsStr::new(&name), Some(value.into()));
    }
    hash
}

fn add_variable(hash: &mut Sha256, name: &OsStr, value: Option<OsString>) {
    add_bytes(hash, name.as_encoded_bytes());
    // Absent and empty are different.
    add_bytes(hash, &[u8::from(value.is_some())]);
    add_bytes(hash, value.unwrap_or_default().as_encoded_bytes());
}

/// SHA-256 of a file, hexadecimal.
///
/// # Errors
/// Where it cannot be read.
pub(super) fn file_hash(path: &Path) -> io::Result<String> {
    content_hash(&mut File::open(path)?)
}

/// SHA-256 of what is yet to be read, hexadecimal.
///
/// # Errors
/// Where it cannot be read.
pub fn content_hash(content: &mut impl Read) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match content.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => hash.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(hexadecimal(&hash.finalize()))
}

/// Adds its length too, so that what follows begins at a place that is known.
fn add_bytes(hash: &mut Sha256, bytes: &[u8]) {
    hash.update(bytes.len().to_le_bytes());
    hash.update(bytes);
}

/// All that the inputs name, and what lies in the folders among them, in order.
///
/// # Errors
/// Where a folder cannot be read, or there is too much.
pub(super) fn files(artifact: &Artifact, folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut walk = Walk::default();
    for input in &artifact.inputs {
        let path = folder.join(input);
        walk.add_path(&path).with_context(|| format!("backend.toml names the input {}", path.display()))?;
    }
    Ok(walk.found)
}

/// What of the inputs was met so far.
#[derive(Default)]
struct Walk {
    found: Vec<PathBuf>,
    /// Folders, by the path that has no links.
    folders: HashSet<PathBuf>,
    bytes: u64,
}

impl Walk {
    /// Adds a file, or a folder with all that is in it. Links count as what they lead to; of a
    /// folder that was met before only which one it is, so that links which lead to each other
    /// neither go round nor multiply.
    fn add_path(&mut self, path: &Path) -> io::Result<()> {
        let metadata = match fs::metadata(path) {
            // Such as a Cargo.lock before the first build, or an editor's file that is gone again.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return self.add_entry(path, 0),
            metadata => metadata?,
        };
        if !metadata.is_dir() {
            return self.add_entry(path, if metadata.is_file() { metadata.len() } else { 0 });
        }
        if path.file_name().is_some_and(|name| MADE.iter().any(|made| name == *made)) {
            return Ok(());
        }
        let real = path.canonicalize()?;
        if self.folders.contains(&real) {
            return self.add_entry(&real, 0);
        }
        self.folders.insert(real);
        let entries = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>();
        let mut entries = entries?;
        entries.sort();
        entries.iter().try_for_each(|entry| self.add_path(entry))
    }

    fn add_entry(&mut self, path: &Path, bytes: u64) -> io::Result<()> {
        self.found.push(path.to_owned());
        self.bytes = self.bytes.saturating_add(bytes);
        if self.found.len() <= MOST_ENTRIES && self.bytes <= MOST_BYTES {
            return Ok(());
        }
        let most = crate::units::bytes(MOST_BYTES);
        Err(io::Error::other(format!(
            "the inputs hold more than {MOST_ENTRIES} files or {most}: name only what the build reads"
        )))
    }
}

/// Adds a file's name and content. What is no file has only a name, such as a pipe, which would
/// wait for a writer.
fn add_file(hash: &mut Sha256, path: &Path) -> io::Result<()> {
    add_bytes(hash, path.file_name().unwrap_or_default().as_encoded_bytes());
    if path.is_file() { add_content(hash, path) } else { Ok(()) }
}

fn add_content(hash: &mut Sha256, path: &Path) -> io::Result<()> {
    match file_hash(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        content => {
            hash.update(content?);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::registry::build::tests::artifact;

    #[test]
    fn links_count_as_what_they_lead_to() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path();
        fs::create_dir(path.join("source")).expect("writable");
        fs::write(path.join("elsewhere"), "one").expect("writable");
        symlink("../elsewhere", path.join("source/linked")).expect("linkable");
        symlink("..", path.join("source/parent")).expect("linkable");
        symlink("nowhere", path.join("source/dangling")).expect("linkable");
        let artifact = artifact(&["true"]);
        let before = fingerprint(&artifact, path).expect("neither a loop nor a dangling link is an error");
        assert_eq!(fingerprint(&artifact, path).expect("readable"), before);
        fs::write(path.join("elsewhere"), "two").expect("writable");
        assert_ne!(fingerprint(&artifact, path).expect("readable"), before);
    }

    #[test]
    fn links_that_multiply_and_files_without_end_are_no_endless_inputs() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let source = folder.path().join("source");
        fs::create_dir_all(source.join("0")).expect("writable");
        for level in 1..64 {
            let inner = source.join(level.to_string());
            fs::create_dir(&inner).expect("writable");
            for name in ["a", "b"] {
                symlink(format!("../{}", level - 1), inner.join(name)).expect("linkable");
            }
        }
        fingerprint(&artifact(&["true"]), folder.path()).expect("each folder is read once");
        File::create(source.join("sparse")).and_then(|file| file.set_len(1 << 40)).expect("writable");
        let error = fingerprint(&artifact(&["true"]), folder.path()).expect_err("a tebibyte");
        assert!(format!("{error:#}").contains("name only what the build reads"), "{error:#}");
    }

    #[test]
    fn a_pipe_is_not_waited_for() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("source")).expect("a socket");
        fingerprint(&artifact(&["true"]), folder.path()).expect("what has no content has a name");
    }

    #[test]
    fn what_cargo_is_configured_to_make_counts_and_where_it_fetches_from_does_not() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let of = |text: &str| {
            fs::create_dir_all(folder.path().join(".cargo")).expect("writable");
            fs::write(folder.path().join(".cargo/config.toml"), text).expect("writable");
            fingerprint(&artifact(&["true"]), folder.path()).expect("readable")
        };
        let before = of("");
        assert_eq!(of("[net]\nretry = 3\n"), before);
        assert_ne!(of("[profile.release]\nopt-level = 0\n"), before);
    }

    #[test]
    fn a_name_does_not_pass_for_content() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let source = folder.path().join("source");
        fs::create_dir(&source).expect("writable");
        fs::write(source.join("a"), "bc").expect("writable");
        let before = fingerprint(&artifact(&["true"]), folder.path()).expect("readable");
        fs::remove_file(source.join("a")).expect("removable");
        fs::write(source.join("ab"), "c").expect("writable");
        assert_ne!(fingerprint(&artifact(&["true"]), folder.path()).expect("readable"), before);
    }
}
