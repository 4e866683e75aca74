//! Whether the disk has room for what builds leave on it.

use std::collections::{HashMap, HashSet};
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::statvfs;

use super::Recipe;
use crate::units;

/// The file systems that builds go to, by their numbers, while one build after another takes
/// its share.
#[derive(Debug, Default)]
pub(super) struct Disks {
    disks: HashMap<u64, Disk>,
    /// Bytes of earlier builds in each folder that no build has been credited with: one that is
    /// made again takes the place of what is there.
    reused: HashMap<PathBuf, u64>,
}

/// A file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Disk {
    /// Bytes that a user may write.
    free: u64,
    /// Bytes of them that builds will take.
    taken: u64,
}

impl Disks {
    /// Takes what a build declares that it needs.
    ///
    /// # Errors
    /// Where that is not free: how much is needed, where, and how much there is.
    pub(super) fn take(&mut self, recipe: &Recipe) -> Result<(), String> {
        let wanted = recipe.artifact.disk;
        let Some((number, found)) = (wanted > 0).then(|| disk_of(&recipe.target)).flatten() else {
            return Ok(());
        };
        let there = self.reused.entry(recipe.target.clone()).or_insert_with(|| bytes_in(&recipe.target));
        let credit = wanted.min(*there);
        *there -= credit;
        let disk = self.disks.entry(number).or_insert(found);
        disk.take(wanted - credit).map_err(|why| {
            let folder = recipe.target.parent().unwrap_or(&recipe.target);
            format!(
                "its build needs {} on the disk of {}, {why}; make room there",
                units::bytes(wanted - credit),
                folder.display()
            )
        })
    }
}

impl Disk {
    fn take(&mut self, bytes: u64) -> Result<(), String> {
        let left = self.free.saturating_sub(self.taken);
        if bytes <= left {
            self.taken += bytes;
            return Ok(());
        }
        let free = units::bytes(self.free);
        Err(match self.taken {
            0 => format!("where {free} are free"),
            taken => format!("where {free} are free, {} of it for other builds", units::bytes(taken)),
        })
    }
}

/// The file system on which a folder lies or will lie; `None` where that is not told.
fn disk_of(folder: &Path) -> Option<(u64, Disk)> {
    let (place, metadata) = folder.ancestors().find_map(|place| Some((place, fs::metadata(place).ok()?)))?;
    let told = statvfs(place).ok()?;
    Some((metadata.dev(), Disk { free: told.f_bavail.saturating_mul(told.f_frsize), taken: 0 }))
}

/// Bytes that the files below a folder take, each once.
fn bytes_in(folder: &Path) -> u64 {
    let (mut folders, mut seen, mut bytes) = (vec![folder.to_owned()], HashSet::new(), 0);
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        for (path, metadata) in entries.filter_map(|entry| Some((entry.path(), entry.metadata().ok()?))) {
            if metadata.is_dir() {
                folders.push(path);
            } else if metadata.nlink() == 1 || seen.insert(metadata.ino()) {
                bytes += bytes_of(&metadata);
            }
        }
    }
    bytes
}

fn bytes_of(file: &Metadata) -> u64 {
    /// The unit of [`MetadataExt::blocks`], whatever the file system's own.
    const BLOCK: u64 = 512;
    file.blocks() * BLOCK
}

#[cfg(test)]
mod tests {
    use super::super::tests::{artifact, recipe_of};
    use super::*;

    fn recipe(target: &Path, disk: u64) -> Recipe {
        let mut artifact = artifact(&["true"]);
        artifact.disk = disk;
        recipe_of("a", target, artifact)
    }

    #[test]
    fn each_build_finds_what_those_before_it_leave() {
        let mut disk = Disk { free: 5 << 30, taken: 0 };
        assert_eq!(disk.take(6 << 30), Err("where 5.0 GiB are free".to_owned()));
        assert_eq!(disk.take(3 << 30), Ok(()), "one that does not fit takes nothing");
        let why = "where 5.0 GiB are free, 3.0 GiB of it for other builds";
        assert_eq!(disk.take(3 << 30), Err(why.to_owned()));
        assert_eq!(disk.take(2 << 30), Ok(()), "a smaller one may fit yet");
    }

    #[test]
    fn the_folder_the_need_and_what_is_free_are_told() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let target = root.path().join("builds/mine");
        let why = Disks::default().take(&recipe(&target, 900 << 40)).expect_err("no disk is so large");
        let start = format!(
            "its build needs 900.0 TiB on the disk of {}, where ",
            root.path().join("builds").display()
        );
        assert!(why.starts_with(&start) && why.ends_with(" are free; make room there"), "{why}");
        assert_eq!(Disks::default().take(&recipe(&target, 0)), Ok(()), "one that says nothing");
        assert!(!target.exists(), "a look makes nothing");
    }

    #[test]
    fn what_is_there_of_an_earlier_build_is_used_again_once() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let target = root.path().join("mine");
        fs::create_dir_all(target.join("deps")).expect("writable");
        fs::write(target.join("deps/made"), vec![1; 1 << 20]).expect("writable");
        fs::hard_link(target.join("deps/made"), target.join("made")).expect("it can be linked");
        let there = bytes_in(&target);
        assert!((1 << 20..2 << 20).contains(&there), "{there}");

        let mut disks = Disks::default();
        let (number, _) = disk_of(&target).expect("a file system");
        disks.disks.insert(number, Disk { free: 0, taken: 0 });
        assert_eq!(disks.take(&recipe(&target, there)), Ok(()));
        disks.take(&recipe(&target, 1)).expect_err("another library of it finds nothing more");
    }
}
