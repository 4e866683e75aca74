//! What this process was started with: variables that decide how fast a framework is, or which code
//! of it is made, and what of the processors it was given. Files are read below a root folder, `/` but in tests.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use trainmark_reports::record::Settings;
use trainmark_reports::text::one_line;

use super::control_group::ControlGroup;
use crate::executor::Threads;
use crate::registry::{build, repository_root};

/// Beginnings of variables that frameworks, their libraries and allocators read.
const PREFIXES: [&str; 35] = [
    "ATEN_",
    "BLIS_",
    "BURN_",
    "C10_",
    "CANDLE_",
    "CUBECL_",
    "CUBLAS_",
    "CUDA_",
    "CUDNN_",
    "DNNL_",
    "GOMP_",
    "GOTO_",
    "JAX_",
    "KMP_",
    "LD_",
    "MALLOC_",
    "MESA_",
    "MIMALLOC_",
    "MKL_",
    "NPY_",
    "NVIDIA_",
    "OMP_",
    "ONEDNN_",
    "OPENBLAS_",
    "PJRT_",
    "PYTORCH_",
    "RAYON_",
    "TORCHDYNAMO_",
    "TORCHINDUCTOR_",
    "TORCH_",
    "TRAINMARK_",
    "VECLIB_",
    // Vulkan's loader, and wgpu.
    "VK_",
    "WGPU_",
    "XLA_",
];
/// Such variables with other names.
const NAMES: [&str; 4] = ["DYLD_INSERT_LIBRARIES", "GLIBC_TUNABLES", "LIBTORCH", "RUST_MIN_STACK"];
/// What changes no time, or what no worker gets as it is: where data lie and come from, what tests
/// ask for, the place of CUDA for builds, and the path that workers get of their own.
const OF_NO_EFFECT: [&str; 13] = [
    "CUDA_HOME",
    "CUDA_PATH",
    "LD_LIBRARY_PATH",
    "TRAINMARK_BUILDS",
    "TRAINMARK_COMPUTE_CAP",
    "TRAINMARK_DATA",
    "TRAINMARK_DATA_URL",
    "TRAINMARK_IS_BUILT",
    "TRAINMARK_OFFLINE",
    // `cargo run` hands on what the build script has told the compiler.
    "TRAINMARK_OPT_LEVEL",
    "TRAINMARK_REQUIRE",
    "TRAINMARK_RUSTC",
    "TRAINMARK_TEST_MARKER",
];
/// Parts of names whose values are nobody's business; reports are published.
const SECRETS: [&str; 5] = ["CREDENTIAL", "PASSWORD", "PRIVATE_KEY", "SECRET", "TOKEN"];
/// Longest value that is kept, in characters.
const LONGEST: usize = 500;

/// Those of this process and its workers, on this machine.
pub(super) fn settings(root: &Path) -> Settings {
    let status = fs::read_to_string(root.join("proc/self/status")).unwrap_or_default();
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let online = fs::read_to_string(root.join("sys/devices/system/cpu/online")).ok();
    Settings {
        variables: variables(std::env::vars_os(), build::configured(&repository_root())),
        allowed_processors: allowed.map(|list| list.trim().to_owned()),
        online_processors: online.map(|list| list.trim().to_owned()),
        processor_quota: ControlGroup::below(root, "cpu").and_then(|group| group.processor_quota()),
        nice: rustix::process::getpriority_process(None).ok(),
    }
}

/// Those of an environment that change numbers, as workers and builds find them, and what `configured`
/// says of compilers where they do not.
fn variables(
    environment: impl Iterator<Item = (OsString, OsString)>,
    configured: BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let texts =
        environment.map(|(name, value)| [name, value].map(|text| text.to_string_lossy().into_owned()));
    let kept = texts.filter(|[name, _]| matters(name));
    let kept = configured.into_iter().chain(kept.map(|[name, value]| (name, value)));
    kept.map(|(name, value)| (name, one_line(&value).chars().take(LONGEST).collect())).collect()
}

fn matters(name: &str) -> bool {
    let is_read = PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || NAMES.contains(&name)
        || build::is_heeded(name);
    let is_secret = SECRETS.iter().any(|part| name.contains(part));
    is_read && !is_secret && !OF_NO_EFFECT.contains(&name) && !Threads::sets(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_frameworks_read_are_kept_and_no_others() {
        let set = [
            ("OMP_PROC_BIND", "true"),
            ("OMP_NUM_THREADS", "7"),
            ("TRAINMARK_SIMD", "portable"),
            ("TRAINMARK_DATA", "/home/me/data"),
            ("TRAINMARK_OPT_LEVEL", "2"),
            ("TRAINMARK_RUSTC", "rustc 1.95.0"),
            ("LD_PRELOAD", "/lib/libjemalloc.so\nx"),
            ("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0"),
            ("HOME", "/home/me"),
            ("PASSWORD", "secret"),
            ("TRAINMARK_GITLAB_TOKEN", "secret"),
            ("PYTORCH_SECRET_KEY", "secret"),
            ("CARGO_PKG_NAME", "trainmark"),
            ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1"),
            ("RUSTFLAGS", "-C target-cpu=native"),
        ];
        let configured = [("CFLAGS", "-O0"), ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")];
        let configured = configured.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let kept =
            variables(set.into_iter().map(|(name, value)| (name.into(), value.into())), configured.into());
        let names: Vec<&str> = kept.keys().map(String::as_str).collect();
        let compilers = ["CARGO_PROFILE_RELEASE_OPT_LEVEL", "CFLAGS"];
        let others = ["GLIBC_TUNABLES", "LD_PRELOAD", "OMP_PROC_BIND", "RUSTFLAGS", "TRAINMARK_SIMD"];
        assert_eq!(names, [&compilers[..], &others].concat());
        assert_eq!(kept["CARGO_PROFILE_RELEASE_OPT_LEVEL"], "1", "a variable holds before a file");
        assert_eq!(kept["LD_PRELOAD"], "/lib/libjemalloc.so x");
    }

    fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a temporary folder");
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
            fs::write(path, text).expect("writable");
        }
        root
    }

    #[test]
    fn the_processors_that_are_allowed_are_read() {
        let root = root(&[
            ("proc/self/status", "Name:\tx\nCpus_allowed:\t3\nCpus_allowed_list:\t0-1\n"),
            ("sys/devices/system/cpu/online", "0-7\n"),
        ]);
        let settings = settings(root.path());
        assert_eq!(settings.processors_words(), "0-1 of 0-7");
        assert_eq!(settings.processor_quota, None);
        assert!(settings.nice.is_some());
    }
}
