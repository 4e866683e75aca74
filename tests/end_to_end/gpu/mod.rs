//! Graphics processors: found, used, watched, and missed, on machines that have none. The
//! driver's management library is pretended (`tests/fixtures/nvml`), the plugin computes on
//! the processor.

mod absent;
mod adapters;
mod check_script;
mod failing;
mod lease_script;
mod present;

use std::path::Path;

use trainmark_tests::{Invocation, Repository, bench, hostile, manifest, pretended_driver, skip};

const QUICK: [&str; 5] = ["--workload", "softmax", "--dataset", "synthetic", "--quick"];

/// With a driver that has two processors.
fn with_gpus(invocation: Invocation) -> Option<Invocation> {
    Some(invocation.env("LD_LIBRARY_PATH", pretended_driver()?))
}

/// `bench` of the hostile plugin on the processor and on `cuda:0`.
fn bench_both(out: &Path) -> Option<Invocation> {
    with_gpus(bench(out, [hostile()]).env("TRAINMARK_HOSTILE_DEVICES", "cpu,cuda:0"))
}

/// Whether this machine has no driver, as these tests need; said aloud where it has one.
fn has_no_driver() -> bool {
    let has_driver = Path::new("/proc/driver/nvidia/version").exists();
    if has_driver {
        skip("no-driver", "this machine has an NVIDIA driver, and what is said without one cannot be seen");
    }
    !has_driver
}

/// A repository with the hostile plugin in two libraries, for the processor and for `cuda`, or
/// in one for both.
fn repository(libraries: usize) -> Repository {
    let copy = |file: &str| format!(r#"cp "{}" "$CARGO_TARGET_DIR"/{file}"#, hostile().display());
    let text = match libraries {
        1 => manifest("hostile", &copy("made.so"), "sh").replace(r#"["cpu"]"#, r#"["cpu", "cuda"]"#),
        _ => manifest("hostile", &copy("made.so"), "sh") + &cuda_artifact(&copy("cuda.so")),
    };
    Repository::new().backend("hostile", &text)
}

/// The part of a `backend.toml` for `cuda`, made by a shell command.
fn cuda_artifact(command: &str) -> String {
    let build = serde_json::to_string(&["sh", "-c", command]).unwrap();
    format!(
        "[[artifact]]\ndevices = [\"cuda\"]\nbuild = {build}\nlibrary = \"{{target}}/cuda.so\"\n\
         inputs = [\"backend.toml\"]\n"
    )
}
