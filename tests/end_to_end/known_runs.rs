//! Runs whose numbers are known: one benchmark is run, and copies of it get other times,
//! machines and faults. And the commands that read such runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::{Value, json};
use trainmark_tests::{Finished, RunFolder, bench, hostile, invoke};

/// A run of one cell, two seeds and two epochs.
pub(super) fn original() -> &'static [Value] {
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
pub(super) fn run(parent: &Path, name: &str, change: impl Fn(&mut Value)) -> PathBuf {
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
            event["unfinished_seconds"] = 0.into();
            event["train_cpu_seconds"] = event["train_seconds"].clone();
            event["rss_bytes"] = (64_u64 << 20).into();
        }
        "begun" => {
            event["unix_time"] = (1.8e9 + index as f64).into();
            event["load_average"] = Value::Null;
        }
        "ended" => {
            event["frequency_mhz"] = Value::Null;
            event["targets"] = json!([]);
            event["peak_rss_bytes"] = (64_u64 << 20).into();
            event["library_hash"] = "ab".repeat(32).into();
        }
        "finished" => {
            event["peak"] = Value::Null;
            event["unix_time"] = (1.8e9 + index as f64).into();
        }
        _ => event["unix_time"] = (1.8e9 + index as f64).into(),
    }
}

pub(super) fn is(event: &Value, kind: &str) -> bool {
    event["event"] == kind
}

/// So many times as long as the original, not exactly the same for both seeds.
pub(super) fn times(factor: f64) -> impl Fn(&mut Value) {
    move |event| {
        if is(event, "epoch") {
            let seconds = event["train_seconds"].as_f64().unwrap();
            event["train_seconds"] = (seconds * (factor + 1e-4 * event["seed"].as_f64().unwrap())).into();
            event["train_cpu_seconds"] = event["train_seconds"].clone();
        }
    }
}

pub(super) fn compare(a: &Path, b: &Path, arguments: &[&str]) -> Finished {
    invoke(["compare"]).args([a, b]).args(arguments).run()
}

pub(super) fn report(folder: &Path, arguments: &[&str]) -> Finished {
    invoke(["report"]).args([folder]).args(arguments).run()
}

/// What a refusal says, without the temporary folder.
pub(super) fn refusal(finished: Finished, parent: &Path) -> String {
    finished.refusal().replace(&parent.display().to_string(), "[runs]")
}
