//! A time budget that has no room for every cell with every seed.

use trainmark_tests::{RunFolder, bench, handwritten, hostile, minimal_c};

#[test]
fn the_dearest_cell_is_left_out_of_later_rounds() {
    let Some(good) = minimal_c() else { return };
    let out = tempfile::tempdir().unwrap();
    // 2 s in each epoch of one of three, so that its run takes more than 12 s.
    let backends = [hostile(), good.to_owned(), handwritten()];
    let arguments = ["--epochs", "6", "--seeds", "3", "--budget", "22s"];
    let finished = bench(out.path(), backends).args(arguments).hostile("slow").run().expect(0);
    let told = " 1 of 3 rounds runs whole, ";
    assert!(finished.stderr.contains(told), "{}", finished.stderr);
    let folder = RunFolder::only(out.path());
    let events = folder.events();
    let rounds: Vec<_> = events.iter().filter(|event| event["event"] == "round").collect();
    assert_eq!(rounds[0].get("left_out"), None, "the first round runs whole");
    assert_eq!(rounds[0]["order"].as_array().unwrap().len(), 3);
    for round in &rounds[1..] {
        assert_eq!(round["left_out"], serde_json::json!([0]), "{round}");
        assert_eq!(round["order"].as_array().unwrap().len(), 2);
    }
    assert!(rounds.len() > 1, "the two others fit: {}", finished.stderr);
    assert_eq!(events.last().unwrap()["outcome"], "budget");
    let seeds =
        |backend: &str| folder.rows("runs.csv").into_iter().filter(|row| row["backend"] == backend).count();
    assert_eq!((seeds("hostile"), seeds("minimal-c")), (1, rounds.len()));
    let told = "the dearest cells were left out to stay within the time budget: softmax hostile/none@cpu of ";
    assert!(folder.read("report.html").contains(told));
}
