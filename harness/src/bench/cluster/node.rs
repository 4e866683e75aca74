//! What a job says of the node that it runs on.

use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use trainmark_reports::record::{Environment, Node};

/// This node, as the job that it runs tells of it.
pub(super) fn here(environment: Environment, warnings: Vec<String>, shared: &Path) -> Node {
    Node {
        name: name(),
        job: job(),
        clock_ahead_seconds: clock_ahead_seconds(shared),
        environment,
        c_library: c_library(),
        warnings,
    }
}

/// Its name in the cluster.
pub(super) fn name() -> String {
    variable("SLURMD_NODENAME")
        .unwrap_or_else(|| rustix::system::uname().nodename().to_string_lossy().into_owned())
}

/// The job, such as `1204_3`.
pub(super) fn job() -> String {
    let array = variable("SLURM_ARRAY_JOB_ID").zip(variable("SLURM_ARRAY_TASK_ID"));
    let job = array.map(|(array, task)| format!("{array}_{task}")).or_else(|| variable("SLURM_JOB_ID"));
    job.unwrap_or_else(|| format!("process {}", std::process::id()))
}

/// The same, told apart from when Slurm had it run before.
pub(super) fn attempt() -> String {
    let restarts = variable("SLURM_RESTART_COUNT").unwrap_or_else(|| "0".to_owned());
    format!("{}.{restarts} on {}, process {}", job(), name(), std::process::id())
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// By how much the clock here is ahead of that of the shared folder, by the time that a new file gets.
fn clock_ahead_seconds(shared: &Path) -> Option<f64> {
    let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).ok().map(|time| time.as_secs_f64());
    let before = seconds(SystemTime::now())?;
    let file = tempfile::NamedTempFile::new_in(shared).ok()?;
    let there = seconds(file.as_file().metadata().ok()?.modified().ok()?)?;
    let after = seconds(SystemTime::now())?;
    Some((before + after) / 2.0 - there)
}

/// `glibc 2.36`
fn c_library() -> Option<String> {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let told = String::from_utf8(output.stdout).ok()?;
    Some(told.trim().to_owned()).filter(|told| output.status.success() && !told.is_empty())
}

/// What makes a node of another kind: what the gate has found on one holds on another of the same.
pub(super) fn kind(node: &Node) -> String {
    let Environment { cpu, cpu_features, system, logical_cpus, .. } = &node.environment;
    let (features, gpus) = (cpu_features.join(" "), node.environment.gpu_names().join(", "));
    let drivers = node.environment.gpu_drivers();
    let c_library = node.c_library.as_deref().unwrap_or_default();
    [cpu, &logical_cpus.to_string(), &features, &gpus, &drivers, system, c_library].join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_keeps_the_time_of_its_own_disk() {
        let folder = tempfile::tempdir().unwrap();
        let ahead = clock_ahead_seconds(folder.path()).unwrap();
        assert!(ahead.abs() < 1.0, "{ahead}");
        assert_eq!(clock_ahead_seconds(Path::new("/nowhere")), None);
    }

    #[test]
    fn a_node_is_of_another_kind_with_another_processor_or_c_library() {
        let folder = tempfile::tempdir().unwrap();
        let node = here(Environment::default(), Vec::new(), folder.path());
        let mut other = Node { name: "other".to_owned(), ..node.clone() };
        assert_eq!(kind(&node), kind(&other));
        other.c_library = Some("glibc 1.0".to_owned());
        assert_ne!(kind(&node), kind(&other));
        let mut other = node.clone();
        "another".clone_into(&mut other.environment.cpu);
        assert_ne!(kind(&node), kind(&other));
    }
}
