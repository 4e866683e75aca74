//! The control group (cgroup) of this process: how much memory it may use, as a container is
//! told, and how often the kernel has killed for want of it.

use std::fs;
use std::path::{Path, PathBuf};

/// A control group's files, of either version.
#[derive(Debug)]
pub struct ControlGroup {
    /// The group's folder and those above it, whose limits hold as well.
    folders: Vec<PathBuf>,
    names: Names,
}

#[derive(Debug, Clone, Copy)]
struct Names {
    limit: &'static str,
    events: &'static str,
}

impl Names {
    const FIRST: Self = Self { limit: "memory.limit_in_bytes", events: "memory.oom_control" };
    const SECOND: Self = Self { limit: "memory.max", events: "memory.events" };
}

/// More bytes than these are no limit: the first version rounds the largest number to pages.
const UNLIMITED: u64 = 1 << 62;

impl ControlGroup {
    /// That of this process, where there is one.
    pub fn here() -> Option<Self> {
        Self::below(super::root())
    }

    fn below(root: &Path) -> Option<Self> {
        let text = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
        let mounts = root.join("sys/fs/cgroup");
        let controllers = text.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
        let (mount, path, names) = controllers
            .clone()
            .find(|(names, _)| names.split(',').any(|name| name == "memory"))
            .map(|(_, path)| (mounts.join("memory"), path, Names::FIRST))
            .or_else(|| {
                let (_, path) = controllers.clone().find(|(names, _)| names.is_empty())?;
                Some((mounts, path, Names::SECOND))
            })?;
        let relative = Path::new(path.trim_start_matches('/'));
        // A container may see its own folder as the root, but its path from outside.
        let relative = if mount.join(relative).is_dir() { relative } else { Path::new("") };
        Some(Self { folders: relative.ancestors().map(|one| mount.join(one)).collect(), names })
    }

    /// Bytes of memory that it may use, where it has a limit.
    pub fn memory_limit_bytes(&self) -> Option<u64> {
        let limits = self.folders.iter().filter_map(|folder| {
            fs::read_to_string(folder.join(self.names.limit)).ok()?.trim().parse::<u64>().ok()
        });
        limits.min().filter(|&bytes| bytes < UNLIMITED)
    }

    /// How many of its processes the kernel has killed because memory was exhausted.
    fn kills(&self) -> Option<u64> {
        counter(&self.folders.first()?.join(self.names.events))
    }
}

/// How many processes the kernel has killed because memory was exhausted: in this process's
/// group, or on the machine, where the group does not tell.
pub fn memory_kills() -> Option<u64> {
    let of_group = ControlGroup::here().and_then(|group| group.kills());
    of_group.or_else(|| counter(&super::root().join("proc/vmstat")))
}

fn counter(file: &Path) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| line.strip_prefix("oom_kill "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A system with these files.
    fn group(files: &[(&str, &str)]) -> Option<ControlGroup> {
        let root = tempfile::tempdir().unwrap().keep();
        for (name, text) in files {
            let file = root.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        ControlGroup::below(&root)
    }

    #[test]
    fn the_second_versions_limit_is_the_lowest_on_the_way_up() {
        let mut files = vec![
            ("proc/self/cgroup", "0::/user/job\n"),
            ("sys/fs/cgroup/user/memory.max", "2147483648\n"),
            ("sys/fs/cgroup/user/job/memory.max", "max\n"),
            ("sys/fs/cgroup/user/job/memory.events", "low 0\nmax 7\noom 3\noom_kill 2\noom_group_kill 0\n"),
        ];
        let found = group(&files).unwrap();
        assert_eq!((found.memory_limit_bytes(), found.kills()), (Some(2 << 30), Some(2)));
        files[1].1 = "max\n";
        assert_eq!(group(&files).unwrap().memory_limit_bytes(), None);
    }

    #[test]
    fn the_first_versions_group_is_that_of_its_memory_controller() {
        let mut files = vec![
            ("proc/self/cgroup", "9:name=systemd:/\n4:cpu,memory:/job\n0::/\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "1073741824\n"),
            ("sys/fs/cgroup/memory/job/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n"),
        ];
        let found = group(&files).unwrap();
        assert_eq!((found.memory_limit_bytes(), found.kills()), (Some(1 << 30), Some(5)));
        files[2].1 = "9223372036854771712\n";
        assert_eq!(group(&files).unwrap().memory_limit_bytes(), None);
    }

    #[test]
    fn a_container_that_sees_its_own_folder_as_the_root_is_found() {
        let files = [
            ("proc/self/cgroup", "0::/docker/0123\n"),
            ("sys/fs/cgroup/memory.max", "536870912\n"),
            ("sys/fs/cgroup/memory.events", "oom_kill 0\n"),
        ];
        let found = group(&files).unwrap();
        assert_eq!((found.memory_limit_bytes(), found.kills()), (Some(512 << 20), Some(0)));
        assert!(group(&[]).is_none());
    }
}
