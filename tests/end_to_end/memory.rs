//! The harness itself takes little memory: it is not what is measured. A container's limit is
//! known, and so is a worker that the kernel kills for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

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

#[test]
fn a_containers_limit_is_known_and_its_kill_is_told() {
    let Some(group) = Group::limited(700 << 20) else { return };
    let out = tempfile::tempdir().unwrap();
    let bench = "bench \"$1\" --workload softmax --dataset synthetic --quick --out \"$2\"";
    let killed =
        group.invoke(&format!("{bench} --memory-limit 1000GiB")).args([hostile().as_path(), out.path()]);
    killed.hostile("allocate").run().expect(1);
    let row = RunFolder::only(out.path()).run("hostile");
    assert_eq!(row["outcome"], "out of memory", "{row:?}");
    let reason =
        "the kernel killed the worker during train_epoch: the container's 700.0 MiB of memory ran out";
    assert_eq!(row["reason"], reason);

    let out = tempfile::tempdir().unwrap();
    let stopped = group.invoke(bench).args([hostile().as_path(), out.path()]).hostile("allocate").run();
    stopped.expect(1);
    let reason = &RunFolder::only(out.path()).run("hostile")["reason"];
    assert!(reason.contains("more than its 525.0 MiB of memory, 75% of what the machine or"), "{reason}");

    let told = group.invoke("doctor").run().expect(0).stdout;
    assert!(told.contains(", 700.0 MiB of it for this container"), "{told}");
}
