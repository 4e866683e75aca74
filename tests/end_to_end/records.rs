//! What a benchmark that went well leaves behind.

use std::fs;
use std::sync::OnceLock;

use serde_json::Value;
use trainmark_tests::{Finished, Row, RunFolder, bench, hostile, minimal_c};

const EPOCH_COLUMNS: &str = "schema,run_id,workload,dataset,backend,implementation,device,threads,seed,epoch,\
    train_seconds,predict_seconds,train_loss,train_accuracy,test_accuracy,rss_bytes,status,\
    unfinished_seconds,train_cpu_seconds,purpose,machine";
const RUN_COLUMNS: &str = "schema,run_id,workload,dataset,backend,framework,implementation,device,threads,seed,\
    outcome,reason,epochs,load_seconds,open_seconds,first_epoch_extra_seconds,cold_start_seconds,peak_rss_bytes,\
    cpu_seconds,load_average,epochs_to_train_accuracy_0.8,seconds_to_train_accuracy_0.8,\
    status_of_train_accuracy_0.8,epochs_to_test_accuracy_0.8,seconds_to_test_accuracy_0.8,\
    status_of_test_accuracy_0.8,conformance,log,library_hash,frequency_mhz,peak_device_bytes,device_memory_of,\
    energy_joules,sm_clock_mhz,device_temperature_celsius,throttle_reasons,purpose,machine";

/// A benchmark of two good backends that the tests of this module share.
pub(crate) struct Good {
    pub(crate) folder: RunFolder,
    pub(crate) finished: Finished,
    /// Peak resident memory of the harness.
    pub(crate) peak_bytes: u64,
}

/// `None` without a C compiler.
pub(crate) fn good() -> Option<&'static Good> {
    static GOOD: OnceLock<Option<Good>> = OnceLock::new();
    GOOD.get_or_init(run).as_ref()
}

fn run() -> Option<Good> {
    let backends = [&hostile(), minimal_c()?];
    // It outlives every test, so nobody is left to delete it: the next time does.
    let out = hostile().parent().unwrap().with_file_name("tmp").join("end-to-end/good");
    let _ = fs::remove_dir_all(&out);
    let cache = out.join("cache");
    // A fresh cache: the data set is drawn, which takes the harness most memory.
    let arguments = ["--epochs", "2", "--seeds", "2", "--threads", "1"];
    let mut running = bench(&out, backends).args(arguments).env("XDG_CACHE_HOME", &cache).start();
    let mut peak_bytes = 0;
    while running.is_running() {
        peak_bytes = peak_bytes.max(crate::memory::peak_bytes(running.id()).unwrap_or_default());
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let finished = running.finish().expect(0);
    fs::remove_dir_all(cache).unwrap();
    Some(Good { folder: RunFolder::only(&out), finished, peak_bytes })
}

fn number(row: &Row, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column} of {row:?} is no number"))
}

#[test]
fn epochs_have_the_documented_columns() {
    let Some(Good { folder, .. }) = good() else { return };
    assert_eq!(folder.columns("epochs.csv").join(","), EPOCH_COLUMNS);
    let rows = folder.rows("epochs.csv");
    assert_eq!(rows.len(), 8, "two cells, two seeds, two epochs");
    for row in &rows {
        assert!((5e6..400e6).contains(&number(row, "rss_bytes")), "{row:?}");
        assert_eq!(row["run_id"], folder.path.file_name().unwrap().to_str().unwrap());
        let fixed = ["schema", "workload", "dataset", "implementation", "device", "threads", "status"];
        assert_eq!(
            fixed.map(|column| &*row[column]),
            ["1", "softmax", "synthetic", "none", "cpu", "1", "ok"]
        );
        assert!(number(row, "train_seconds") > number(row, "predict_seconds"));
        assert!(number(row, "predict_seconds") > 0.0);
        assert!((0.0..0.1).contains(&number(row, "unfinished_seconds")), "{row:?}");
        // One thread was asked for; clocks tick differently.
        let processors = number(row, "train_cpu_seconds") / number(row, "train_seconds");
        assert!((0.01..1.1).contains(&processors), "{row:?}");
        for column in ["train_accuracy", "test_accuracy"] {
            assert!((0.5..1.0).contains(&number(row, column)), "{row:?}");
        }
        assert!((0.3..1.5).contains(&number(row, "train_loss")), "{row:?}");
    }
}

