//! What this machine is and how busy it is.

pub mod control_group;
pub mod gpu;
pub mod power;
mod process_table;
mod settings;

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use control_group::ControlGroup;
pub use trainmark_numerics::threads::logical_cpus;
use trainmark_reports::record::Environment;

/// One-minute load average, where the system tells.
pub fn load_average() -> Option<f64> {
    sysinfo::System::load_average().ok().map(|load| load.one).filter(|load| load.is_finite())
}

/// Where the system's files begin.
pub fn root() -> &'static Path {
    Path::new("/")
}

/// Physical memory in bytes, where the system tells.
pub fn memory_bytes() -> Option<u64> {
    let mut system = sysinfo::System::new().ok()?;
    system.refresh_memory();
    Some(system.total_memory())
}

/// Memory in bytes that this process may use: the machine's, or less in a container with a limit.
pub fn usable_memory_bytes() -> Option<u64> {
    let of_group = ControlGroup::of_memory().and_then(|group| group.memory_limit_bytes());
    of_group.into_iter().chain(memory_bytes()).min()
}

/// Memory in bytes that programs may still take, within the control group's
/// limit, where the system tells.
pub fn available_memory_bytes() -> Option<u64> {
    let mut system = sysinfo::System::new().ok()?;
    system.refresh_memory();
    let within_group =
        system.cgroup_limits().map_or(u64::MAX, |limits| limits.total_memory.saturating_sub(limits.rss));
    Some(system.available_memory().min(within_group))
}

/// Peak resident memory of this process in bytes: the kernel's own high-water
/// mark, which unlike `ru_maxrss` does not start with the parent's.
pub fn peak_rss_bytes() -> Option<u64> {
    status_bytes("/proc/self/status", "VmHWM:")
}

/// Resident memory of another process in bytes.
pub fn rss_bytes(process: u32) -> Option<u64> {
    let shown = status_bytes(&format!("/proc/{process}/status"), "VmRSS:");
    shown.or_else(|| (!shows_processes()).then(|| process_table::rss_bytes(process))?)
}

/// Every process with its parent, on a system that does not show them as files.
pub(crate) fn parents() -> Option<HashMap<u32, u32>> {
    (!shows_processes()).then(process_table::parents)
}

/// Whether the system shows its processes as files below `/proc`.
fn shows_processes() -> bool {
    root().join("proc/self/stat").exists()
}

/// The same with only its share of what it shares with others, which the system counts page by
/// page.
pub fn pss_bytes(process: u32) -> Option<u64> {
    status_bytes(&format!("/proc/{process}/smaps_rollup"), "Pss:")
}

fn status_bytes(path: &str, field: &str) -> Option<u64> {
    let status = fs::read_to_string(path).ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kibibytes: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// User and system seconds of this process.
pub fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// Everything about machine and tools that a reader needs to judge the numbers, but
/// the peak, which takes time to measure.
pub fn environment() -> Environment {
    let found = gpu::found();
    Environment {
        system: sysinfo::System::long_os_version().unwrap_or_else(|_| std::env::consts::OS.to_owned()),
        kernel: sysinfo::System::kernel_version().unwrap_or_default(),
        cpu: cpu_name().unwrap_or_else(|| "unknown".to_owned()),
        logical_cpus: logical_cpus(),
        memory_bytes: memory_bytes().unwrap_or_default(),
        cpu_features: cpu_features(),
        governor: power::governor(root()),
        on_battery: power::on_battery(root()),
        gpus: found.gpus.clone(),
        no_gpu: found.none.as_ref().map(|none| none.what.clone()),
        cuda_visible_devices: found.visible.clone(),
        adapters: Vec::new(),
        trainmark: env!("CARGO_PKG_VERSION").to_owned(),
        git_revision: git_revision(&crate::registry::repository_root()),
        rustc: env!("TRAINMARK_RUSTC").to_owned(),
        profile: profile(),
        load_average: load_average(),
        peak: None,
        settings: Some(settings::settings(root())),
    }
}

/// Revision of the sources that backends are built from, of the repository whose root they are:
/// an archive that was unpacked within another repository, or a hook of one, has none.
fn git_revision(root: &Path) -> Option<String> {
    let root = root.canonicalize().ok()?;
    let mut git = Command::new("git");
    git.arg("-C").arg(&root).args(["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GIT_")) {
        git.env_remove(name);
    }
    let output = git.env("GIT_CEILING_DIRECTORIES", root.parent()?).output().ok()?;
    let revision = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !revision.is_empty()).then_some(revision)
}

/// `debug`, or how far what the harness computes was optimised: for `cargo run` it is too.
fn profile() -> String {
    match trainmark_numerics::OPTIMISATION_LEVEL {
        "0" => "debug".to_owned(),
        level => format!("optimised, level {level}"),
    }
}

fn cpu_name() -> Option<String> {
    let mut system = sysinfo::System::new().ok()?;
    system.refresh_cpu_list(sysinfo::CpuRefreshKind::nothing());
    system.cpus().first().map(|cpu| cpu.brand().trim().to_owned())
}

#[cfg(target_arch = "x86_64")]
fn cpu_features() -> Vec<String> {
    let present = [
        ("avx2", std::is_x86_feature_detected!("avx2")),
        ("fma", std::is_x86_feature_detected!("fma")),
        ("avx512f", std::is_x86_feature_detected!("avx512f")),
    ];
    present.iter().filter(|(_, present)| *present).map(|(name, _)| (*name).to_owned()).collect()
}

#[cfg(target_arch = "aarch64")]
fn cpu_features() -> Vec<String> {
    vec!["neon".to_owned()]
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn cpu_features() -> Vec<String> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_filled_in() {
        let environment = environment();
        assert!(environment.logical_cpus >= 1);
        assert!(environment.memory_bytes > 1 << 28);
        assert!(environment.rustc.starts_with("rustc"));
    }

    #[test]
    fn the_revision_is_of_our_own_repository_or_none() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let git = |arguments: &[&str]| {
            let status = Command::new("git").arg("-C").arg(folder.path()).args(arguments).output();
            assert!(status.expect("git is there").status.success(), "{arguments:?}");
        };
        git(&["init", "-q"]);
        let identity = ["-c", "user.name=a", "-c", "user.email=a@b"];
        git(&[&identity[..], &["commit", "-q", "--allow-empty", "-m", "a"]].concat());
        assert_eq!(git_revision(folder.path()).map(|revision| revision.len()), Some(12));
        let unpacked = folder.path().join("trainmark");
        fs::create_dir(&unpacked).expect("writable");
        assert_eq!(git_revision(&unpacked), None, "it is the enclosing repository's");
    }

    #[test]
    fn some_memory_is_available() {
        let available = available_memory_bytes().expect("this system tells");
        assert!(available > 1 << 20 && Some(available) <= memory_bytes(), "{available}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn memory_of_this_process_is_known() {
        let now = rss_bytes(std::process::id()).expect("Linux tells");
        assert!(peak_rss_bytes().expect("Linux tells") >= now / 2);
        assert!(now > 1 << 16);
    }
}
