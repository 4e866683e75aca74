//! A time budget that has no room for every cell with every seed.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use trainmark_tests::{Finished, RunFolder, bench, c_library, hostile, invoke, minimal_c};

/// A benchmark of some backends, of which `hostile` sleeps in each epoch, without audits,
/// which would count to the last run.
fn run(out: &Path, backends: &[PathBuf], arguments: &[&str]) -> RunFolder {
    let arguments = [&["--epochs", "4", "--no-audit"], arguments].concat();
    bench(out, backends).args(arguments).hostile("drowsy").run().expect(0);
    RunFolder::only(out)
}

/// Purpose, epochs and outcome of a backend's samples.
fn samples(folder: &RunFolder, backend: &str) -> Vec<[String; 3]> {
    let rows = folder.rows("runs.csv").into_iter().filter(|row| row["backend"] == backend);
    rows.map(|row| ["purpose", "epochs", "outcome"].map(|column| row[column].to_string())).collect()
}

fn sample(purpose: &str, epochs: usize) -> [String; 3] {
    [purpose.to_owned(), epochs.to_string(), "ok".to_owned()]
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
fn the_dearest_cell_is_timed_in_the_second_round_and_left_out_of_later_ones() {
    let Some(good) = minimal_c() else { return };
    let named = ["-DTM_TEST_NAME=\"minimal-d\""];
    let Some(other) = c_library("variant.c", &named, "libminimal_d.so") else { return };
    let backends = [hostile(), good.to_owned(), other];
    let is_partial = (0..4).any(|_| {
        let out = tempfile::tempdir().unwrap();
        let (dear, cheap) = seconds(&run(out.path(), &backends, &[]));
        // Room for the cheap ones again, and for the dear one for time only, but for no third of it.
        let budget = format!("{:.0}ms", 1e3 * (1.75 * dear + 2.0 * cheap));
        let out = tempfile::tempdir().unwrap();
        is_cut(&run(out.path(), &backends, &["--seeds", "4", "--budget", &budget]))
    });
    assert!(is_partial, "in four benchmarks the dearest cell was not timed and then left out");
}

/// Whether the dearest cell was trained to the end once and timed once; that it was left out then
/// is told in any case.
fn is_cut(folder: &RunFolder) -> bool {
    let events = folder.events();
    let rounds = events.iter().filter(|event| event["event"] == "round");
    // On a machine that has become busy a cheap cell may be left out, too.
    let is_left_out =
        |round: &&Value| round["left_out"].as_array().is_some_and(|cells| cells.contains(&json!(0)));
    let left_out = rounds.filter(is_left_out).count();
    // A slash is escaped in HTML.
    let told = "the dearest cells were left out to stay within the time budget: softmax hostile";
    assert_eq!(folder.read("report.html").contains(told), left_out > 0);
    left_out > 0 && samples(folder, "hostile") == [sample("sample", 4), sample("timing", 2)]
}

#[test]
fn a_cell_that_the_budget_has_no_room_for_is_a_row_with_its_reason() {
    let Some(good) = minimal_c() else { return };
    let out = tempfile::tempdir().unwrap();
    let folder = run(out.path(), &[hostile(), good.to_owned()], &["--seeds", "2", "--budget", "1ms"]);
    let rows = folder.rows("runs.csv");
    let outcomes: Vec<&str> = rows.iter().map(|row| &*row["outcome"]).collect();
    assert!(rows.len() == 2 && outcomes.contains(&"ok") && outcomes.contains(&"left out"), "{outcomes:?}");
    let row = rows.iter().find(|row| row["outcome"] == "left out").unwrap();
    assert!(row["reason"].starts_with("the time budget of 1.0 ms (--budget) had no room for it"), "{row:?}");
    assert!(folder.read("report.html").contains("had no room for it"));
}

/// A benchmark of two seeds that has no time.
fn without_time(out: &Path) -> (Finished, RunFolder) {
    let chosen = ["bench", "handwritten", "--workload", "softmax", "--dataset", "synthetic", "--quick"];
    let arguments = ["--epochs", "3", "--seeds", "2", "--budget", "1ms", "--out"];
    let finished = invoke(chosen).args(arguments).args([out]).run().expect(0);
    (finished, RunFolder::only(out))
}

/// However short the budget is, each process makes something of what is left, and in the end it
/// is all there.
#[test]
fn a_benchmark_without_time_is_complete_when_it_was_resumed_often_enough() {
    let out = tempfile::tempdir().unwrap();
    let (finished, folder) = without_time(out.path());
    assert!(finished.stderr.contains("1 run of 2 epochs for time only, about"), "{}", finished.stderr);
    let outcome = || folder.events().last().unwrap()["outcome"].clone();
    let mut made = vec![samples(&folder, "handwritten")];
    while outcome() != "complete" && made.len() < 6 {
        invoke(["bench", "--resume"]).args([&folder.path]).run().expect(0);
        made.push(samples(&folder, "handwritten"));
    }
    let timing = || sample("timing", 2);
    assert_eq!(made[..2], [vec![timing()], vec![timing(), timing()]]);
    // The third process audits it.
    assert_eq!(made[2], made[1]);
    assert!(made[3].contains(&sample("sample", 3)), "{made:?}");
    let row = &folder.rows("summary.csv")[0];
    assert_eq!((&*row["ok_runs"], &*row["timing_runs"]), ("2", "1"));
    assert_eq!(folder.count("audited"), 1);
}

#[test]
fn more_time_can_be_given_when_a_benchmark_is_resumed() {
    let out = tempfile::tempdir().unwrap();
    let (_, folder) = without_time(out.path());
    invoke(["bench", "--resume"]).args([&folder.path]).args(["--budget", "10m"]).run().expect(0);
    assert_eq!(folder.events().last().unwrap()["outcome"], "complete");
    // What was for time only is kept, and all that was missing made at once.
    assert_eq!(samples(&folder, "handwritten"), [sample("timing", 2), sample("sample", 3)]);
    assert_eq!(folder.count("audited"), 1);
}
