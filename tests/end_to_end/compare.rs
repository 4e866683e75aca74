//! `compare` and `report --format`, on runs whose numbers are known.

use std::fs;

use serde_json::Value;
use trainmark_tests::{Repository, invoke};

use crate::known_runs::{compare, is, original, refusal, report, run, times};

#[test]
fn a_report_in_markdown_is_all_of_standard_output() {
    let parent = tempfile::tempdir().unwrap();
    let folder = run(parent.path(), "run", |_| {});
    let finished = report(&folder, &["--format", "markdown"]).expect(0);
    assert_eq!(finished.stderr, "");
    insta::assert_snapshot!("report-markdown", finished.stdout);
    let names = || {
        let mut names: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(), ["events.jsonl", "logs"], "no file is written unasked");
    let finished = report(&folder, &["--format", "json,csv"]).expect(0);
    let document: Value = serde_json::from_str(&finished.stdout).expect("the document is JSON");
    assert_eq!((&document["schema"], &document["kind"]), (&1.into(), &"report".into()));
    assert_eq!(document["cells"][0]["train_seconds"]["median"], 2.0234375);
    assert_eq!(names(), ["epochs.csv", "events.jsonl", "logs", "runs.csv", "summary.csv"]);
    assert_eq!(
        report(&folder, &["--format", "markdown,json"]).refusal(),
        "error: markdown and json both go to standard output: name one of them in --format\n"
    );
}

#[test]
fn a_report_goes_to_its_files_as_ever() {
    let parent = tempfile::tempdir().unwrap();
    let folder = run(parent.path(), "run", |_| {});
    let finished = report(&folder, &[]).expect(0);
    let head = "\nwarning: synthetic data: the accuracies say nothing of fashion-mnist; times are comparable\n\n\
                hostile is the only framework with a time for softmax on cpu: 2.02 s per epoch.\n\n\
                softmax on synthetic\n";
    assert!(finished.stdout.starts_with(head), "{}", finished.stdout);
    let path = folder.join("report.html");
    assert!(finished.stdout.ends_with(&format!("\nreport  {}\n", path.display())), "{}", finished.stdout);
    let finished = report(&folder, &["--format", "csv"]).expect(0);
    assert!(finished.stdout.ends_with("summary.csv\n"), "{}", finished.stdout);
}

/// CSV files are made of the record and never read.
#[test]
fn a_csv_that_was_edited_is_made_anew() {
    let parent = tempfile::tempdir().unwrap();
    let (a, b) = (run(parent.path(), "a", |_| {}), run(parent.path(), "b", |_| {}));
    report(&b, &[]).expect(0);
    let csv = fs::read_to_string(b.join("summary.csv")).unwrap();
    fs::write(b.join("summary.csv"), csv.replace("2.0234375", "0.001")).unwrap();
    fs::write(b.join("epochs.csv"), "rubbish").unwrap();
    let finished = compare(&a, &b, &["--fail-on", "slower:5%"]).expect(0);
    assert!(finished.stdout.contains("1.000×"), "{}", finished.stdout);
    report(&b, &[]).expect(0);
    assert_eq!(fs::read_to_string(b.join("summary.csv")).unwrap(), csv);
}

#[test]
fn a_comparison_is_a_table_or_markdown_or_json() {
    let parent = tempfile::tempdir().unwrap();
    let (a, b) = (run(parent.path(), "a", |_| {}), run(parent.path(), "b", times(1.1)));
    let text = compare(&a, &b, &[]).expect(0);
    assert_eq!(text.stderr, "");
    assert!(text.stdout.lines().all(|line| line.chars().count() <= 130), "{}", text.stdout);
    insta::assert_snapshot!("compare-text", text.stdout);
    insta::assert_snapshot!("compare-markdown", compare(&a, &b, &["--format", "markdown"]).expect(0).stdout);
    let json = compare(&a, &b, &["--format", "json"]).expect(0).stdout;
    let document: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(document["cells"][0]["verdict"], "slower");
    let times = document["cells"][0]["times"].as_f64().unwrap();
    assert!((times - 1.10015).abs() < 1e-6, "{times}");
}

