//! Folders, backends and file systems that others had a hand in.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use trainmark_tests::{Repository, RunFolder, bench, hostile, invoke, manifest, skip, wait_until};

use crate::known_runs;

/// What would clear a terminal, retitle its window and show words backwards.
const ESCAPES: &str = "\u{1b}[2J\u{1b}]0;mine\u{7}\u{202e}\u{9b}31m";

fn assert_harmless(printed: &str) {
    let harmful = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
    assert!(!printed.contains(harmful), "{printed:?}");
}

#[test]
fn a_run_folder_that_was_sent_chooses_no_code() {
    let folder = tempfile::tempdir().unwrap();
    bench(folder.path(), [hostile()]).hostile("error").run().expect(1);
    let run = RunFolder::only(folder.path());
    let (backend, trace) = (run.path.join("backend"), folder.path().join("trace"));
    fs::create_dir(&backend).unwrap();
    let build = format!("touch {}; exit 1", trace.display());
    fs::write(backend.join("backend.toml"), manifest("mine", &build, "sh")).unwrap();
    let mut request: serde_json::Value = serde_json::from_str(&run.read("request.json")).unwrap();
    request["backend_paths"] = serde_json::json!([backend]);
    request["selections"] = serde_json::json!(["mine"]);
    fs::write(run.path.join("request.json"), request.to_string()).unwrap();

    let message = invoke(["bench", "--resume"]).args([&run.path]).run().refusal();
    assert!(
        message.contains("runs code from outside this repository, which must be named again"),
        "{message}"
    );
    assert!(message.contains(&format!("--backend-path {}`", backend.display())), "{message}");
    assert!(!trace.exists());

    // Named, but the record was begun with another request.
    request["epochs"] = 7.into();
    fs::write(run.path.join("request.json"), request.to_string()).unwrap();
    let named = invoke(["bench", "--resume"]).args([&run.path]).args([Path::new("--backend-path"), &backend]);
    let message = named.run().refusal();
    assert!(message.contains("tell of different epochs or seeds"), "{message}");
    assert!(!trace.exists(), "it was built before it was compared");
    assert_eq!(run.count("resumed"), 0);
}

#[test]
fn a_data_folder_that_a_variable_named_is_asked_for() {
    let Some(data) = std::env::var_os("TRAINMARK_DATA") else {
        skip("data", "TRAINMARK_DATA does not name the folder of Fashion-MNIST");
        return;
    };
    let out = tempfile::tempdir().unwrap();
    let arguments = ["--workload", "softmax", "--offline", "--quick", "--out"];
    let begun = invoke(["bench"]).args([hostile()]).args(arguments).args([out.path()]).hostile("error");
    begun.env("TRAINMARK_DATA", &data).run().expect(1);
    let run = RunFolder::only(out.path());
    let message = invoke(["bench", "--resume"]).args([&run.path]).run().refusal();
    let variable = format!("with TRAINMARK_DATA={}, which is not set now", Path::new(&data).display());
    assert!(message.contains(&variable), "{message}");
}

#[test]
fn escapes_of_a_record_or_a_backend_reach_no_terminal() {
    let parent = tempfile::tempdir().unwrap();
    let evil = |event: &mut serde_json::Value| {
        if known_runs::is(event, "started") {
            event["warnings"] = serde_json::json!([format!("warned{ESCAPES}")]);
            event["unavailable"] = serde_json::json!([
                { "backend": "other", "device": null, "reason": format!("why{ESCAPES}\nbetter: ok") }
            ]);
        }
    };
    let run = known_runs::run(parent.path(), "evil", evil);
    let report = known_runs::report(&run, &[]).expect(0);
    assert!(report.stdout.contains("warned"), "{}", report.stdout);
    assert!(!report.stdout.contains("\nbetter"), "a line is forged: {}", report.stdout);
    for format in ["markdown", "json"] {
        assert_harmless(&known_runs::report(&run, &["--format", format]).expect(0).stdout);
    }
    let other = known_runs::run(parent.path(), "other", |_| {});
    let compared = known_runs::compare(&run, &other, &[]);
    for printed in [report.stdout, report.stderr, compared.stdout, compared.stderr] {
        assert_harmless(&printed);
    }

    let toml = manifest("mine", "false", "sh").replace("summary = \"", &format!("summary = \"S{ESCAPES}"));
    let toml = toml.replace('\u{1b}', "\\u001b").replace('\u{7}', "\\u0007").replace('\u{9b}', "\\u009b");
    let repository = Repository::new().backend("mine", &toml);
    for command in ["list", "doctor"] {
        let printed = repository.invoke([command]).run();
        assert!(printed.stdout.contains("mine"), "{}", printed.stdout);
        assert_harmless(&(printed.stdout + &printed.stderr));
    }
}