/// Initial values and order are the harness's: by seed, not by backend.
#[test]
fn one_seed_gives_every_backend_the_same_start() {
    let Some(Good { folder, .. }) = good() else { return };
    let rows = folder.rows("epochs.csv");
    let losses = |backend: &str, column: &str| {
        let of_backend = rows.iter().filter(|row| row["backend"] == backend);
        let mut found: Vec<_> =
            of_backend.map(|row| (row["seed"].clone(), row["epoch"].clone(), number(row, column))).collect();
        found.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
        found
    };
    for (column, limit) in [("train_loss", 1e-4), ("test_accuracy", 1e-3), ("train_accuracy", 1e-3)] {
        for (one, other) in losses("hostile", column).iter().zip(losses("minimal-c", column)) {
            assert_eq!((&one.0, &one.1), (&other.0, &other.1));
            assert!((one.2 - other.2).abs() < limit, "{column}: {one:?} and {other:?}");
        }
    }
    let first_losses: Vec<f64> = losses("hostile", "train_loss").iter().map(|one| one.2).collect();
    assert!(
        (first_losses[0] - first_losses[2]).abs() > 1e-4,
        "another seed is another start: {first_losses:?}"
    );
}

#[test]
fn runs_have_the_documented_columns() {
    let Some(Good { folder, .. }) = good() else { return };
    assert_eq!(folder.columns("runs.csv").join(","), RUN_COLUMNS);
    let rows = folder.rows("runs.csv");
    assert_eq!(rows.len(), 4);
    for row in &rows {
        assert_eq!([&*row["outcome"], &*row["reason"], &*row["conformance"]], ["ok", "", "passed"]);
        assert_eq!(row["epochs"], "2");
        assert!((20e6..400e6).contains(&number(row, "peak_rss_bytes")), "{row:?}");
        assert!(number(row, "cpu_seconds") > 0.0 && number(row, "load_seconds") > 0.0);
        assert!(folder.path.join(&row["log"]).is_file(), "{row:?}");
        assert_eq!(row["library_hash"].len(), 64);
        let clock = &row["frequency_mhz"];
        assert!(clock.is_empty() || (100.0..10_000.0).contains(&number(row, "frequency_mhz")), "{clock}");
    }
    let summary = folder.rows("summary.csv");
    assert_eq!(summary.len(), 2);
    for row in &summary {
        assert_eq!((&*row["runs"], &*row["ok_runs"], &*row["status"]), ("2", "2", "2 ok"));
        assert_eq!(row["timed"], "epochs after the first");
        assert!((0.0..100.0).contains(&number(row, "percent_of_peak")), "{row:?}");
    }
}

#[test]
fn everything_that_repeats_it_is_kept() {
    let Some(Good { folder, .. }) = good() else { return };
    let json = |name: &str| serde_json::from_str::<Value>(&folder.read(name)).unwrap();
    let request = json("request.json");
    assert_eq!(
        (&request["epochs"], &request["seeds"], &request["threads"]),
        (&2.into(), &2.into(), &1.into())
    );
    let environment = json("env.json");
    assert!(environment["rustc"].as_str().unwrap().starts_with("rustc "), "{environment}");
    assert!(environment["logical_cpus"].as_u64().unwrap() > 0);
    let peak = &environment["peak"];
    assert!(peak["operations_per_second"].as_f64().unwrap() > 1e8, "{environment}");
    assert_eq!(peak["threads"], 1);
    let events = folder.events();
    let started = &events[0];
    assert_eq!(started["environment"], environment);
    assert!(started["command"].as_str().unwrap().starts_with("cargo run -- bench "), "{started}");
    assert_eq!(started["plan"]["seeds"], serde_json::json!([1, 2]));
    let rounds = events.iter().filter(|event| event["event"] == "round").count();
    assert_eq!(rounds, 2);
    let last = events.last().unwrap();
    assert_eq!((&last["event"], &last["outcome"]), (&"finished".into(), &"complete".into()));
    let out = folder.path.parent().unwrap();
    assert_eq!(fs::read_link(out.join("latest")).unwrap().as_os_str(), folder.path.file_name().unwrap());
    // One log per gate, run and audit, and nothing half-written.
    assert_eq!(fs::read_dir(folder.path.join("logs")).unwrap().count(), 8);
    let mut names: Vec<_> = fs::read_dir(&folder.path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            ".lock",
            "env.json",
            "epochs.csv",
            "events.jsonl",
            "logs",
            "report.html",
            "request.json",
            "runs.csv",
            "summary.csv"
        ]
    );
}

