//! `pack` and `verify`: a run that is handed to others.

use std::fs;
use std::path::{Path, PathBuf};

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

#[test]
fn a_run_is_packed_without_places_verified_and_found_out_when_it_is_edited() {
    let parent = tempfile::tempdir().unwrap();
    let run = run(parent.path());
    let told = verify(&run).expect(1).stdout;
    let paths = told.lines().filter(|line| line.contains(" failed ")).collect::<Vec<_>>();
    assert!(paths.len() == 1 && paths[0].contains("names `/"), "{told}");

    let (finished, packed) = pack(&run, parent.path());
    assert!(finished.stdout.contains("left out: request.json: "), "{}", finished.stdout);
    let told = verify(&packed).expect(0).stdout;
    assert!(told.ends_with(".tar.gz: nothing speaks against it\n"), "{told}");
    let json = invoke(["verify", "--format", "json"]).args([&packed]).run().expect(0).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["kind"], &json["passed"]), (&"verification".into(), &true.into()));

    let events = fs::read_to_string(run.join("events.jsonl")).unwrap();
    for (what, change, expected) in [
        ("train_seconds", 0.5, "its first_epoch_extra_seconds is "),
        ("test_accuracy", 0.999_9, " is no number of "),
    ] {
        let edited: Vec<String> = events.lines().map(|line| edited(line, what, change)).collect();
        fs::write(run.join("events.jsonl"), edited.join("\n") + "\n").unwrap();
        invoke(["report"]).args([&run]).run().expect(0);
        let (_, packed) = pack(&run, parent.path());
        let told = verify(&packed).expect(1).stdout;
        assert!(told.contains(expected), "{told}");
        assert!(told.contains("checks failed: not fit to be published"), "{told}");
    }
}

/// A line of which a number of the second epoch is so many times as large.
fn edited(line: &str, what: &str, factor: f64) -> String {
    let mut event: serde_json::Value = serde_json::from_str(line).unwrap();
    if event["event"] == "epoch" && event["epoch"] == 2 {
        event[what] = (event[what].as_f64().unwrap() * factor).into();
    }
    event.to_string()
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
