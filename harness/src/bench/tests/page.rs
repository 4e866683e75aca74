//! What is shown while the benchmark runs.

use super::script::{Act, Scripted};
use crate::failure::FailureKind;

#[test]
fn the_page_and_the_results_so_far_follow_the_runs() {
    let mut scripted = Scripted::new(&[("a", 1.0), ("b", 2.0)]);
    scripted.has_page = true;
    scripted.act("b", 2, Act::Fails(FailureKind::Failed));
    scripted.act("b", 3, Act::Interrupts);
    scripted.run();
    let told = &scripted.screen.lines;
    assert!(
        told[0].starts_with("report so far  file:///") && told[0].ends_with("/run/report.html"),
        "{told:?}"
    );
    let so_far: Vec<&String> = told.iter().filter(|line| line.ends_with("so far")).collect();
    assert_eq!(so_far, ["2 runs so far", "4 runs so far"]);
    let page = std::fs::read_to_string(scripted.folder().join("report.html")).expect("it is written");
    let done = 4 + scripted.jobs("train").iter().filter(|job| *job == "a 3").count();
    let told = format!("{done} of 6 runs have ended");
    assert!(page.contains(&told) && page.contains("the benchmark runs"), "{told}");
    assert!(scripted.folder().join("summary.csv").is_file());
}