/// No file can be locked.
const NO_LOCKS: &str =
    "#include <errno.h>\nint flock(int f, int how) { (void)f; (void)how; errno = ENOLCK; return -1; }\n";

/// Somebody sets the clock: in every other second it is a year back.
const CLOCK_THAT_IS_SET: &str = "
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec *time) {
    int result = syscall(SYS_clock_gettime, clock, time);
    if (clock == CLOCK_REALTIME && time->tv_sec % 2) time->tv_sec -= 365 * 86400;
    return result;
}
";

/// A library in front of the C library.
fn preloaded(folder: &Path, text: &str) -> Option<PathBuf> {
    let (source, library) = (folder.join("front.c"), folder.join("front.so"));
    fs::write(&source, text).unwrap();
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let compiled = Command::new(compiler).args(["-shared", "-fPIC", "-o"]).args([&library, &source]).status();
    if !compiled.is_ok_and(|status| status.success()) {
        skip("cc", "no C compiler; install one or set CC");
        return None;
    }
    Some(library)
}

#[test]
fn a_file_system_without_locks_is_a_note() {
    let folder = tempfile::tempdir().unwrap();
    let Some(library) = preloaded(folder.path(), NO_LOCKS) else { return };
    let out = folder.path().join("runs");
    let repository = Repository::new().library("hostile", &hostile());
    let arguments = ["--workload", "softmax", "--dataset", "synthetic", "--quick", "--out"];
    let ended = repository.invoke(["bench", "hostile"]).args(arguments).args([&out]);
    let ended = ended.env("LD_PRELOAD", &library).run().expect(0);
    let target = repository.path().join("target/backends/hostile").display().to_string();
    for place in [target, RunFolder::only(&out).path.display().to_string()] {
        let note = format!("note: {place} is on a file system without locks");
        assert!(ended.stderr.contains(&note), "no {note:?} in {}", ended.stderr);
    }
}

#[test]
fn a_clock_that_is_set_disorders_no_record() {
    let out = tempfile::tempdir().unwrap();
    let Some(library) = preloaded(out.path(), CLOCK_THAT_IS_SET) else { return };
    let running = bench(out.path(), [hostile()]).args(["--seeds", "3", "--no-audit"]);
    running.hostile("drowsy@train_epoch").env("LD_PRELOAD", &library).run().expect(0);
    let times = |event: &serde_json::Value| event["unix_time"].as_f64();
    let events = RunFolder::only(out.path()).events();
    let times: Vec<f64> = events.iter().filter_map(times).collect();
    assert!(times.len() > 3 && times.is_sorted(), "{times:?}");
}

#[test]
fn a_cache_that_is_cleared_during_a_benchmark_is_written_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (out, cache) = (folder.path().join("runs"), folder.path().join("cache"));
    let running =
        bench(&out, [hostile()]).args(["--seeds", "2", "--epochs", "2"]).hostile("slow@train_epoch");
    let running = running.env("XDG_CACHE_HOME", &cache).start();
    // Its worker has the data set, and is busy with the second epoch for a while.
    let is_trained = || RunFolder::find(&out).is_some_and(|run| run.count("epoch") == 1);
    assert!(wait_until(Duration::from_secs(60), is_trained), "no epoch ends");
    fs::remove_dir_all(&cache).unwrap();
    running.finish().expect(0);
    assert!(RunFolder::only(&out).rows("runs.csv").iter().all(|row| row["outcome"] == "ok"));
}

#[test]
fn a_pipe_in_place_of_a_record_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("events.jsonl");
    if !Command::new("mkfifo").arg(&pipe).status().is_ok_and(|status| status.success()) {
        skip("mkfifo", "mkfifo cannot be run");
        return;
    }
    for command in [&["report"] as &[&str], &["compare", "latest"], &["merge", "there", "latest"]] {
        let ended = invoke(command.iter().copied()).args([folder.path()]).run();
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    }
    let message = invoke(["report"]).args([folder.path()]).run().refusal();
    assert!(message.contains("it is a pipe, a socket or a device, not a file"), "{message}");
}
