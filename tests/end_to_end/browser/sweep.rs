//! What a reader sees of a sweep: a benchmark with lists of values, through the real binary.

use trainmark_tests::{Repository, RunFolder, handwritten, invoke};

use super::accessibility::assert_accessible_however_shown;
use super::{assert_quiet, open};

const FIGURE: &str = "figure[data-chart=\"sweep\"]";

/// A fused backend, with batch norm and without, at two rates and two batch sizes.
fn swept(out: &std::path::Path) -> RunFolder {
    let lists = ["--learning-rate", "0.1,0.5", "--batch-size", "128,256", "--samples", "2560"];
    let repository = Repository::new().library("handwritten", &handwritten());
    repository
        .invoke(["bench", "handwritten", "--implementation", "builtin"])
        .args(["--dataset", "synthetic", "--epochs", "2", "--seeds", "2", "--threads", "1", "--no-audit"])
        .args(lists)
        .args(["--budget", "10m", "--out"])
        .args([out])
        .run()
        .expect(0);
    RunFolder::only(out)
}

#[test]
fn a_sweep_is_drawn_in_each_form() {
    let out = tempfile::tempdir().unwrap();
    let folder = swept(out.path());
    let path = folder.path.display().to_string();
    let markdown = invoke(["report", &path, "--format", "markdown"]).run().expect(0).stdout;
    let title = "### Epochs to training accuracy 0.88: learning rate on cpu, handwritten, batch size 128\n";
    assert!(markdown.contains(title), "{markdown}");
    assert!(markdown.contains("\n| learning rate | lenet-bn | lenet |\n"), "{markdown}");
    let json = invoke(["report", &path, "--format", "json"]).run().expect(0).stdout;
    let document: serde_json::Value = serde_json::from_str(&json).unwrap();
    // Per batch size what is learnt, to two targets and of two accuracies; per rate the time.
    assert_eq!(document["sweeps"].as_array().unwrap().len(), 2 * 4 + 2);

    let Some(page) = open(&folder.path.join("report.html")) else { return };
    page.settle();
    assert_eq!(page.count(&format!("{FIGURE} svg.sweep")), 10);
    let marks = format!("{FIGURE} :is(.point, .missed)");
    // Two lines of two points each, in every chart.
    assert_eq!(page.count(&marks), 10 * 4);
    let told = page.texts(&format!("{FIGURE} desc")).remove(0);
    assert!(told.contains("lenet: not reached in 2 epochs at learning rate 0.1"), "{told}");
    assert!(
        page.texts(&format!("{FIGURE} .tick")).iter().any(|text| text.contains("not reached in 2 epochs"))
    );
    assert_accessible_however_shown(&page);
    let wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth";
    page.resize(360, 900);
    assert_eq!(page.evaluate(wide), false, "it scrolls sideways");
    assert_quiet(&page);
}