#[test]
fn a_slower_cell_fails_where_that_is_asked_for() {
    let parent = tempfile::tempdir().unwrap();
    let (a, b) = (run(parent.path(), "a", |_| {}), run(parent.path(), "b", times(1.1)));
    let slower = compare(&a, &b, &["--fail-on", "slower:5%"]).expect(1);
    assert_eq!(
        slower.stderr,
        "failed: softmax hostile/none@cpu is slower by more than 5%: 1.100 times as long\n"
    );
    let passed = compare(&a, &b, &["--fail-on", "slower:15%"]).expect(0);
    assert_eq!(passed.stderr, "passed: no cell of 1 is shown to be slower by more than 15%\n");
    compare(&b, &a, &["--fail-on", "slower:5%"]).expect(0);
    // One of two seeds is a fifth slower: nothing is shown, and nothing excluded.
    let wide = run(parent.path(), "wide", |event| {
        if event["seed"] == 2 {
            times(1.2)(event);
        }
    });
    let open = compare(&a, &wide, &["--fail-on", "slower:5%", "--format", "json"]).expect(0);
    let told = "passed: no cell of 1 is shown to be slower by more than 5%; not decided for 1: softmax \
                hostile/none@cpu (up to ";
    assert!(
        open.stderr.starts_with(told) && open.stderr.ends_with("×); more seeds would decide\n"),
        "{open:?}"
    );
    let document: Value = serde_json::from_str(&open.stdout).unwrap();
    assert!(document["undecided"][0]["high"].as_f64().unwrap() > 1.05, "{document}");
    let message = compare(&a, &b, &["--fail-on", "slower:1.05x"]).refusal();
    assert!(message.contains("`slower:1.05x` is no limit; write for example slower:5%"), "{message}");
}

#[test]
fn a_check_that_cannot_fail_does_not_pass() {
    let parent = tempfile::tempdir().unwrap();
    let a = run(parent.path(), "a", |_| {});
    let one_seed = run(parent.path(), "one-seed", |event| {
        if event["seed"] == 2 {
            *event = Value::Null;
        }
    });
    let finished = compare(&a, &one_seed, &["--fail-on", "slower:5%"]).expect(1);
    assert_eq!(
        finished.stderr,
        "not judged: softmax hostile/none@cpu: one seed of both is too few; run both with --seeds 3 or more\n\
         failed: no cell could be judged, so that nothing was checked\n"
    );
    assert!(finished.stdout.contains("needs more seeds"), "{}", finished.stdout);
    let same = compare(&a, &a, &[]).expect(0);
    assert!(same.stdout.contains("A and B are the same run: every ratio is 1"), "{}", same.stdout);
    assert_eq!(
        compare(&a, &a, &["--fail-on", "slower:5%"]).refusal(),
        "error: A and B are the same run, a: --fail-on could not fail\n"
    );
}

#[test]
fn a_noisy_machine_is_told_where_the_limit_is_finer() {
    let parent = tempfile::tempdir().unwrap();
    let folder = run(parent.path(), "a", |_| {});
    // Both runs once more, a fifth slower: the machine is not to be trusted with 5%.
    let mut text = fs::read_to_string(folder.join("events.jsonl")).unwrap();
    for line in text.clone().lines() {
        let mut event: Value = serde_json::from_str(line).unwrap();
        if ["begun", "epoch", "ended"].iter().any(|kind| is(&event, kind)) {
            event["purpose"] = "repeat".into();
            times(1.2)(&mut event);
            text += &format!("{event}\n");
        }
    }
    fs::write(folder.join("events.jsonl"), text).unwrap();
    let b = run(parent.path(), "b", times(1.1));
    let finished = compare(&folder, &b, &["--fail-on", "slower:5%"]).expect(0);
    assert!(
        finished.stdout.contains("the noise floor is 20 %, the greater of both runs'"),
        "{}",
        finished.stdout
    );
    assert!(
        finished
            .stderr
            .starts_with("the noise floor is above 5%: a cell that is slower by less than it is not told; more seeds lower it\n"),
        "{}",
        finished.stderr
    );
}

#[test]
fn other_work_and_other_machines_are_refused() {
    let parent = tempfile::tempdir().unwrap();
    let changed = |name: &str, pointer: &'static str, value: Value| {
        run(parent.path(), name, move |event| {
            if is(event, "started") {
                *event.pointer_mut(pointer).unwrap() = value.clone();
            }
        })
    };
    let a = run(parent.path(), "a", |_| {});
    let others = [
        changed("data", "/plan/dataset/fingerprint", "cd".repeat(32).into()),
        changed("rate", "/plan/workloads/0/learning_rate", 0.5.into()),
        changed("machine", "/environment/cpu", "Another CPU".into()),
    ];
    let refusals = others.each_ref().map(|other| compare(&a, other, &[]).refusal());
    let fingerprint = &original()[0]["plan"]["dataset"]["fingerprint"].as_str().unwrap()[..12];
    insta::assert_snapshot!("compare-refusals", refusals.concat().replace(fingerprint, "[fingerprint]"));
    let across = compare(&a, &others[2], &["--across-machines"]).expect(0);
    let note = "A and B ran on different machines: processor `Example CPU` and `Another CPU`;";
    assert!(across.stdout.contains(note), "{}", across.stdout);
    compare(&a, &others[0], &["--across-machines"]).refusal();
}

