//! A record far larger than any benchmark that a test could wait for: the events
//! of a real run, multiplied.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use trainmark_tests::{RunFolder, invoke};

/// How large a record is.
pub(crate) struct Size {
    /// Half of them with each implementation of batch norm.
    pub(crate) cells: usize,
    pub(crate) seeds: u64,
    pub(crate) epochs: u32,
}

/// Writes such a record into a run folder in `parent`, made of one run's events;
/// the path of its report.
pub(crate) fn report_of(size: &Size, pattern: &RunFolder, parent: &Path) -> PathBuf {
    let folder = parent.join("large");
    fs::create_dir(&folder).unwrap();
    let lines: Vec<String> =
        events(size, &pattern.events()).iter().map(|event| format!("{event}\n")).collect();
    fs::write(folder.join("events.jsonl"), lines.concat()).unwrap();
    invoke([Path::new("report"), &folder]).run().expect(0);
    folder.join("report.html")
}

fn events(size: &Size, pattern: &[Value]) -> Vec<Value> {
    let first = |kind: &str| pattern.iter().find(|event| event["event"] == kind).unwrap().clone();
    let (mut started, mut round) = (first("started"), first("round"));
    let cells: Vec<Value> = (0..size.cells).map(|index| cell(&started["plan"]["cells"][0], index)).collect();
    let seeds: Vec<u64> = (1..=size.seeds).collect();
    started["run_id"] = "large".into();
    started["plan"]["cells"] = cells.clone().into();
    started["plan"]["seeds"] = seeds.clone().into();
    started["plan"]["epochs"] = size.epochs.into();
    let mut events = vec![started];
    for seed in seeds {
        round["seed"] = seed.into();
        round["order"] = (0..size.cells).collect();
        events.push(round.clone());
        for (index, cell) in cells.iter().enumerate() {
            let of_run = |kind: &str| {
                let mut event = first(kind);
                event["cell"] = cell.clone();
                event["seed"] = seed.into();
                event
            };
            let slowness = 1.0 + 0.1 * index as f64 + 0.01 * seed as f64;
            events.push(of_run("begun"));
            events.extend((1..=size.epochs).map(|number| epoch(of_run("epoch"), number, slowness)));
            events.push(end(of_run("ended"), size.epochs, slowness));
        }
    }
    events.push(first("finished"));
    events
}

fn cell(pattern: &Value, index: usize) -> Value {
    let mut cell = pattern.clone();
    cell["backend"] = format!("backend-{}", index / 2).into();
    cell["implementation"] = ["primitive", "builtin"][index % 2].into();
    cell
}

/// An epoch whose time and loss no other has.
fn epoch(mut event: Value, number: u32, slowness: f64) -> Value {
    let progress = f64::from(number) / (f64::from(number) + slowness);
    event["epoch"] = number.into();
    event["train_seconds"] = (slowness * (1.0 + 0.003 * f64::from(number % 7))).into();
    event["train_loss"] = (2.3 * (1.0 - progress) + 0.1).into();
    event["train_accuracy"] = (0.95 * progress).into();
    event["test_accuracy"] = (0.9 * progress).into();
    event
}

fn end(mut event: Value, epochs: u32, slowness: f64) -> Value {
    let channels =
        |shift: f64| (0..6).map(|channel| shift + 0.01 * slowness * f64::from(channel)).collect::<Value>();
    event["epochs"] = epochs.into();
    event["cpu_seconds"] = (slowness * f64::from(epochs)).into();
    event["first_batch_norm"] = json!({ "gamma": channels(1.0), "beta": channels(0.0) });
    event
}