#[test]
fn what_is_printed_is_short_and_plain() {
    let Some(Good { folder, finished, .. }) = good() else { return };
    let Finished { stdout, stderr, .. } = finished;
    for text in [stdout, stderr] {
        assert!(!text.contains('\x1b') && !text.contains('\r'), "{text:?}");
        // A warning is told whole, however long, and an address is one word.
        let is_whole = |line: &str| line.starts_with("warning: ") || line.contains("  file:///");
        let is_short = |line: &str| line.chars().count() <= 130 || is_whole(line);
        assert!(text.lines().all(is_short), "{text}");
        assert!(!text.contains('…'), "{text}");
    }
    // How many there are depends on what else runs on this machine.
    let (before, table) = stdout.split_once("\n\nsoftmax on synthetic\n").expect("a table at the end");
    let (warnings, headline) = before.split_once("\n\n").expect("a headline after warnings");
    assert!(headline.contains(" for softmax on cpu: "), "{stdout}");
    let told = "\nwarning: data set synthetic: not comparable with numbers on fashion-mnist";
    assert!(warnings.starts_with(told), "{stdout}");
    assert!(warnings.trim_start().lines().all(|line| line.starts_with("warning: ")), "{stdout}");
    // With a line on what stands behind a ratio, where there is any.
    assert!(table.lines().count() <= 7, "{stdout}");
    assert!(stdout.ends_with(&format!("\nreport  {}\n", folder.path.join("report.html").display())));
    let address = format!("report so far  file://{}/report.html\n", folder.path.display());
    assert!(stderr.starts_with(&address), "{stderr}");
    let filters = vec![
        (r"report so far  file:.*", "report so far  [address]"),
        (r"softmax on synthetic\n(.+\n){4,5}\n", "[table]\n\n"),
        (r"\d+(\.\d+)? (ms|s|min)\b( \d\d s)?", "[time]"),
        (r"\d+\.\d+ %", "[percent]"),
        (r"loss \d\.\d{4}", "loss [loss]"),
        (r"audit of epoch \d of seed \d", "audit of epoch [epoch] of seed [seed]"),
    ];
    // Which cell comes first in a round is drawn by the seed, so the lines are always the same.
    insta::with_settings!({ filters => filters }, { insta::assert_snapshot!("bench-stderr", stderr) });
}

#[test]
fn benchmarks_that_begin_together_get_folders_of_their_own() {
    let out = tempfile::tempdir().unwrap();
    let running: Vec<_> = (0..4).map(|_| bench(out.path(), [&hostile()]).start()).collect();
    for running in running {
        running.finish().expect(0);
    }
    let entries = std::fs::read_dir(out.path()).unwrap().map(|entry| entry.unwrap());
    let runs: Vec<_> = entries.filter(|entry| entry.file_type().unwrap().is_dir()).collect();
    assert_eq!(runs.len(), 4, "{runs:?}");
    let list = std::fs::read_to_string(out.path().join("index.html")).unwrap();
    assert!(runs.iter().all(|run| list.contains(run.file_name().to_str().unwrap())), "{list}");
}
