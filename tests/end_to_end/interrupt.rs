//! Ctrl-C and termination: an orderly end, and nothing lost.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use trainmark_tests::{RunFolder, bench, hostile, invoke, minimal_c, wait_until};

fn interrupted(signal: Signal) {
    let Some(good) = minimal_c() else { return };
    let out = tempfile::tempdir().unwrap();
    let running = bench(out.path(), [&hostile(), good]).args(["--epochs", "3", "--seeds", "2"]).start();
    let in_second_run =
        || RunFolder::find(out.path()).is_some_and(|run| run.count("begun") == 2 && run.count("epoch") >= 4);
    assert!(wait_until(Duration::from_secs(60), in_second_run), "no epoch of the second run ends");
    let page = RunFolder::only(out.path()).read("report.html");
    for told in [
        "<title>1 of 4 runs",
        "Unfinished: the benchmark runs",
        "1 of 4 runs have ended",
        "3 runs and 2 audits",
    ] {
        assert!(page.contains(told), "{told}");
    }
    running.signal(signal);
    let asked = Instant::now();
    let finished = running.finish().expect(130);
    assert!(asked.elapsed() < Duration::from_secs(8), "{:?}", asked.elapsed());
    finished.marker.assert_gone();

    let run = RunFolder::only(out.path());
    let resume = format!("continue with `bench --resume {}`", run.path.display());
    assert!(finished.stderr.contains(&resume), "{}", finished.stderr);
    assert!(finished.stdout.contains("interrupted"), "{}", finished.stdout);
    let last = run.events().pop().unwrap();
    assert_eq!((&last["event"], &last["outcome"]), (&"finished".into(), &"interrupted".into()));
    let outcomes: Vec<_> = run.rows("runs.csv").iter().map(|row| row["outcome"].clone()).collect();
    assert_eq!(outcomes, ["ok", "interrupted"]);
    assert_eq!(run.rows("runs.csv")[1]["reason"], "interrupted");
    assert!(run.rows("epochs.csv").len() >= 4);
    assert!(run.read("summary.csv").lines().count() >= 3);
    let page = run.read("report.html");
    let name = run.path.file_name().unwrap().to_str().unwrap();
    let resume = format!("bench --resume {name}</pre>");
    for told in ["1 of 4 planned runs had ended when it was interrupted", &resume] {
        assert!(page.contains(told), "{told}");
    }
    assert!(!page.contains("the benchmark runs"));

    invoke(["bench", "--resume"]).args([&run.path]).run().expect(0);
    let rows = run.rows("runs.csv");
    assert_eq!(rows.len(), 4);
    assert!(rows.iter().all(|row| row["outcome"] == "ok" && row["epochs"] == "3"), "{rows:?}");
    assert_eq!(run.rows("epochs.csv").len(), 12);
    assert_eq!(run.events().pop().unwrap()["outcome"], "complete");
    let page = run.read("report.html");
    assert!(!page.contains("class=\"standing\"") && !page.contains("nfinished: "));
}

#[test]
fn ctrl_c_keeps_what_was_recorded() {
    interrupted(Signal::INT);
}

#[test]
fn termination_keeps_what_was_recorded() {
    interrupted(Signal::TERM);
}

/// In the gate nothing was measured yet, but there is a record of the attempt.
#[test]
fn ctrl_c_ends_a_gate_that_hangs() {
    let out = tempfile::tempdir().unwrap();
    let running = bench(out.path(), [hostile()]).hostile("hang@train_step").start();
    let begun = || {
        RunFolder::find(out.path()).is_some_and(|run| run.path.join("logs").read_dir().unwrap().count() == 1)
    };
    assert!(wait_until(Duration::from_secs(60), begun), "no gate begins");
    running.signal(Signal::INT);
    let finished = running.finish().expect(130);
    finished.marker.assert_gone();
    let run = RunFolder::only(out.path());
    assert_eq!(run.events().pop().unwrap()["outcome"], "interrupted");
    assert_eq!(run.rows("epochs.csv").len(), 0);
}
