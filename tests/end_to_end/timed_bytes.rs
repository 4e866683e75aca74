//! What is timed is what was checked: the library of the gate in every run, and one
//! harness from the first run to the last.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use trainmark_tests::{RunFolder, bench, c_library, invoke_program, minimal_c, trainmark, wait_until};

const SOON: Duration = Duration::from_secs(60);
const SEVERAL_RUNS: [&str; 2] = ["--seeds", "5"];

fn has_ended(out: &Path, runs: usize) -> bool {
    wait_until(SOON, || RunFolder::find(out).is_some_and(|run| run.count("ended") >= runs))
}

#[test]
fn a_library_that_is_exchanged_in_mid_run_is_timed_under_no_other_s_name() {
    let Some(library) = minimal_c() else { return };
    let Some(other) = c_library("variant.c", &["-DTM_TEST_REFUSE_ONE"], "libexchanged.so") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (path, waiting) = (folder.path().join("libplugin.so"), folder.path().join("waiting"));
    fs::copy(library, &path).unwrap();
    fs::copy(other, &waiting).unwrap();
    let out = folder.path().join("out");
    let running = bench(&out, [&path]).args(SEVERAL_RUNS).args(["--no-audit"]).start();
    assert!(has_ended(&out, 1), "no run ends");
    fs::rename(&waiting, &path).unwrap();
    running.finish().expect(1);

    let rows = RunFolder::only(&out).rows("runs.csv");
    let (good, bad): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row["outcome"] == "ok");
    assert!(!good.is_empty() && !bad.is_empty(), "{rows:?}");
    assert!(good.iter().all(|row| row["library_hash"] == good[0]["library_hash"]), "{rows:?}");
    for row in bad {
        assert_eq!(row["outcome"], "failed");
        let reason = &row["reason"];
        assert!(reason.contains("libplugin.so is another one than was checked (SHA-256 "), "{reason}");
        assert!(reason.contains("; begin a new one"), "{reason}");
    }
}

/// As `cargo build` does in another window: a file of the same name, and a new one.
#[test]
fn a_harness_that_is_built_again_in_mid_run_goes_on_as_it_began() {
    let Some(library) = minimal_c() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (program, out) = (folder.path().join("trainmark"), folder.path().join("out"));
    fs::copy(trainmark(), &program).unwrap();
    let arguments = ["bench", "--workload", "softmax", "--dataset", "synthetic", "--quick"];
    let running = invoke_program(&program, arguments)
        .args([library, Path::new("--out"), &out])
        .args(SEVERAL_RUNS)
        .start();
    assert!(has_ended(&out, 1), "no run ends");
    let other = folder.path().join("other");
    fs::write(&other, "#!/bin/sh\necho 'another version'; exit 3\n").unwrap();
    fs::set_permissions(&other, fs::metadata(&program).unwrap().permissions()).unwrap();
    fs::rename(&other, &program).unwrap();
    running.finish().expect(0);

    let rows = RunFolder::only(&out).rows("runs.csv");
    assert_eq!(rows.len(), 5);
    assert!(rows.iter().all(|row| row["outcome"] == "ok"), "{rows:?}");
}

#[test]
fn what_a_benchmark_was_started_with_stands_in_its_record() {
    let Some(library) = minimal_c() else { return };
    let out = tempfile::tempdir().unwrap();
    let program = trainmark();
    let arguments = ["bench", "--workload", "softmax", "--dataset", "synthetic", "--quick", "--threads", "1"];
    invoke_program("nice", ["-n", "5"])
        .args([&program])
        .args(arguments)
        .args([library, Path::new("--out"), out.path()])
        .env("TRAINMARK_SIMD", "portable")
        .env("OMP_PROC_BIND", "true")
        .env("OMP_NUM_THREADS", "7")
        .run()
        .expect(0);
    let run = RunFolder::only(out.path());
    let environment: serde_json::Value = serde_json::from_str(&run.read("env.json")).unwrap();
    let settings = &environment["settings"];
    let mut variables = serde_json::json!({
        "OMP_PROC_BIND": "true", "OMP_WAIT_POLICY": "passive", "TRAINMARK_SIMD": "portable",
    });
    let peak = |key: &str| environment["peak"][key].as_f64();
    let counts = peak("median_operations_per_second").zip(peak("operations_per_second"));
    // As threads wait on processors that nobody else uses.
    if counts.is_some_and(|(median, best)| median >= 0.8 * best) {
        variables["GOMP_SPINCOUNT"] = "10000".into();
    }
    assert_eq!(settings["variables"], variables);
    let nice = settings["nice"].as_i64().unwrap();
    assert!(nice >= 5, "{nice}");
    assert!(settings["allowed_processors"].is_string(), "{settings}");
    let page = run.read("report.html");
    for warning in [
        &format!("it ran with nice {nice}: every other program goes before it"),
        "TRAINMARK_SIMD=portable: a backend computes otherwise than by itself",
    ] {
        assert!(page.contains(warning), "{warning}");
    }
    assert!(page.contains("OMP_PROC_BIND=true, OMP_WAIT_POLICY=passive, TRAINMARK_SIMD=portable"), "{page}");
    if cfg!(not(debug_assertions)) || environment["peak"].is_object() {
        assert!(run.read("events.jsonl").lines().last().unwrap().contains("median_operations_per_second"));
    }
}

#[test]
fn data_that_are_written_to_in_mid_run_are_trained_on_under_no_other_s_name() {
    let Some(library) = minimal_c() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (out, cache) = (folder.path().join("out"), folder.path().join("cache"));
    let running =
        bench(&out, [library]).args(SEVERAL_RUNS).args(["--no-audit"]).env("XDG_CACHE_HOME", &cache).start();
    assert!(has_ended(&out, 1), "no run ends");
    let decoded = fs::read_dir(cache.join("trainmark/decoded")).unwrap().next().unwrap().unwrap().path();
    let labels = fs::File::options().write(true).open(decoded.join("train-labels.idx")).unwrap();
    labels.write_all_at(&[0; 1000], 8).unwrap();
    running.finish().expect(1);

    let rows = RunFolder::only(&out).rows("runs.csv");
    let (good, bad): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row["outcome"] == "ok");
    assert!(!good.is_empty() && !bad.is_empty(), "{rows:?}");
    for row in bad {
        let reason = &row["reason"];
        assert!(
            reason.contains("has been written to since it was checked, by a backend or another"),
            "{reason}"
        );
    }
    // The next one decodes them anew.
    bench(&folder.path().join("again"), [library]).env("XDG_CACHE_HOME", &cache).run().expect(0);
}
