//! The control groups (cgroups) of this process: how much memory and how much of the processors it
//! may use, as a container is told, and how often the kernel has killed for want of memory.

use std::fs;
use std::path::{Path, PathBuf};

/// A controller's group, of either version.
#[derive(Debug)]
pub struct ControlGroup {
    /// The group's folder and those above it, whose limits hold as well.
    folders: Vec<PathBuf>,
    version: Version,
}

#[derive(Debug, Clone, Copy)]
enum Version {
    First,
    Second,
}

/// More bytes than these are no limit: the first version rounds the largest number to pages.
const UNLIMITED: u64 = 1 << 62;

impl ControlGroup {
    /// That of this process and the memory controller, where there is one.
    pub fn of_memory() -> Option<Self> {
        Self::below(super::root(), "memory")
    }

    /// That of a controller, as a system tells whose files lie below `root`.
    pub(super) fn below(root: &Path, controller: &str) -> Option<Self> {
        let text = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
        let mounts = root.join("sys/fs/cgroup");
        let groups = text.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
        let (mount, path, version) = groups
            .clone()
            .find(|(names, _)| names.split(',').any(|name| name == controller))
            .map(|(_, path)| (mounts.join(controller), path, Version::First))
            .or_else(|| {
                let (_, path) = groups.clone().find(|(names, _)| names.is_empty())?;
                Some((mounts, path, Version::Second))
            })?;
        let folders = Path::new(path.trim_start_matches('/')).ancestors().map(|one| mount.join(one));
        // A container may see its own folder as the root, but its path from outside.
        Some(Self { folders: folders.filter(|folder| folder.is_dir()).collect(), version })
    }

    /// Bytes of memory that it may use, where it has a limit.
    pub fn memory_limit_bytes(&self) -> Option<u64> {
        let name = match self.version {
            Version::First => "memory.limit_in_bytes",
            Version::Second => "memory.max",
        };
        let limits = self.folders.iter().filter_map(|folder| text(folder, name)?.parse::<u64>().ok());
        limits.min().filter(|&bytes| bytes < UNLIMITED)
    }

    /// Processors whose time it grants, where it limits it.
    pub(super) fn processor_quota(&self) -> Option<f64> {
        let quotas = self.folders.iter().filter_map(|folder| self.version.processor_quota(folder));
        quotas.filter(|quota| quota.is_finite() && *quota > 0.0).reduce(f64::min)
    }

    /// How many of its processes the kernel has killed because memory was exhausted.
    fn kills(&self) -> Option<u64> {
        let name = match self.version {
            Version::First => "memory.oom_control",
            Version::Second => "memory.events",
        };
        counter(&self.folders.first()?.join(name))
    }
}

impl Version {
    fn processor_quota(self, folder: &Path) -> Option<f64> {
        let (quota, period) = match self {
            Self::First => (text(folder, "cpu.cfs_quota_us")?, text(folder, "cpu.cfs_period_us")?),
            // `150000 100000`: microseconds of processors in so many.
            Self::Second => {
                let both = text(folder, "cpu.max")?;
                let (quota, period) = both.split_once(' ')?;
                (quota.to_owned(), period.to_owned())
            }
        };
        Some(quota.parse::<f64>().ok()? / period.parse::<f64>().ok()?)
    }
}

/// What a file of a group says.
fn text(folder: &Path, name: &str) -> Option<String> {
    Some(fs::read_to_string(folder.join(name)).ok()?.trim().to_owned())
}

/// How many processes the kernel has killed because memory was exhausted: in this process's
/// group, or on the machine, where the group does not tell.
pub fn memory_kills() -> Option<u64> {
    let of_group = ControlGroup::of_memory().and_then(|group| group.kills());
    of_group.or_else(|| counter(&super::root().join("proc/vmstat")))
}

fn counter(file: &Path) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| line.strip_prefix("oom_kill "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A controller's group on a system with these files.
    fn group_of(controller: &str, files: &[(&str, &str)]) -> Option<ControlGroup> {
        let root = tempfile::tempdir().unwrap().keep();
        for (name, text) in files {
            let file = root.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        ControlGroup::below(&root, controller)
    }

    fn group(files: &[(&str, &str)]) -> Option<ControlGroup> {
        group_of("memory", files)
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

    #[test]
    fn the_least_quota_of_a_control_group_and_those_above_counts() {
        let quota = |files: &[(&str, &str)]| group_of("cpu", files).and_then(|group| group.processor_quota());
        let nested = [
            ("proc/self/cgroup", "0::/a/b\n"),
            ("sys/fs/cgroup/a/cpu.max", "150000 100000\n"),
            ("sys/fs/cgroup/a/b/cpu.max", "max 100000\n"),
        ];
        assert_eq!(quota(&nested), Some(1.5));
        let container = [("proc/self/cgroup", "0::/\n"), ("sys/fs/cgroup/cpu.max", "50000 100000\n")];
        assert_eq!(quota(&container), Some(0.5));
        let first = [
            ("proc/self/cgroup", "4:cpu,cpuacct:/docker/1\n1:name=systemd:/\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
        ];
        assert_eq!(quota(&first), Some(2.0));
        let free = [
            ("proc/self/cgroup", "4:cpu:/\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
        ];
        assert_eq!(quota(&free), None);
    }
}
