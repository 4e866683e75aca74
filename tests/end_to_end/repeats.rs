//! Runs that are made once more: for the noise floor, and for the drift of the machine.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use trainmark_tests::{Invocation, RunFolder, hostile, invoke, minimal_c, wait_until};

/// Two backends, two seeds, two epochs. `None` without a C compiler.
fn two_seeds(out: &Path) -> Option<Invocation> {
    let arguments = ["--workload", "softmax", "--dataset", "synthetic", "--epochs", "2", "--seeds", "2"];
    let backends = [&hostile(), minimal_c()?];
    Some(invoke(["bench"]).args(backends).args(arguments).args(["--out"]).args([out]))
}

/// Backend, seed and purpose of every event of a kind.
fn runs(folder: &RunFolder, kind: &str) -> Vec<(String, u64, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let run = |event: &Value| {
        (text(&event["cell"]["backend"]), event["seed"].as_u64().unwrap(), text(&event["purpose"]))
    };
    folder.events().iter().filter(|event| event["event"] == kind).map(run).collect()
}

/// Four samples, one repeat per round of the same cell, and the first run at the end.
fn assert_complete(folder: &RunFolder) {
    let ended = runs(folder, "ended");
    let of = |purpose: &str| ended.iter().filter(|run| run.2 == purpose).collect::<Vec<_>>();
    assert_eq!(ended.len(), 7, "{ended:?}");
    assert_eq!(of("sample").len(), 4);
    let repeats = of("repeat");
    assert_eq!(repeats.iter().map(|run| run.1).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(repeats[0].0, repeats[1].0, "one cell is repeated in all rounds");
    let (first, last) = (ended.first().unwrap(), ended.last().unwrap());
    assert_eq!((&first.0, first.1, &*first.2), (&last.0, last.1, "sample"));
    assert_eq!(last.2, "drift");
    let repeats = folder.rows("repeats.csv");
    let purposes = |purpose: &str| repeats.iter().filter(|row| row["purpose"] == purpose).count();
    assert_eq!((purposes("repeat"), purposes("drift")), (4, 2));
    // They are no samples.
    assert_eq!(folder.rows("runs.csv").len(), 4);
    assert_eq!(folder.rows("epochs.csv").len(), 8);
    assert!(folder.rows("summary.csv").iter().all(|row| row["status"] == "2 ok"));
}

#[test]
fn one_cell_is_run_twice_in_each_round_and_the_first_run_once_more_at_the_end() {
    let out = tempfile::tempdir().unwrap();
    let Some(bench) = two_seeds(out.path()) else { return };
    let finished = bench.run().expect(0);
    let folder = RunFolder::only(out.path());
    assert_complete(&folder);
    for round in folder.events().iter().filter(|event| event["event"] == "round") {
        let mut order: Vec<_> =
            round["order"].as_array().unwrap().iter().map(|index| index.as_u64().unwrap()).collect();
        assert_eq!(order.len(), 3);
        order.sort_unstable();
        order.dedup();
        assert_eq!(order, [0, 1], "one of two cells stands twice");
    }
    for told in [
        "7 runs of 2 epochs",
        " · seed 1 once more, for the noise floor: what two runs of the same differ by · ok",
        " · seed 1 once more, for the drift since the first run · ok",
        "[7/7] ",
    ] {
        assert!(finished.stderr.contains(told), "no {told:?} in\n{}", finished.stderr);
    }
    // Two gates, four samples, two repeats, one for the drift, two audits.
    assert_eq!(fs::read_dir(folder.path.join("logs")).unwrap().count(), 11);
}

#[test]
fn what_was_made_once_more_is_not_made_again_on_resume() {
    let out = tempfile::tempdir().unwrap();
    let Some(bench) = two_seeds(out.path()) else { return };
    let running = bench.start();
    let is_last =
        || RunFolder::find(out.path()).is_some_and(|run| run.count("begun") == 7 && run.count("ended") == 6);
    assert!(wait_until(Duration::from_secs(120), is_last), "no seventh run begins");
    running.signal(Signal::KILL);
    let marker = running.marker.clone();
    running.finish();
    marker.assert_gone();
    let folder = RunFolder::only(out.path());
    let begun = runs(&folder, "begun");

    let resume = || invoke(["bench", "--resume"]).args([&folder.path]).run().expect(0);
    resume();
    assert_complete(&folder);
    assert_eq!(runs(&folder, "begun")[7..], begun[6..], "only the run that was killed begins again");
    let count = folder.events().len();
    resume();
    let kinds: Vec<_> = folder.events().split_off(count);
    let kinds: Vec<_> = kinds.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["resumed", "finished"]);
}

#[test]
fn what_has_failed_is_not_made_once_more() {
    let out = tempfile::tempdir().unwrap();
    let Some(bench) = two_seeds(out.path()) else { return };
    // In the second timed epoch of every run.
    bench.hostile("error@train_epoch:2").run().expect(1);
    let folder = RunFolder::only(out.path());
    let ended = runs(&folder, "ended");
    let failed: Vec<_> = ended.iter().filter(|run| run.0 == "hostile").collect();
    assert_eq!(failed.iter().map(|run| (run.1, &*run.2)).collect::<Vec<_>>(), [(1, "sample"), (2, "sample")]);
    let good = ended.iter().filter(|run| run.0 == "minimal-c");
    assert!(good.clone().count() >= 3 && good.filter(|run| run.2 == "drift").count() == 1, "{ended:?}");
}