#[test]
fn what_cannot_be_read_is_named() {
    let parent = tempfile::tempdir().unwrap();
    let a = run(parent.path(), "a", |_| {});
    let empty = parent.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let schema = run(parent.path(), "schema", |event| {
        if is(event, "started") {
            event["schema"] = 7.into();
        }
    });
    let damaged = run(parent.path(), "damaged", |_| {});
    let text = fs::read_to_string(damaged.join("events.jsonl")).unwrap();
    fs::write(damaged.join("events.jsonl"), text.replacen("\"begun\"", "\"bgn\"", 1)).unwrap();
    let nothing = run(parent.path(), "nothing", |_| {});
    fs::write(nothing.join("events.jsonl"), "").unwrap();
    for (run, expected) in [
        (parent.path().join("none"), "neither a folder nor a name in"),
        (empty, "[runs]/empty is not a run folder: it holds no events.jsonl\n"),
        (schema, "has record schema 7, this trainmark reads schema 1: use trainmark 0.1.0"),
        (damaged, "events.jsonl, line 3: unknown variant `bgn`"),
        (nothing, "holds no whole line: the run ended before it began"),
    ] {
        for (finished, place) in [
            (compare(&a, &run, &[]), "error: cannot read B: "),
            (compare(&run, &a, &[]), "error: cannot read A: "),
            (report(&run, &["--format", "json"]), "error: "),
            (invoke(["merge"]).args([&parent.path().join("both"), &a, &run]).run(), "error: "),
        ] {
            let message = refusal(finished, parent.path());
            assert!(message.starts_with(place) && message.contains(expected), "{message}");
        }
    }
    assert!(!parent.path().join("both").exists(), "nothing is begun");
}

#[test]
fn runs_without_numbers_leave_gaps_that_are_explained() {
    let parent = tempfile::tempdir().unwrap();
    let a = run(parent.path(), "a", |_| {});
    let failed = run(parent.path(), "failed", |event| {
        if is(event, "ended") {
            event["outcome"] = "failed".into();
            event["reason"] = "killed by signal 11".into();
        }
    });
    let text = compare(&a, &failed, &["--fail-on", "slower:5%"]).expect(1);
    assert!(
        text.stderr.starts_with("not judged: softmax hostile/none@cpu: B has no time (2 failed)\n"),
        "{}",
        text.stderr
    );
    let markdown = report(&failed, &["--format", "markdown"]).expect(0).stdout;
    assert!(markdown.contains("seed 1, 2: failed: `killed by signal 11`"), "{markdown}");
    let nan = run(parent.path(), "nan", |event| {
        if is(event, "epoch") {
            (event["train_loss"], event["train_accuracy"]) = (Value::Null, Value::Null);
        }
    });
    let text = compare(&a, &nan, &[]).expect(0).stdout;
    assert!(text.contains("0.8200 → –"), "{text}");
    let document: Value =
        serde_json::from_str(&report(&nan, &["--format", "json"]).expect(0).stdout).unwrap();
    assert_eq!(document["cells"][0]["train_loss"], Value::Null);
}

/// Half of a line at its end, the second run without an end, and nothing after it.
#[test]
fn a_run_that_is_still_written_is_read_as_far_as_it_is() {
    let parent = tempfile::tempdir().unwrap();
    let a = run(parent.path(), "a", |_| {});
    let growing = run(parent.path(), "growing", |event| {
        if is(event, "finished") || (is(event, "ended") && event["seed"] == 2) {
            *event = Value::Null;
        }
    });
    let path = growing.join("events.jsonl");
    fs::write(&path, fs::read_to_string(&path).unwrap() + r#"{"event":"epoch","cell":{"wo"#).unwrap();
    let told = "1 of 2 planned runs ended: trainmark was killed, or still runs; `--resume` continues it";
    for text in [compare(&a, &growing, &[]).expect(0), report(&growing, &["--format", "markdown"]).expect(0)]
    {
        assert!(text.stdout.replace("\\`", "`").contains(told), "{}", text.stdout);
    }
}

#[test]
fn a_name_in_the_folder_of_runs_will_do() {
    let repository = Repository::new();
    run(&repository.runs(), "20260131T130500Z-a", |_| {});
    run(&repository.runs(), "20260201T130500Z-b", times(1.1));
    let finished = repository.invoke(["compare", "20260131T130500Z-a", "latest"]).run().expect(0);
    assert!(
        finished.stdout.starts_with("A  20260131T130500Z-a\nB  20260201T130500Z-b\n"),
        "{}",
        finished.stdout
    );
    repository.invoke(["merge", "both", "a=20260131T130500Z-a", "b=20260201T130500Z-b"]).run().expect(0);
    assert!(repository.path().join("both/report.html").is_file());
}
