//! A time budget that has no room for every cell with every seed.

use std::path::{Path, PathBuf};

use trainmark_tests::{Finished, RunFolder, bench, c_library, hostile, minimal_c};

/// A benchmark of three backends, of which the first sleeps 2 s in each epoch.
fn run(out: &Path, backends: &[PathBuf], arguments: &[&str]) -> Finished {
    bench(out, backends).args(["--epochs", "4"]).args(arguments).hostile("slow").run().expect(0)
}

/// Seconds of the dearest run, and of all others together.
fn seconds(folder: &RunFolder) -> (f64, f64) {
    let times: Vec<(String, f64)> = folder
        .events()
        .iter()
        .filter(|event| event["event"] == "begun")
        .map(|event| (event["cell"]["backend"].to_string(), event["unix_time"].as_f64().unwrap()))
        .collect();
    let end = std::fs::metadata(folder.path.join("events.jsonl")).unwrap().modified().unwrap();
    let end = end.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let ends = times[1..].iter().map(|(_, begun)| *begun).chain([end]);
    let runs: Vec<_> = times.iter().zip(ends).map(|((name, begun), end)| (name, end - begun)).collect();
    let of =
        |dear: bool| runs.iter().filter(|(name, _)| name.contains("hostile") == dear).map(|run| run.1).sum();
    (of(true), of(false))
}

#[test]
fn the_dearest_cell_is_left_out_of_later_rounds() {
    let Some(good) = minimal_c() else { return };
    let named = ["-DTM_TEST_NAME=\"minimal-d\""];
    let Some(other) = c_library("variant.c", &named, "libminimal_d.so") else { return };
    let backends = [hostile(), good.to_owned(), other];
    // How long a round takes at present decides on the budget: room for the two cheap ones
    // once more, and for half the dear one.
    let out = tempfile::tempdir().unwrap();
    run(out.path(), &backends, &[]);
    let (dear, cheap) = seconds(&RunFolder::only(out.path()));
    let budget = format!("{:.0}ms", 1e3 * (1.5 * dear + 2.0 * cheap));
    let out = tempfile::tempdir().unwrap();
    let finished = run(out.path(), &backends, &["--seeds", "3", "--budget", &budget]);

    let folder = RunFolder::only(out.path());
    let events = folder.events();
    let rounds: Vec<_> = events.iter().filter(|event| event["event"] == "round").collect();
    assert_eq!(rounds[0].get("left_out"), None, "the first round runs whole");
    assert_eq!(rounds[0]["order"].as_array().unwrap().len(), 3);
    assert!(rounds.len() > 1, "the two others fit: {}", finished.stderr);
    for round in &rounds[1..] {
        assert_eq!(round["left_out"], serde_json::json!([0]), "{round}");
        assert_eq!(round["order"].as_array().unwrap().len(), 2);
    }
    assert_eq!(events.last().unwrap()["outcome"], "budget");
    let runs =
        |backend: &str| folder.rows("runs.csv").into_iter().filter(|row| row["backend"] == backend).count();
    assert_eq!((runs("hostile"), runs("minimal-c")), (1, rounds.len()));
    // A slash is escaped in HTML.
    let told = "the dearest cells were left out to stay within the time budget: softmax hostile";
    assert!(folder.read("report.html").contains(told));
}
