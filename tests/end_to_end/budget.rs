//! A time budget that has no room for every cell with every seed.

use std::path::{Path, PathBuf};

use serde_json::Value;
use trainmark_tests::{RunFolder, bench, c_library, hostile, minimal_c};

/// A benchmark of three backends, of which the first sleeps 2 s in each epoch, without audits,
/// which would count to the last run.
fn run(out: &Path, backends: &[PathBuf], arguments: &[&str]) {
    bench(out, backends)
        .args(["--epochs", "4", "--no-audit"])
        .args(arguments)
        .hostile("slow")
        .run()
        .expect(0);
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

/// A round takes as long as the machine's other load wants. So the budget is chosen by what a
/// round takes at present, and the benchmark is tried again where that has changed too much.
#[test]
fn the_dearest_cell_is_left_out_of_later_rounds() {
    let Some(good) = minimal_c() else { return };
    let named = ["-DTM_TEST_NAME=\"minimal-d\""];
    let Some(other) = c_library("variant.c", &named, "libminimal_d.so") else { return };
    let backends = [hostile(), good.to_owned(), other];
    let is_partial = (0..4).any(|_| {
        let out = tempfile::tempdir().unwrap();
        run(out.path(), &backends, &[]);
        let (dear, cheap) = seconds(&RunFolder::only(out.path()));
        // Room for the cheap ones once more, and for half the dear one.
        let budget = format!("{:.0}ms", 1e3 * (1.5 * dear + 2.0 * cheap));
        let out = tempfile::tempdir().unwrap();
        run(out.path(), &backends, &["--seeds", "4", "--budget", &budget]);
        has_partial_round(&RunFolder::only(out.path()))
    });
    assert!(is_partial, "in four benchmarks no round was run without its dearest cell");
}

/// Whether a round was run without the dearest cell; each is told as it was.
fn has_partial_round(folder: &RunFolder) -> bool {
    let events = folder.events();
    let rounds: Vec<_> = events.iter().filter(|event| event["event"] == "round").collect();
    assert_eq!(rounds[0].get("left_out"), None, "the first round runs whole");
    let is_partial = |round: &&&Value| round.get("left_out").is_some();
    for round in &rounds {
        let left_out = if is_partial(&round) { serde_json::json!([0]) } else { Value::Null };
        assert_eq!(round["left_out"], left_out, "{round}");
        let count = if left_out.is_null() { 3 } else { 2 };
        assert_eq!(round["order"].as_array().unwrap().len(), count, "{round}");
    }
    let partial = rounds.iter().filter(is_partial).count();
    let runs =
        |backend: &str| folder.rows("runs.csv").into_iter().filter(|row| row["backend"] == backend).count();
    assert_eq!((runs("hostile"), runs("minimal-c")), (rounds.len() - partial, rounds.len()));
    // A slash is escaped in HTML.
    let told = "the dearest cells were left out to stay within the time budget: softmax hostile";
    assert_eq!(folder.read("report.html").contains(told), partial > 0);
    if partial > 0 {
        assert_eq!(events.last().unwrap()["outcome"], "budget");
    }
    partial > 0
}
