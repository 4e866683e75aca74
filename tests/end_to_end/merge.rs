//! `merge`, on runs whose numbers are known.

use std::fs;
use std::path::{Path, PathBuf};

use trainmark_tests::{Finished, RunFolder, invoke};

use crate::known_runs::{compare, is, original, refusal, report, run, times};

/// Two machines, the second with another processor and half the times.
fn two_machines(parent: &Path) -> [PathBuf; 2] {
    let server = run(parent, "server-run", |event| {
        times(0.5)(event);
        if is(event, "started") {
            event["environment"]["cpu"] = "Server CPU".into();
            event["environment"]["logical_cpus"] = 64.into();
        }
    });
    [run(parent, "laptop-run", |_| {}), server]
}

fn merge(dir: &Path, [laptop, server]: [&Path; 2]) -> Finished {
    let labelled = |label: &str, run: &Path| format!("{label}={}", run.display());
    invoke(["merge"]).args([dir]).args([labelled("laptop", laptop), labelled("server", server)]).run()
}

#[test]
fn runs_of_two_machines_are_one_report_that_keeps_them_apart() {
    let parent = tempfile::tempdir().unwrap();
    let runs = two_machines(parent.path());
    let dir = parent.path().join("both");
    let merged = merge(&dir, [&runs[0], &runs[1]]).expect(0);
    assert!(merged.stdout.contains("hostile/none@cpu of server"), "{}", merged.stdout);
    let folder = RunFolder { path: dir.clone() };
    let rows = folder.rows("epochs.csv");
    let of = |machine: &str| rows.iter().filter(|row| row["machine"] == machine).count();
    assert_eq!((rows.len(), of("laptop"), of("server")), (8, 4, 4));
    let summary = folder.rows("summary.csv");
    let medians: Vec<&str> = summary.iter().map(|row| &*row["median_train_seconds"]).collect();
    assert_eq!((medians[0], &medians[1][..5]), ("2.0234375", "1.012"), "nothing is pooled");
    let markdown = report(&dir, &["--format", "markdown"]).expect(0).stdout;
    for shown in [
        "### softmax on cpu of laptop\n",
        "### softmax on cpu of server\n",
        "- laptop, laptop-run: Example CPU",
    ] {
        assert!(markdown.contains(shown), "{markdown}");
    }

    // It is a run folder like any other: rendered again it is the same, and it can be compared.
    let files = ["epochs.csv", "runs.csv", "summary.csv", "report.html"].map(|name| folder.read(name));
    report(&dir, &[]).expect(0);
    assert_eq!(["epochs.csv", "runs.csv", "summary.csv", "report.html"].map(|name| folder.read(name)), files);
    assert!(files[3].contains("softmax on cpu of server"));
    let itself = compare(&dir, &dir, &[]).expect(0).stdout;
    assert!(itself.contains("softmax hostile/none@cpu of server"), "{itself}");
    let one = compare(&runs[0], &runs[0], &[]).expect(0).stdout;
    assert!(!one.contains(" of laptop"), "{one}");
    let message = invoke(["bench", "--resume"]).args([&dir]).run().refusal();
    assert!(
        message.contains("/both is a merged run: it cannot be continued; resume a run that"),
        "{message}"
    );
}

#[test]
fn what_must_not_be_merged_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let [laptop, server] = two_machines(parent.path());
    let dir = parent.path().join("both");
    let other_data = run(parent.path(), "other-data", |event| {
        if is(event, "started") {
            event["plan"]["dataset"]["fingerprint"] = "cd".repeat(32).into();
        }
    });
    let again = run(parent.path(), "again", |_| {});
    let under_one_label = |other: &Path| {
        let runs = [&laptop, other].map(|run| format!("laptop={}", run.display()));
        invoke(["merge"]).args([&dir]).args(runs).run()
    };
    let refusals = [
        merge(&dir, [&laptop, &laptop]),
        merge(&dir, [&laptop, &other_data]),
        under_one_label(&server),
        under_one_label(&again),
    ];
    let refusals = refusals.map(|finished| refusal(finished, parent.path())).concat();
    let fingerprint = &original()[0]["plan"]["dataset"]["fingerprint"].as_str().unwrap()[..12];
    insta::assert_snapshot!("merge-refusals", refusals.replace(fingerprint, "[fingerprint]"));
    assert!(!dir.exists(), "nothing is begun");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("notes.txt"), "mine").unwrap();
    let message = refusal(merge(&dir, [&laptop, &server]), parent.path());
    assert!(message.starts_with("error: [runs]/both already holds a run"), "{message}");
}
