//! What goes wrong on a device: a row of its own, told apart, and nothing on the processor
//! suffers.

use serde_json::Value;
use trainmark_tests::{Invocation, RunFolder, wait_until};

use super::{QUICK, bench_both, repository, with_gpus};

/// Outcome and reason of every run of a device.
fn runs(folder: &RunFolder, device: &str) -> Vec<(String, String)> {
    let rows = folder.rows("runs.csv").into_iter().filter(|row| row["device"] == device);
    rows.map(|row| (row["outcome"].clone(), row["reason"].clone())).collect()
}

/// Lets the plugin misbehave on `cuda:0` only.
fn on_gpu(run: Invocation, behaviour: &str) -> Invocation {
    run.hostile(behaviour).env("TRAINMARK_HOSTILE_ON", "cuda:0")
}

#[test]
fn failures_of_a_device_are_told_apart() {
    for (behaviour, outcome, reason) in [
        (
            "out-of-memory",
            "out of memory",
            "train_epoch: cuda:0 has no memory left for 80.0 GiB; use a smaller",
        ),
        ("out-of-memory@open", "out of memory", "open: cuda:0 has no memory left for 80.0 GiB"),
        (
            "lost-device",
            "failed",
            "device error: train_epoch: cuda:0 is lost (CUDA_ERROR_UNKNOWN); see `dmesg`",
        ),
        (
            "lost-device@train_epoch:2",
            "failed",
            "device error: train_epoch: cuda:0 is lost (CUDA_ERROR_UNKNOWN)",
        ),
        (
            "compute-capability@open",
            "failed",
            "device error: open: cuda:0 has compute capability 3.5, the kernels",
        ),
        ("abort", "failed", "the worker was killed by SIGABRT during train_epoch"),
        ("segfault@train_epoch:2", "failed", "the worker was killed by SIGSEGV during train_epoch"),
    ] {
        let out = tempfile::tempdir().unwrap();
        let Some(run) = bench_both(out.path()) else { return };
        let finished = on_gpu(run, behaviour).args(["--epochs", "2"]).run().expect(1);
        let folder = RunFolder::only(out.path());
        assert_eq!(runs(&folder, "cpu"), [("ok".to_owned(), String::new())], "{behaviour}");
        let failed = runs(&folder, "cuda:0");
        assert_eq!(failed.len(), 1, "{behaviour}");
        assert_eq!(failed[0].0, outcome, "{behaviour}: {}", failed[0].1);
        assert!(failed[0].1.starts_with(reason), "{behaviour}: {}", failed[0].1);
        let report = folder.read("report.html");
        assert!(report.contains(&format!("cuda:0, seed 1: {outcome} after ")), "{behaviour}");
        finished.marker.assert_gone();
    }
}

/// Once the driver says that a device is lost no worker is started for it any more.
#[test]
fn a_lost_device_fails_its_cells_at_once_and_no_other() {
    let out = tempfile::tempdir().unwrap();
    let lost = out.path().join("lost");
    let Some(run) = bench_both(&out.path().join("runs")) else { return };
    // Two seconds an epoch leave time to lose the device during its first run.
    let run =
        on_gpu(run, "slow@train_epoch").args(["--seeds", "3", "--no-audit"]).env("FAKE_NVML_LOST", &lost);
    let running = run.start();
    let has_begun = || {
        let text = RunFolder::find(&out.path().join("runs")).map(|folder| folder.read("events.jsonl"));
        let begun = |line: &str| line.contains("\"begun\"") && line.contains("cuda:0");
        text.is_some_and(|text| text.lines().any(begun))
    };
    assert!(wait_until(std::time::Duration::from_secs(120), has_begun), "no run on cuda:0 has begun");
    std::fs::write(&lost, "").unwrap();
    running.finish().expect(1);
    let folder = RunFolder::only(&out.path().join("runs"));
    let told = "cuda:0 is lost, says the driver (";
    let on_gpu = runs(&folder, "cuda:0");
    let failed: Vec<_> = on_gpu.iter().filter(|(outcome, _)| outcome == "failed").collect();
    assert!(failed.len() >= 2 && failed.iter().all(|(_, reason)| reason.starts_with(told)), "{on_gpu:?}");
    let remedy = "); ask the machine's owner to reset it, or use another device or machine";
    assert!(failed[0].1.ends_with(remedy), "{}", failed[0].1);
    let on_cpu = runs(&folder, "cpu");
    assert!(on_cpu.len() == 3 && on_cpu.iter().all(|(outcome, _)| outcome == "ok"), "{on_cpu:?}");
    let logs = folder.rows("runs.csv").into_iter().filter(|row| row["reason"].starts_with(told));
    assert!(logs.map(|row| row["log"].clone()).all(|log| log.is_empty()), "a worker was started");
}

