//! The harness itself takes little memory: it is not what is measured. A container's limit is
//! known, and so is a worker that the kernel kills for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use trainmark_tests::{Invocation, RunFolder, hostile, shell, skip, wait_until};

use crate::records::good;

/// Most that the harness may take.
const LIMIT: u64 = 300_000_000;

/// Peak resident memory of a process until now.
pub(crate) fn peak_bytes(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(value.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

#[test]
fn the_harness_stays_below_300_megabytes() {
    let Some(good) = good() else { return };
    let peak = good.peak_bytes;
    assert!(peak > 1_000_000, "it was looked at: {peak}");
    assert!(peak < LIMIT, "{peak} bytes");
    eprintln!("peak of the harness: {} MB", peak / 1_000_000);
}

/// A control group with a limit of memory, as a container has; removed when dropped.
struct Group(PathBuf);

impl Group {
    /// `None`, said aloud, where none can be made.
    fn limited(bytes: u64) -> Option<Self> {
        let mounts = [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")];
        let made = mounts.into_iter().find_map(|(mount, limit)| {
            let folder = Path::new(mount).join(format!("trainmark-test-{}", std::process::id()));
            fs::create_dir(&folder).ok()?;
            let group = Self(folder);
            fs::write(group.0.join(limit), bytes.to_string()).ok()?;
            Some(group)
        });
        if made.is_none() {
            skip("cgroup", "no control group with a limit can be made");
        }
        made
    }

    /// The binary within it.
    fn invoke(&self, arguments: &str) -> Invocation {
        shell(&format!("echo $$ > \"$0/cgroup.procs\"; exec cargo run -- {arguments}")).args([&self.0])
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Its last processes may be gone only in a moment.
        wait_until(Duration::from_secs(5), || fs::remove_dir(&self.0).is_ok());
    }
}

/// The files of a control group of the second version, which a system may keep for itself.
struct PretendedGroup(TempDir);

impl PretendedGroup {
    /// `None`, said aloud, where nothing can be mounted.
    fn limited(bytes: u64) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("groups/job")).unwrap();
        fs::write(folder.path().join("groups/job/memory.max"), format!("{bytes}\n")).unwrap();
        fs::write(folder.path().join("own"), "0::/job\n").unwrap();
        let group = Self(folder);
        let told = group.shell("cat /sys/fs/cgroup/job/memory.max").run();
        if told.code != Some(0) {
            skip("mount", told.stderr.trim());
            return None;
        }
        Some(group)
    }

    /// A command line for which they are those of the system.
    fn shell(&self, line: &str) -> Invocation {
        let mount = "mount --bind \"$0/groups\" /sys/fs/cgroup && mount --bind \"$0/own\" /proc/$$/cgroup";
        shell(&format!("unshare --mount bash -c '{mount} && exec \"$@\"' \"$0\" {line}"))
            .args([self.0.path()])
    }

    fn invoke(&self, arguments: &str) -> Invocation {
        self.shell(&format!("cargo run -- {arguments}"))
    }
}

/// A benchmark of the plugin and with the folder that are its arguments.
const BENCH: &str = "bench \"$1\" --workload softmax --dataset synthetic --quick --out \"$2\"";

/// Holds against 700 MiB what the binary makes of its control group.
fn assert_limit_is_known(invoke: impl Fn(&str) -> Invocation) {
    let out = tempfile::tempdir().unwrap();
    invoke(BENCH).args([hostile().as_path(), out.path()]).hostile("allocate").run().expect(1);
    let reason = &RunFolder::only(out.path()).run("hostile")["reason"];
    assert!(reason.contains("more than its 525.0 MiB of memory, 75% of what the machine or"), "{reason}");
    let told = invoke("doctor").run().expect(0).stdout;
    assert!(told.contains(", 700.0 MiB of it for this container"), "{told}");
}

#[test]
fn a_containers_limit_is_known_and_its_kill_is_told() {
    let Some(group) = Group::limited(700 << 20) else { return };
    let out = tempfile::tempdir().unwrap();
    let killed =
        group.invoke(&format!("{BENCH} --memory-limit 1000GiB")).args([hostile().as_path(), out.path()]);
    killed.hostile("allocate").run().expect(1);
    let row = RunFolder::only(out.path()).run("hostile");
    assert_eq!(row["outcome"], "out of memory", "{row:?}");
    let reason =
        "the kernel killed the worker during train_epoch: the container's 700.0 MiB of memory ran out";
    assert_eq!(row["reason"], reason);
    assert_limit_is_known(|arguments| group.invoke(arguments));
}

#[test]
fn a_limit_of_the_second_version_of_control_groups_is_known() {
    let Some(group) = PretendedGroup::limited(700 << 20) else { return };
    assert_limit_is_known(|arguments| group.invoke(arguments));
}
