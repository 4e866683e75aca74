//! What a build saw of its inputs, file by file. Its tools, such as make and cargo, know a file
//! that has changed by its time alone: one that was put back with its old time is none to them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context;
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, utimensat};
use sha2::{Digest, Sha256};

use super::fingerprint::{file_hash, files};
use crate::registry::manifest::Artifact;
use crate::units::hexadecimal;

/// The inputs of one build.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Inputs {
    /// Hash of what a build is made from besides its files.
    setting: String,
    /// Hash of each file's content, by the hash of its path: a path may be no text.
    files: BTreeMap<String, String>,
}

impl Inputs {
    /// As they now are, with the files that there are.
    pub(super) fn now(
        setting: String,
        artifact: &Artifact,
        folder: &Path,
    ) -> anyhow::Result<(Self, Vec<PathBuf>)> {
        let mut inputs = Self { setting, files: BTreeMap::new() };
        let mut found = files(artifact, folder)?;
        found.retain(|path| path.is_file());
        for path in &found {
            let hash = file_hash(path).with_context(|| format!("cannot read {}", path.display()))?;
            inputs.files.insert(key(path), hash);
        }
        Ok((inputs, found))
    }

    /// As they were written; `None` where no build has begun yet.
    pub(super) fn read(path: &Path) -> io::Result<Option<Self>> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text?,
        };
        let mut lines = text.lines().map(|line| line.split_once(' ').unwrap_or((line, "")));
        let setting = lines.next().map(|(setting, _)| setting.to_owned()).unwrap_or_default();
        let files = lines.map(|(key, hash)| (key.to_owned(), hash.to_owned())).collect();
        Ok(Some(Self { setting, files }))
    }

    /// Keeps them for the next build.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let files = self.files.iter().map(|(key, hash)| format!("{key} {hash}\n"));
        let text: String = std::iter::once(format!("{}\n", self.setting)).chain(files).collect();
        fs::write(path, text)
    }

    /// Gives the time of now to every file of `found` that has changed since `before` but is no
    /// younger than `ended`, when what was built of `before` was there; `None` where that is not
    /// known. Where a file is gone, or something else than a file has changed, all have.
    pub(super) fn renew(
        &self,
        found: &[PathBuf],
        before: &Self,
        ended: Option<SystemTime>,
    ) -> anyhow::Result<()> {
        let is_gone = before.files.keys().any(|key| !self.files.contains_key(key));
        let have_all_changed = is_gone || self.setting != before.setting;
        for path in found {
            let key = key(path);
            let has_changed = have_all_changed || self.files.get(&key) != before.files.get(&key);
            if has_changed && !is_younger(path, ended) {
                let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
                let kept = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
                let times = Timestamps { last_access: kept, last_modification: now };
                utimensat(CWD, path, &times, AtFlags::empty()).with_context(|| {
                    format!(
                        "{} has changed but is older than the last build, so that its tools would not see it, \
                         and it cannot be given another time: run `touch` on it",
                        path.display()
                    )
                })?;
            }
        }
        Ok(())
    }
}

fn key(path: &Path) -> String {
    hexadecimal(&Sha256::digest(path.as_os_str().as_encoded_bytes()))
}

fn is_younger(path: &Path, ended: Option<SystemTime>) -> bool {
    let changed = fs::metadata(path).and_then(|metadata| metadata.modified());
    changed.ok().zip(ended).is_some_and(|(changed, ended)| changed > ended)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::registry::build::tests::artifact;

    fn now(setting: &str, folder: &Path) -> (Inputs, Vec<PathBuf>) {
        Inputs::now(setting.to_owned(), &artifact(&["true"]), folder).expect("readable")
    }

    #[test]
    fn they_are_read_as_they_were_written() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join("source")).expect("writable");
        fs::write(folder.path().join("source/a\nb"), "content").expect("writable");
        let (inputs, found) = now("setting", folder.path());
        assert_eq!(found.len(), 1);
        let path = folder.path().join("inputs");
        assert_eq!(Inputs::read(&path).expect("none is no error"), None);
        inputs.write(&path).expect("writable");
        assert_eq!(Inputs::read(&path).expect("readable"), Some(inputs));
    }

    #[test]
    fn what_has_changed_and_looks_old_looks_new_then() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let source = folder.path().join("source");
        fs::create_dir(&source).expect("writable");
        let long_ago = SystemTime::now() - Duration::from_secs(86_400);
        let paths = ["changed", "gone", "same"].map(|name| source.join(name));
        let write = |path: &Path, text: &str| {
            fs::write(path, text).expect("writable");
            fs::File::open(path).and_then(|file| file.set_modified(long_ago)).expect("it is ours");
        };
        let renewed = |before: &Inputs, setting: &str| {
            let (inputs, found) = now(setting, folder.path());
            let ended = Some(SystemTime::now() - Duration::from_secs(3600));
            inputs.renew(&found, before, ended).expect("they are ours");
            let names = found.iter().filter(|path| is_younger(path, ended));
            names.map(|path| path.file_name().expect("a file").to_owned()).collect::<Vec<_>>()
        };
        paths.iter().for_each(|path| write(path, "one"));
        let (before, _) = now("setting", folder.path());
        assert!(renewed(&before, "setting").is_empty());
        write(&paths[0], "two");
        assert_eq!(renewed(&before, "setting"), ["changed"]);
        write(&paths[0], "one");
        assert_eq!(renewed(&before, "another"), ["changed", "gone", "same"]);
        paths.iter().for_each(|path| write(path, "one"));
        fs::remove_file(&paths[1]).expect("it is there");
        assert_eq!(renewed(&before, "setting"), ["changed", "same"]);
    }
}
