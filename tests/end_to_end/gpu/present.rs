//! With graphics processors.

use serde_json::Value;
use trainmark_tests::{Row, RunFolder};

use super::{QUICK, bench_both, cuda_artifact, repository, with_gpus};

const MEMORY_OF_WORKER: u64 = 600 << 20;

/// The row of a device in `runs.csv`.
fn row(folder: &RunFolder, device: &str) -> Row {
    let mut rows = folder.rows("runs.csv").into_iter().filter(|row| row["device"] == device);
    rows.next().unwrap_or_else(|| panic!("no row of {device}:\n{}", folder.read("runs.csv")))
}

/// `list` or `doctor` with two processors, and with a variable of the environment.
fn told(command: &str, variable: (&str, &str)) -> Option<String> {
    let repository = repository(2);
    let run = with_gpus(repository.invoke([command]))?.env(variable.0, variable.1);
    Some(run.run().expect(0).stdout)
}

#[test]
fn list_and_doctor_show_the_devices() {
    let Some(listed) = told("list", ("NONE", "")) else { return };
    let summary = "80.0 GiB, compute capability 9.0, driver 580.95.05 (CUDA 13.0)\n";
    let lines = format!(
        "\n  cuda:0           Pretended GPU A, {summary}  cuda:1           Pretended GPU B, {summary}"
    );
    assert!(listed.ends_with(&lines), "{listed}");
    assert!(listed.contains("  cuda: not built yet; `bench` and `check` build it\n"), "{listed}");
    let doctor = told("doctor", ("NONE", "")).unwrap();
    let first = format!(
        "\n  cuda:0: Pretended GPU A, {summary}    SM clock 345 of at most 1980 MHz, memory clock 3201 of at most \
         3201 MHz, power limit 700 W, persistence mode on, MIG off, GPU-00000000-0000-0000-0000-000000000000\n"
    );
    assert!(doctor.contains(&first), "{doctor}");
}

/// What the machine's owner alone may set is no advice to one who rents it.
#[test]
fn doctor_leaves_a_devices_settings_to_its_owner() {
    let Some(doctor) = told("doctor", ("FAKE_NVML_PERSISTENCE", "no")) else { return };
    let line = "    may sleep between runs: its owner can keep it awake (`nvidia-smi -pm 1`); on a rented or shared \
                machine leave it, each run wakes it before it is timed\n";
    assert_eq!(doctor.matches(line).count(), 2, "{doctor}");
    assert!(!told("doctor", ("NONE", "")).unwrap().contains("nvidia-smi -pm"));
}

/// Frameworks number the visible devices, so the names must follow.
#[test]
fn visible_devices_are_named_as_frameworks_number_them() {
    let Some(listed) = told("list", ("CUDA_VISIBLE_DEVICES", "1")) else { return };
    assert!(listed.contains("\n  cuda:0           Pretended GPU B, "), "{listed}");
    assert!(!listed.contains("cuda:1") && listed.contains("CUDA_VISIBLE_DEVICES=1 chooses"), "{listed}");
    let listed = told("list", ("CUDA_VISIBLE_DEVICES", "GPU-00000001,0")).unwrap();
    assert!(listed.contains("\n  cuda:0           Pretended GPU B, "), "{listed}");
    assert!(listed.contains("\n  cuda:1           Pretended GPU A, "), "{listed}");
}

#[test]
fn a_run_on_a_device_is_watched() {
    let out = tempfile::tempdir().unwrap();
    let Some(run) = bench_both(out.path()) else { return };
    let finished = run.args(["--epochs", "2"]).run().expect(0);
    let folder = RunFolder::only(out.path());
    let on_gpu = row(&folder, "cuda:0");
    let told =
        ["outcome", "device_memory_of", "sm_clock_mhz", "device_temperature_celsius", "throttle_reasons"];
    assert_eq!(told.map(|column| &*on_gpu[column]), ["ok", "process", "345", "41", "power cap"]);
    assert_eq!(on_gpu["peak_device_bytes"], MEMORY_OF_WORKER.to_string());
    let epochs = folder.rows("epochs.csv").into_iter().filter(|row| row["device"] == "cuda:0");
    let seconds: f64 = epochs.map(|row| row["train_seconds"].parse::<f64>().unwrap()).sum();
    let joules = on_gpu["energy_joules"].parse::<f64>().unwrap();
    // 300 W; the harness hears of beginning and end somewhat later than they are.
    assert!((joules - 300.0 * seconds).abs() < 300.0 * (0.2 * seconds + 0.2), "{joules} J in {seconds} s");
    let on_cpu = row(&folder, "cpu");
    for column in
        ["peak_device_bytes", "device_memory_of", "energy_joules", "sm_clock_mhz", "throttle_reasons"]
    {
        assert_eq!(on_cpu[column], "", "{column}");
    }
    assert_eq!(on_gpu["threads"], "1", "a device computes with its own");
    let summary = folder.rows("summary.csv").into_iter().find(|row| row["device"] == "cuda:0").unwrap();
    assert_eq!(summary["peak_device_bytes"], MEMORY_OF_WORKER.to_string());
    assert_eq!(summary["percent_of_peak"], "", "the processor's peak says nothing of it");
    assert!(finished.stdout.contains("device memory") && finished.stdout.contains("600 MiB"), "{finished:?}");
}

