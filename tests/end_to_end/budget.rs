//! A time budget that has no room for every cell with every seed.

use std::path::{Path, PathBuf};

use serde_json::Value;
use trainmark_tests::{RunFolder, bench, c_library, handwritten, hostile, invoke, minimal_c};

/// A benchmark of some backends, of which `hostile` sleeps 2 s in each epoch, without audits.
fn run(out: &Path, backends: &[PathBuf], arguments: &[&str]) -> String {
    let finished = bench(out, backends)
        .args(["--epochs", "4", "--no-audit"])
        .args(arguments)
        .hostile("slow")
        .run()
        .expect(0);
    finished.stderr
}

/// Backend and purpose of the samples that ended well, by a column of `runs.csv`.
fn samples(folder: &RunFolder, backend: &str) -> Vec<(String, String)> {
    let rows = folder.rows("runs.csv").into_iter().filter(|row| row["backend"] == backend);
    rows.map(|row| (row["purpose"].to_string(), row["epochs"].to_string())).collect()
}

/// A run to the end takes 8 s and one for time 4 s: there is room for two of these, and for no third.
#[test]
fn the_dearest_cell_is_timed_twice_and_left_out_then() {
    let Some(good) = minimal_c() else { return };
    let named = ["-DTM_TEST_NAME=\"minimal-d\""];
    let Some(other) = c_library("variant.c", &named, "libminimal_d.so") else { return };
    let out = tempfile::tempdir().unwrap();
    let backends = [hostile(), good.to_owned(), other];
    run(out.path(), &backends, &["--seeds", "4", "--budget", "11s"]);
    let folder = RunFolder::only(out.path());
    let dear = samples(&folder, "hostile");
    assert!((1..=2).contains(&dear.len()) && dear[0] == ("timing".to_owned(), "2".to_owned()), "{dear:?}");
    let cheap = samples(&folder, "minimal-c");
    assert_eq!((cheap.len(), &cheap[0]), (4, &("sample".to_owned(), "4".to_owned())), "{cheap:?}");
    let events = folder.events();
    let rounds: Vec<&Value> = events.iter().filter(|event| event["event"] == "round").collect();
    assert_eq!((rounds.len(), &rounds[0]["timing"]), (4, &serde_json::json!([0])));
    assert_eq!(rounds[3]["left_out"], serde_json::json!([0]));
    // A slash is escaped in HTML.
    let page = folder.read("report.html");
    assert!(page.contains("the dearest cells were left out to stay within the time budget: softmax hostile"));
    assert_eq!(events.last().unwrap()["outcome"], "budget");
}

#[test]
fn a_cell_that_the_budget_has_no_room_for_is_a_row_with_its_reason() {
    let Some(good) = minimal_c() else { return };
    let out = tempfile::tempdir().unwrap();
    let told = run(out.path(), &[hostile(), good.to_owned()], &["--seeds", "2", "--budget", "3s"]);
    assert!(told.contains("too short for all: of 2 cells, 1 left out"), "{told}");
    let folder = RunFolder::only(out.path());
    let row = folder.run("hostile");
    assert_eq!((&*row["outcome"], &*row["purpose"]), ("left out", "sample"));
    assert!(row["reason"].starts_with("the time budget of 3.00 s (--budget) had no room for it"), "{row:?}");
    assert_eq!(samples(&folder, "minimal-c").len(), 2);
    assert!(folder.read("report.html").contains("had no room for it"));
}

/// However short the budget is, each process makes something of what is left, and in the end it
/// is all there.
#[test]
fn a_benchmark_without_time_is_complete_when_it_was_resumed_often_enough() {
    let out = tempfile::tempdir().unwrap();
    let arguments = ["--epochs", "3", "--seeds", "2", "--budget", "1ms"];
    let finished = bench(out.path(), [handwritten()]).args(arguments).run().expect(0);
    assert!(finished.stderr.contains("1 run of 2 epochs for time only, about"), "{}", finished.stderr);
    let folder = RunFolder::only(out.path());
    let outcome = || folder.events().last().unwrap()["outcome"].clone();
    let mut purposes = vec![samples(&folder, "handwritten")];
    while outcome() != "complete" && purposes.len() < 6 {
        invoke(["bench", "--resume"]).args([&folder.path]).run().expect(0);
        purposes.push(samples(&folder, "handwritten"));
    }
    let timing = ("timing".to_owned(), "2".to_owned());
    assert_eq!(purposes[..2], [vec![timing.clone()], vec![timing.clone(), timing.clone()]]);
    assert!(purposes[2].contains(&("sample".to_owned(), "3".to_owned())), "{purposes:?}");
    let row = &folder.rows("summary.csv")[0];
    assert_eq!((&*row["ok_runs"], &*row["timing_runs"]), ("2", "1"));
    assert_eq!(folder.count("audited"), 1);
}
