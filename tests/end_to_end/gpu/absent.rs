//! Without a graphics processor.

use trainmark_tests::{Finished, RunFolder};

use super::{QUICK, has_no_driver, repository, with_gpus};

const REASON: &str = "no NVIDIA driver; install it, or use --device cpu";

/// How often a text is there in what was told.
fn count(finished: &Finished, text: &str) -> usize {
    finished.stderr.matches(text).count() + finished.stdout.matches(text).count()
}

#[test]
fn without_asking_only_the_processor_is_used_and_one_line_says_so() {
    if !has_no_driver() {
        return;
    }
    for libraries in [1, 2] {
        let repository = repository(libraries);
        let finished = repository
            .invoke(["bench", "all"])
            .args(QUICK)
            .env("TRAINMARK_HOSTILE_DEVICES", "cpu,cuda:0=no driver here")
            .run()
            .expect(0);
        assert!(finished.stderr.contains("no NVIDIA driver: only the CPU is used\n"), "{finished:?}");
        assert_eq!(count(&finished, "NVIDIA"), 1, "{finished:?}");
        let rows = RunFolder::only(&repository.runs()).rows("runs.csv");
        let devices: Vec<_> = rows.iter().map(|row| (&*row["device"], &*row["outcome"])).collect();
        assert_eq!(devices, [("cpu", "ok")]);
        let builds = repository.path().join("target/backends/hostile");
        assert!(builds.join("made.so").is_file() && !builds.join("cuda.so").exists());
    }
}

#[test]
fn nothing_is_said_where_only_the_processor_was_asked_for() {
    let repository = repository(2);
    let finished = repository.invoke(["bench", "all", "--device", "cpu"]).args(QUICK).run().expect(0);
    assert_eq!(count(&finished, "NVIDIA"), 0, "{finished:?}");
}

#[test]
fn one_that_is_named_is_a_row_and_nothing_is_built() {
    if !has_no_driver() {
        return;
    }
    for (libraries, arguments, device) in [
        (2, &["bench", "all", "--device", "cuda"] as &[&str], "cuda"),
        (2, &["bench", "all", "--device", "cuda:0"], "cuda:0"),
        (2, &["bench", "hostile@cuda:0"], "cuda:0"),
        (1, &["bench", "hostile@cuda:0"], "cuda:0"),
    ] {
        let repository = repository(libraries);
        let finished = repository.invoke(arguments.iter().copied()).args(QUICK).run().expect(1);
        let line = format!("hostile@{device}: unavailable: {REASON}\n");
        assert!(finished.stdout.contains(&line) && finished.stderr.contains(&line), "{finished:?}");
        let rows = RunFolder::only(&repository.runs()).rows("runs.csv");
        assert_eq!(rows.len(), 1);
        let row = ["backend", "device", "outcome", "reason"].map(|column| &*rows[0][column]);
        assert_eq!(row, ["hostile", device, "unavailable", REASON]);
        assert!(!repository.path().join("target").exists(), "something was built");
        let checked = repository.invoke(["check", "hostile", "--device", "cuda:0"]).args(&QUICK[..4]);
        assert_eq!(checked.run().expect(1).stdout, format!("hostile@cuda:0: unavailable: {REASON}\n"));
    }
}

/// Where the processor has nothing to run the reason is that, and no device that nobody named.
#[test]
fn a_device_that_nobody_named_is_not_why_nothing_runs() {
    if !has_no_driver() {
        return;
    }
    for libraries in [1, 2] {
        let repository = repository(libraries);
        let run = repository.invoke(["bench", "hostile/builtin"]).args(QUICK);
        let finished = run.env("TRAINMARK_HOSTILE_DEVICES", "cpu,cuda:0=no driver here").run().expect(2);
        let told = "error: nothing to run: no implementation that was asked for fits softmax; one without batch norm takes BACKEND or BACKEND/none\n";
        assert!(finished.stderr.ends_with(told), "{finished:?}");
        assert_eq!(count(&finished, "unavailable"), 0, "{finished:?}");
    }
    // A backend for nothing else is unavailable all the same.
    let repository = repository(1);
    let run = repository.invoke(["bench", "hostile"]).args(QUICK);
    let finished = run.env("TRAINMARK_HOSTILE_DEVICES", "cuda:0=no driver here").run().expect(1);
    assert!(finished.stdout.contains(&format!("hostile@cuda: unavailable: {REASON}\n")), "{finished:?}");
}

/// The processor's cells run where both were named.
#[test]
fn the_processor_is_used_beside_a_device_that_is_missing() {
    if !has_no_driver() {
        return;
    }
    let repository = repository(1);
    let run = repository.invoke(["bench", "all", "--device", "cpu,cuda:0"]).args(QUICK);
    run.env("TRAINMARK_HOSTILE_DEVICES", "cpu,cuda:0=no driver here").run().expect(0);
    let rows = RunFolder::only(&repository.runs()).rows("runs.csv");
    let told: Vec<_> = rows.iter().map(|row| (&*row["device"], &*row["outcome"], &*row["reason"])).collect();
    assert_eq!(told, [("cpu", "ok", ""), ("cuda:0", "unavailable", REASON)]);
}

#[test]
fn list_and_doctor_say_why_there_is_none() {
    if !has_no_driver() {
        return;
    }
    let repository = repository(2);
    let listed = repository.invoke(["list"]).run().expect(0).stdout;
    assert!(listed.contains(&format!("\n  cuda: unavailable: {REASON}\n")), "{listed}");
    assert!(listed.ends_with(&format!("\n  cuda             unavailable: {REASON}\n")), "{listed}");
    let doctor = repository.invoke(["doctor"]).run().expect(0).stdout;
    assert!(doctor.contains(&format!("\n  cuda devices are unavailable: {REASON}\n")), "{doctor}");
}

/// A driver that is there and yet of no use.
#[test]
fn a_driver_that_does_not_work_is_told_from_none() {
    let repository = repository(2);
    for (name, value, reason) in [
        (
            "FAKE_NVML_INIT",
            "9",
            "the NVIDIA driver is installed but not loaded; ask the machine's owner to load it (`modprobe nvidia`)",
        ),
        (
            "FAKE_NVML_INIT",
            "18",
            "the NVIDIA driver's library and kernel module are of two versions; restart",
        ),
        ("FAKE_NVML_INIT", "999", "the NVIDIA driver does not answer ("),
        ("FAKE_NVML_COUNT", "0", "the NVIDIA driver is loaded, but there is no GPU; see whether"),
        ("CUDA_VISIBLE_DEVICES", "-1", "CUDA_VISIBLE_DEVICES=-1 hides every GPU; unset CUDA_VISIBLE_DEVICES"),
    ] {
        let Some(doctor) = with_gpus(repository.invoke(["doctor"])) else { return };
        let told = doctor.env(name, value).run().expect(0).stdout;
        assert!(told.contains(&format!("\n  cuda devices are unavailable: {reason}")), "{reason}\n{told}");
    }
}