#[test]
fn the_processors_stand_in_record_and_report() {
    let out = tempfile::tempdir().unwrap();
    let Some(run) = bench_both(out.path()) else { return };
    run.run().expect(0);
    let folder = RunFolder::only(out.path());
    let environment: Value = serde_json::from_str(&folder.read("env.json")).unwrap();
    let first = &environment["gpus"][0];
    assert_eq!(environment["gpus"].as_array().unwrap().len(), 2);
    for (field, value) in [
        ("device", Value::from("cuda:0")),
        ("index", 0.into()),
        ("name", "Pretended GPU A".into()),
        ("memory_bytes", (80_u64 << 30).into()),
        ("compute_capability", "9.0".into()),
        ("driver", "580.95.05".into()),
        ("cuda", "13.0".into()),
        ("max_sm_clock_mhz", 1980.into()),
        ("power_limit_watts", 700.0.into()),
        ("persistence_mode", true.into()),
        ("mig_mode", false.into()),
    ] {
        assert_eq!(first[field], value, "{field}");
    }
    let report = folder.read("report.html");
    for shown in ["Peak device memory", "600 MiB", "cuda:1: Pretended GPU B, 80.0 GiB", "softmax on cuda:0"] {
        assert!(report.contains(shown), "{shown}");
    }
}

/// In a container the driver may list other process numbers, and not every processor has a
/// counter of its energy.
#[test]
fn what_a_driver_does_not_tell_is_replaced_or_left_empty() {
    let out = tempfile::tempdir().unwrap();
    let Some(run) = bench_both(out.path()) else { return };
    run.env("FAKE_NVML_PROCESSES", "no").env("FAKE_NVML_ENERGY", "no").run().expect(0);
    let row = row(&RunFolder::only(out.path()), "cuda:0");
    assert_eq!((&*row["device_memory_of"], &*row["energy_joules"]), ("device", ""));
    assert_eq!(row["peak_device_bytes"], MEMORY_OF_WORKER.to_string());
}

#[test]
fn a_device_that_is_not_there_is_refused_with_those_that_are() {
    let repository = repository(2);
    for (arguments, wanted) in [
        (&["bench", "all", "--device", "cuda:7"] as &[&str], "cuda:7"),
        (&["check", "hostile@cuda:9"], "cuda:9"),
    ] {
        let Some(run) = with_gpus(repository.invoke(arguments.iter().copied()).args(&QUICK[..4])) else {
            return;
        };
        assert_eq!(
            run.run().refusal(),
            format!(
                "error: no device {wanted}: there is cuda:0 (Pretended GPU A), cuda:1 (Pretended GPU B)\n"
            )
        );
    }
    let Some(run) = with_gpus(repository.invoke(["check", "hostile@cuda:x"]).args(&QUICK[..4])) else {
        return;
    };
    assert_eq!(
        run.run().refusal(),
        "error: cuda:x is no device: its number has digits alone, as in cuda:0\n"
    );
    assert!(!repository.path().join("target").exists(), "something was built");
}

#[test]
fn all_takes_every_device_that_there_is() {
    let repository = repository(2);
    let Some(run) = with_gpus(repository.invoke(["bench", "all"]).args(QUICK)) else { return };
    let devices = "cpu,cuda:0,cuda:1";
    let finished = run.env("TRAINMARK_HOSTILE_DEVICES", devices).run().expect(0);
    let mut rows = RunFolder::only(&repository.runs()).rows("runs.csv");
    rows.sort_by(|one, other| one["device"].cmp(&other["device"]));
    let found: Vec<&str> = rows.iter().map(|row| &*row["device"]).collect();
    assert_eq!(found.join(","), devices);
    assert!(!finished.stderr.contains("NVIDIA"), "{}", finished.stderr);
}

#[test]
fn a_library_for_devices_that_cannot_be_built_leaves_the_processor_s_cells() {
    let repository = repository(1);
    let manifest = repository.path().join("backends/hostile/backend.toml");
    let text = std::fs::read_to_string(&manifest).unwrap().replace(r#"["cpu", "cuda"]"#, r#"["cpu"]"#);
    std::fs::write(&manifest, text + &cuda_artifact("echo 'error: no nvcc' >&2; exit 1")).unwrap();
    let Some(run) = with_gpus(repository.invoke(["bench", "all"]).args(QUICK)) else { return };
    run.run().expect(0);
    let folder = RunFolder::only(&repository.runs());
    assert_eq!(row(&folder, "cpu")["outcome"], "ok");
    let of_cuda = row(&folder, "cuda");
    assert_eq!(of_cuda["outcome"], "unavailable");
    assert!(of_cuda["reason"].starts_with("its build failed: error: no nvcc; see "), "{of_cuda:?}");
}

/// Single operations run on every device that a backend has, as `bench` does.
#[test]
fn operations_run_on_every_device() {
    let repository = repository(1);
    let devices = |arguments: &[&str]| {
        let invocation = repository.invoke(["operations", "--filter", "conv1,conv2"]).args(arguments);
        let invocation = invocation.env("TRAINMARK_HOSTILE_DEVICES", "cpu,cuda:0");
        // The plugin knows no convolution.
        let told = with_gpus(invocation)?.run().expect(1).stderr;
        let lines = told.lines().filter(|line| line.contains(": unsupported: open: "));
        Some(lines.map(|line| line.split(": ").next().unwrap().to_owned()).collect::<Vec<_>>())
    };
    let Some(both) = devices(&[]) else { return };
    let expected =
        ["hostile, conv1", "hostile, conv2", "hostile on cuda:0, conv1", "hostile on cuda:0, conv2"];
    assert_eq!(both, expected);
    assert_eq!(devices(&["--device", "cuda"]).unwrap(), expected[2..]);
    assert_eq!(devices(&["hostile@cpu"]).unwrap(), expected[..2]);
}
