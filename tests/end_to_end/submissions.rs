//! `pack` and `verify`: a run that is handed to others.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use trainmark_tests::{Finished, RunFolder, bench, hostile, invoke};

/// A run that was audited.
fn run(out: &Path) -> PathBuf {
    bench(out, [hostile()]).args(["--epochs", "2", "--seeds", "2", "--threads", "1"]).run().expect(0);
    RunFolder::only(out).path
}

fn pack(run: &Path, out: &Path) -> (Finished, PathBuf) {
    let finished = invoke(["pack"]).args([run]).args([Path::new("--out"), out]).run().expect(0);
    let name = format!("{}.tar.gz", run.file_name().unwrap().to_string_lossy());
    (finished, out.join(name))
}

fn verify(run: &Path) -> Finished {
    invoke(["verify"]).args([run]).run()
}

/// The SHA-256 of the record that is told.
fn record_hash(told: &str) -> String {
    let hash = told.lines().find_map(|line| line.strip_prefix("record  SHA-256 "));
    hash.expect("a line of the record's hash").to_owned()
}

#[test]
fn a_run_is_packed_without_places_verified_and_found_out_when_it_is_edited() {
    let parent = tempfile::tempdir().unwrap();
    let run = run(parent.path());
    let told = verify(&run).expect(1).stdout;
    let paths = told.lines().filter(|line| line.contains(" failed ")).collect::<Vec<_>>();
    assert!(paths.len() == 1 && paths[0].contains(", line 1 names a private path"), "{told}");

    let own = record_hash(&told);
    let (finished, packed) = pack(&run, parent.path());
    assert!(finished.stdout.contains("left out: request.json: "), "{}", finished.stdout);
    let told = verify(&packed).expect(0).stdout;
    assert!(told.ends_with(".tar.gz: nothing speaks against it\n"), "{told}");
    let hash = record_hash(&told);
    assert!(hash != own && finished.stdout.contains(&hash), "{hash}: {}", finished.stdout);
    let json = invoke(["verify", "--format", "json"]).args([&packed]).run().expect(0).stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["record_sha256"], hash);
    assert_eq!((&json["kind"], &json["passed"]), (&"verification".into(), &true.into()));

    edits_are_found(&run, parent.path());
}

/// A change of one line of a record.
type Edit = fn(&mut Value);

/// Each edit is made in the record alone: the CSV files are made anew, and so is the pack.
fn edits_are_found(run: &Path, parent: &Path) {
    let events = fs::read_to_string(run.join("events.jsonl")).unwrap();
    let edits: [(Edit, &str); 7] = [
        (|event| scale(event, "train_seconds", 0.5), "its first_epoch_extra_seconds is "),
        (|event| scale(event, "test_accuracy", 0.999_9), " is no number of "),
        (
            |event| set(event, "/plan/workloads/0/definition", "ab".repeat(32).into()),
            "softmax: another definition than the one that is built in",
        ),
        (
            |event| set(event, "/plan/dataset/fingerprint", "cd".repeat(32).into()),
            "synthetic has the fingerprint 3a513b6ce007…, not cdcdcdcdcdcd…",
        ),
        (
            |event| set(event, "/command", "cargo run -- bench all; sh x".into()),
            "`cargo run -- bench all; sh x` is not one `cargo run -- bench` with plain or quoted words",
        ),
        (
            |event| {
                let places = ["/plan/cells/0/device", "/cell/device"];
                places.iter().for_each(|place| set(event, place, "cuda:99".into()));
            },
            "softmax hostile/none@cuda:99: its machine knows no cuda:99, ",
        ),
        (|event| widen(event), "has the limit 1, its workload 0.001"),
    ];
    for (edit, expected) in edits {
        let edited = events.lines().map(|line| {
            let mut event: Value = serde_json::from_str(line).unwrap();
            edit(&mut event);
            format!("{event}\n")
        });
        fs::write(run.join("events.jsonl"), edited.collect::<String>()).unwrap();
        invoke(["report", "--format", "csv"]).args([run]).run().expect(0);
        let (_, packed) = pack(run, parent);
        let told = verify(&packed).expect(1).stdout;
        assert!(told.contains(expected), "{expected}: {told}");
        assert!(told.contains("checks failed: not fit to be published"), "{told}");
    }
}

/// A number of the second epoch becomes so many times as large.
fn scale(event: &mut Value, what: &str, factor: f64) {
    if event["event"] == "epoch" && event["epoch"] == 2 {
        event[what] = (event[what].as_f64().unwrap() * factor).into();
    }
}

fn set(event: &mut Value, place: &str, value: Value) {
    if let Some(found) = event.pointer_mut(place) {
        *found = value;
    }
}

/// The logits of test samples may be off by as much as they are.
fn widen(event: &mut Value) {
    let checks = event.pointer_mut("/conformance/checks").and_then(Value::as_array_mut);
    for check in checks.into_iter().flatten().filter(|check| check["kind"] == "test_logits") {
        check["limit"] = 1.into();
    }
}

#[test]
fn what_cannot_be_read_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let text = parent.path().join("text");
    fs::write(&text, "text").unwrap();
    assert!(verify(&text).refusal().contains("/text is no pack: "));
    assert!(verify(&parent.path().join("nowhere")).refusal().starts_with("error: no run "));
    assert!(invoke(["pack"]).args([parent.path()]).run().refusal().contains("it holds no events.jsonl"));
}
