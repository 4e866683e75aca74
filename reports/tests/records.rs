//! A committed record of each schema is read, and gives what the version that wrote it made
//! of it.
#![expect(clippy::unwrap_used, reason = "a helper of tests is not seen as one")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use trainmark_reports::record::{Event, Purpose};
use trainmark_reports::{Record, csv};

fn folder(schema: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/records").join(schema)
}

fn lines(schema: &str) -> Vec<String> {
    let text = fs::read_to_string(folder(schema).join("events.jsonl")).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn schema_1_gives_the_same_summary() {
    let record = Record::read(&folder("schema-1")).unwrap();
    let purposes: Vec<Purpose> = record.runs.iter().map(|run| run.purpose).collect();
    use Purpose::{Drift, Repeat, Sample};
    assert_eq!(purposes, [Sample, Repeat, Sample, Repeat, Drift]);
    assert!(record.runs.iter().all(|run| run.epochs.len() == 3 && run.begun.is_some()));
    insta::assert_snapshot!("schema_1_summary", csv::summary::text(&record).unwrap());
    insta::assert_snapshot!("schema_1_runs", csv::runs::text(&record).unwrap());
}

#[test]
fn a_line_is_written_as_it_was() {
    // The head's time has more digits than are read.
    for line in &lines("schema-1")[1..] {
        let event: Event = serde_json::from_str(line).unwrap();
        assert_eq!(serde_json::to_string(&event).unwrap(), *line);
    }
}

/// The derived fields of a run's end are those that its lines give.
#[test]
fn the_end_of_a_run_is_written_as_it_was() {
    let record = Record::read(&folder("schema-1")).unwrap();
    let targets = record.started.plan.targets();
    let ends: Vec<String> =
        record.runs.iter().map(|run| serde_json::to_string(&run.ended(&targets)).unwrap()).collect();
    let written = lines("schema-1").into_iter().filter(|line| line.starts_with(r#"{"event":"ended""#));
    assert_eq!(ends, written.collect::<Vec<_>>());
}

/// Fields that the first versions of schema 1 did not write.
const LATER: [&str; 12] = [
    "purpose",
    "unfinished_seconds",
    "train_cpu_seconds",
    "rss_bytes",
    "frequency_mhz",
    "losses",
    "on_battery",
    "gpus",
    "no_gpu",
    "peak",
    "notes",
    "left_out",
];

fn without_later_fields(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !LATER.contains(&name.as_str()));
            fields.values_mut().for_each(without_later_fields);
        }
        Value::Array(values) => values.iter_mut().for_each(without_later_fields),
        _ => {}
    }
}

#[test]
fn an_older_record_of_schema_1_is_read() {
    let parent = tempfile::tempdir().unwrap();
    let older: Vec<String> = lines("schema-1")
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|event: &Value| !matches!(event["purpose"].as_str(), Some("repeat" | "drift")))
        .map(|mut event| {
            without_later_fields(&mut event);
            format!("{event}\n")
        })
        .collect();
    fs::write(parent.path().join("events.jsonl"), older.concat()).unwrap();
    let (old, new) = (Record::read(parent.path()).unwrap(), Record::read(&folder("schema-1")).unwrap());
    assert_eq!((old.runs.len(), old.repeats().count()), (2, 0));
    for (old, new) in old.runs.iter().zip(new.samples()) {
        assert_eq!((old.epochs[0].rss_bytes, old.end.frequency_mhz), (None, None));
        assert_eq!(old.seconds_per_epoch(), new.seconds_per_epoch());
        assert_eq!(old.cold_start_seconds(), new.cold_start_seconds());
    }
}
