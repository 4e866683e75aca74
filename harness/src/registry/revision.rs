//! The repository as it was at another revision, from which backends are built beside today's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use super::build;

/// A commit of the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// Its whole hash.
    hash: String,
}

impl Revision {
    /// What a user names: a branch, a tag, a hash.
    ///
    /// # Errors
    /// Where the repository at `root` has no such revision, or is none of Git.
    pub fn resolve(root: &Path, name: &str) -> anyhow::Result<Self> {
        if name.is_empty() {
            bail!("an empty word is no revision: write a branch, a tag or a hash");
        }
        let wanted = format!("{name}^{{commit}}");
        let arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted];
        let found =
            git(root).args(arguments).output().context("cannot start git, which knows the revisions")?;
        let hash = String::from_utf8_lossy(&found.stdout).trim().to_owned();
        if found.status.success() && is_hash(&hash) {
            return Ok(Self { hash });
        }
        match git(root).args(["rev-parse", "--git-dir"]).output() {
            Ok(inside) if inside.status.success() => bail!(
                "{name} is neither a library nor a revision of {}: write a branch, a tag or a hash that `git log` \
                 shows, or a path that ends in .so",
                root.display()
            ),
            _ => bail!("{name} is no library, and {} is no Git repository with revisions", root.display()),
        }
    }

    /// One that was resolved before.
    ///
    /// # Errors
    /// Where it is no whole hash.
    pub fn from_hash(hash: &str) -> anyhow::Result<Self> {
        if !is_hash(hash) {
            bail!("{hash:?} is no whole hash of a revision");
        }
        Ok(Self { hash: hash.to_owned() })
    }

    /// Its whole hash.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The folder with its files, written where they are not there yet, beside what is built of the
    /// repository at `root`.
    ///
    /// # Errors
    /// Where they cannot be read of Git, or not be written.
    pub fn checkout(&self, root: &Path) -> anyhow::Result<PathBuf> {
        let revisions = build::builds(root).join("revisions");
        let folder = revisions.join(&self.hash[..12]);
        if folder.is_dir() {
            return Ok(folder);
        }
        let write = || -> anyhow::Result<()> {
            fs::create_dir_all(&revisions)?;
            let whole = tempfile::tempdir_in(&revisions)?;
            self.unpack(root, whole.path())?;
            // Whole or not at all, whatever happens meanwhile.
            match fs::rename(whole.path(), &folder) {
                Err(_) if folder.is_dir() => Ok(()),
                renamed => Ok(renamed?),
            }
        };
        write()
            .with_context(|| format!("cannot write revision {} to {}", &self.hash[..12], folder.display()))?;
        Ok(folder)
    }

    fn unpack(&self, root: &Path, folder: &Path) -> anyhow::Result<()> {
        let mut archive = git(root)
            .args(["archive", "--format=tar", &self.hash])
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start git")?;
        let files = archive.stdout.take().context("git gives nothing")?;
        let unpacked = Command::new("tar").arg("-xf").arg("-").arg("-C").arg(folder).stdin(files).output();
        let archived = archive.wait().context("git archive does not end")?;
        let unpacked = unpacked.context("cannot start tar, which unpacks it")?;
        if !archived.success() || !unpacked.status.success() {
            bail!("git archive or tar failed: {}", String::from_utf8_lossy(&unpacked.stderr).trim());
        }
        Ok(())
    }
}

fn is_hash(text: &str) -> bool {
    text.len() >= 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn git(root: &Path) -> Command {
    let mut git = Command::new("git");
    git.arg("-C").arg(root).stdin(Stdio::null());
    git
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository() -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a temporary folder");
        for arguments in [
            &["init", "-q"][..],
            &["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-q", "--allow-empty", "-m", "none"],
        ] {
            assert!(git(root.path()).args(arguments).status().expect("git").success());
        }
        root
    }

    #[test]
    fn a_revision_is_written_once_and_whole() {
        let root = repository();
        fs::write(root.path().join("file"), "one").expect("writable");
        let commit = ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-q", "-m", "one"];
        assert!(git(root.path()).args(["add", "file"]).status().expect("git").success());
        assert!(git(root.path()).args(commit).status().expect("git").success());
        fs::write(root.path().join("file"), "two").expect("writable");
        let revision = Revision::resolve(root.path(), "HEAD").expect("it is there");
        let folder = revision.checkout(root.path()).expect("it can be written");
        assert_eq!(fs::read_to_string(folder.join("file")).expect("readable"), "one");
        let again = Revision::from_hash(revision.hash()).expect("a hash").checkout(root.path());
        assert_eq!(again.expect("it is there"), folder);
        let beside = folder.parent().expect("a folder").read_dir().expect("readable").count();
        assert_eq!(beside, 1, "nothing else is left");
        let first = Revision::resolve(root.path(), "HEAD~").expect("it is there");
        assert_ne!(first.checkout(root.path()).expect("it can be written"), folder);
    }

    #[test]
    fn what_is_no_revision_is_told() {
        let root = repository();
        for name in ["nothing", "--all", "HEAD:file", "a b"] {
            let error = Revision::resolve(root.path(), name).expect_err(name).to_string();
            assert!(error.contains(" is neither a library nor a revision of "), "{error}");
        }
        let plain = tempfile::tempdir().expect("a temporary folder");
        let error = Revision::resolve(plain.path(), "HEAD").expect_err("no repository").to_string();
        assert!(error.ends_with(" is no Git repository with revisions"), "{error}");
        assert!(Revision::from_hash("../../etc").is_err());
    }
}