/// A worker that is killed cannot say that its device was lost; the driver can.
#[test]
fn a_worker_that_dies_with_its_device_is_explained() {
    let out = tempfile::tempdir().unwrap();
    let lost = out.path().join("lost");
    let Some(run) = bench_both(&out.path().join("runs")) else { return };
    // The gate's worker hangs in its first epoch, loses the device, and is stopped.
    let run = on_gpu(run, "hang").args(["--device", "cuda:0", "--timeout", "4s"]);
    let running = run.env("FAKE_NVML_LOST", &lost).start();
    let log = || {
        RunFolder::find(&out.path().join("runs")).is_some_and(|folder| {
            std::fs::read_dir(folder.path.join("logs")).is_ok_and(|mut logs| logs.next().is_some())
        })
    };
    assert!(wait_until(std::time::Duration::from_secs(120), log), "the gate has not begun");
    std::fs::write(&lost, "").unwrap();
    running.finish().expect(1);
    let failed = runs(&RunFolder::only(&out.path().join("runs")), "cuda:0");
    let told =
        "train_epoch took longer than 4 s and was stopped (--timeout); cuda:0 is lost, says the driver (";
    assert_eq!(failed.len(), 1);
    assert!(failed[0].1.starts_with(told), "{failed:?}");
}

/// The conformance checks of a device's run.
fn agreement(folder: &RunFolder) -> Value {
    let ended = folder.events().into_iter().filter(|event| event["event"] == "ended");
    let checks =
        ended.flat_map(|event| event["conformance"]["checks"].as_array().cloned().unwrap_or_default());
    let mut found = checks.filter(|check| check["name"] == "cpu and cuda:0 agree: losses");
    let check = found.next().expect("the devices are held against each other");
    assert!(found.next().is_none(), "once");
    check
}

#[test]
fn devices_that_compute_the_same_agree() {
    let out = tempfile::tempdir().unwrap();
    let Some(run) = bench_both(out.path()) else { return };
    run.run().expect(0);
    let check = agreement(&RunFolder::only(out.path()));
    assert_eq!((&check["passed"], &check["limit"]), (&true.into(), &1e-3.into()));
    let repository = repository(1);
    let run = repository.invoke(["check", "hostile"]).args(&QUICK[..4]);
    let checked = with_gpus(run.env("TRAINMARK_HOSTILE_DEVICES", "cpu,cuda:0")).unwrap().run().expect(0);
    let line = checked.stdout.lines().find(|line| line.contains("agree")).unwrap();
    assert!(line.starts_with("  ok   cpu and cuda:0 agree: losses") && line.contains(" ≤ 1.0e-3"), "{line}");
}

/// Each is close enough to the reference, but on another side of it.
#[test]
fn devices_that_do_not_compute_the_same_are_not_ranked() {
    let out = tempfile::tempdir().unwrap();
    let Some(run) = bench_both(out.path()) else { return };
    run.args(["--no-audit"]).hostile("devices-differ").run().expect(1);
    let folder = RunFolder::only(out.path());
    assert_eq!(runs(&folder, "cpu"), [("ok".to_owned(), String::new())]);
    let failed = runs(&folder, "cuda:0");
    assert_eq!((failed.len(), &*failed[0].0), (1, "not conformant"));
    let told =
        "does not compute the same function: cpu and cuda:0 agree: losses 1.6e-3, limit 1.0e-3 (worst step 5";
    assert!(failed[0].1.starts_with(told), "{failed:?}");
    assert_eq!(agreement(&folder)["passed"], false);
}

/// A device that still computes when `train_epoch` has returned makes the next call wait.
#[test]
fn work_that_is_left_on_a_device_is_told() {
    let out = tempfile::tempdir().unwrap();
    let Some(run) = bench_both(out.path()) else { return };
    on_gpu(run, "lazy@train_epoch").args(["--epochs", "3"]).run().expect(0);
    let folder = RunFolder::only(out.path());
    let left = |device: &str| -> Vec<f64> {
        let rows = folder.rows("epochs.csv").into_iter().filter(|row| row["device"] == device);
        rows.map(|row| row["unfinished_seconds"].parse().unwrap()).collect()
    };
    assert!(left("cuda:0").iter().all(|seconds| (0.2..1.0).contains(seconds)), "{:?}", left("cuda:0"));
    let report = folder.read("report.html");
    let warned: Vec<&str> =
        report.split("<li>").filter(|item| item.contains("of its work was left")).collect();
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert!(warned[0].contains("was left on cuda:0 when train_epoch returned; its times are too short"));
}
