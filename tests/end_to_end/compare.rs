//! `compare`, `report --format` and `merge`, on runs whose numbers are known: one benchmark
//! is run, and copies of it get other times, machines and faults.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::{Value, json};
use trainmark_tests::{Finished, Repository, RunFolder, bench, hostile, invoke};

/// A run of one cell, two seeds and two epochs.
fn original() -> &'static [Value] {
    static EVENTS: OnceLock<Vec<Value>> = OnceLock::new();
    EVENTS.get_or_init(|| {
        let out = tempfile::tempdir().unwrap();
        bench(out.path(), [hostile()])
            .args(["--epochs", "2", "--seeds", "2", "--threads", "1"])
            .run()
            .expect(0);
        RunFolder::only(out.path()).events()
    })
}

/// A run folder of the original's events with plain numbers, after a further change of each.
fn run(parent: &Path, name: &str, change: impl Fn(&mut Value)) -> PathBuf {
    let folder = parent.join(name);
    fs::create_dir_all(folder.join("logs")).unwrap();
    let mut text = String::new();
    for (index, event) in original().iter().enumerate() {
        let mut event = event.clone();
        plain(&mut event, name, index);
        change(&mut event);
        if !event.is_null() {
            text += &format!("{event}\n");
        }
    }
    fs::write(folder.join("events.jsonl"), text).unwrap();
    folder
}

/// Replaces what differs from machine to machine, and from time to time.
fn plain(event: &mut Value, name: &str, index: usize) {
    let seed = event["seed"].as_f64().unwrap_or(0.0);
    match event["event"].as_str().unwrap() {
        "started" => {
            event["run_id"] = name.into();
            event["unix_time"] = 1.8e9.into();
            event["command"] = "cargo run -- bench hostile".into();
            event["warnings"] = json!([]);
            event["environment"] = json!({
                "system": "Debian GNU/Linux 13", "kernel": "6.12.0", "cpu": "Example CPU", "logical_cpus": 2,
                "memory_bytes": 8_u64 << 30, "cpu_features": ["avx2"], "governor": null, "gpus": [],
                "trainmark": "0.1.0", "git_revision": null, "rustc": "rustc 1.95.0", "profile": "release",
                "load_average": null,
            });
        }
        "epoch" => {
            event["train_seconds"] = (2.0 + seed / 64.0).into();
            event["train_accuracy"] = (0.7 + 0.06 * event["epoch"].as_f64().unwrap()).into();
            event["test_accuracy"] = (0.6 + 0.06 * event["epoch"].as_f64().unwrap()).into();
            event["rss_bytes"] = (64_u64 << 20).into();
        }
        "ended" => {
            event["targets"] = json!([]);
            event["peak_rss_bytes"] = (64_u64 << 20).into();
            event["library_hash"] = "ab".repeat(32).into();
        }
        _ => event["unix_time"] = (1.8e9 + index as f64).into(),
    }
}

fn is(event: &Value, kind: &str) -> bool {
    event["event"] == kind
}

/// So many times as long as the original, not exactly the same for both seeds.
fn times(factor: f64) -> impl Fn(&mut Value) {
    move |event| {
        if is(event, "epoch") {
            let seconds = event["train_seconds"].as_f64().unwrap();
            event["train_seconds"] = (seconds * (factor + 1e-4 * event["seed"].as_f64().unwrap())).into();
        }
    }
}

fn compare(a: &Path, b: &Path, arguments: &[&str]) -> Finished {
    invoke(["compare"]).args([a, b]).args(arguments).run()
}

fn report(folder: &Path, arguments: &[&str]) -> Finished {
    invoke(["report"]).args([folder]).args(arguments).run()
}

/// What a refusal says, without the temporary folder.
fn refusal(finished: Finished, parent: &Path) -> String {
    finished.refusal().replace(&parent.display().to_string(), "[runs]")
}

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
    assert!(finished.stdout.starts_with("\nsoftmax on synthetic\n"), "{}", finished.stdout);
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
    assert_eq!(passed.stderr, "passed: no cell of 1 cell is slower by more than 15%\n");
    compare(&b, &a, &["--fail-on", "slower:5%"]).expect(0);
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
            .starts_with("the noise floor is above 5%: a cell that is slower by less than it is not told\n"),
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
    assert!(message.contains("is no run folder with a request.json"), "{message}");
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
