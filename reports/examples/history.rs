//! Writes a history of made-up benchmarks with three planted steps into a folder, reads it, and prints
//! which steps were found and how long that took:
//! `cargo run --release -p trainmark-reports --example history -- RUNS FOLDER`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::time::Instant;

use trainmark_reports::history::{self, History};
use trainmark_reports::record::{
    Begun, Cell, CheckRecord, Conformance, DatasetInfo, Device, Environment, Epoch, Event, Metric, Outcome,
    Plan, Purpose, Role, Run, RunEnd, RunOutcome, SCHEMA, Started, Target, WorkloadInfo,
};

const TARGET: Target = Target { metric: Metric::TrainAccuracy, at_least: 0.88 };
const BACKENDS: [&str; 4] = ["handwritten", "candle", "tch", "pytorch"];
/// Backend, the part of the runs before it, and how many times as long it takes from there on.
const PLANTED: [(&str, f64, f64); 3] = [("candle", 0.25, 1.04), ("tch", 0.5, 1.06), ("candle", 0.75, 0.95)];

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [runs, folder] = &arguments[..] else {
        return Err(Error::other("give RUNS and a FOLDER, which is made"));
    };
    let runs: u64 = runs.parse().map_err(Error::other)?;
    let folder = PathBuf::from(folder);
    if !folder.exists() {
        (0..runs).try_for_each(|day| write(&folder, day, runs))?;
    }
    let start = Instant::now();
    let history = History::read(&folder).map_err(Error::other)?;
    let read = start.elapsed();
    let page = history::html(&history, None).map_err(Error::other)?;
    let all = start.elapsed();
    fs::write(folder.join("history.html"), &page)?;
    history::sentences(&history).iter().for_each(|sentence| println!("{sentence}"));
    let (read, all, bytes) = (read.as_secs_f64(), all.as_secs_f64(), page.len() as f64 / 1e6);
    println!("{} runs: read in {read:.2} s, shown after {all:.2} s, {bytes:.2} MB", history.runs.len());
    Ok(())
}

fn write(folder: &Path, day: u64, runs: u64) -> Result<()> {
    let started = started(day);
    let place = folder.join(&started.run_id);
    fs::create_dir_all(&place)?;
    let mut events = vec![Event::Started(started.clone())];
    for seed in &started.plan.seeds {
        for (number, cell) in started.plan.cells.iter().enumerate() {
            let purposes: &[Purpose] =
                if number == 2 { &[Purpose::Sample, Purpose::Repeat] } else { &[Purpose::Sample] };
            for purpose in purposes {
                events.extend(of_run(&run(cell, *seed, *purpose, day, runs)));
            }
        }
    }
    events.push(Event::Finished { outcome: Outcome::Complete, seconds: 900.0, peak: None });
    let mut text = String::new();
    for event in &events {
        text += &serde_json::to_string(event)?;
        text.push('\n');
    }
    fs::write(place.join("events.jsonl"), text)
}

fn of_run(run: &Run) -> Vec<Event> {
    let begun = run.begun.clone().map(|begun| Event::Begun(run.line(begun)));
    let epochs = run.epochs.iter().map(|epoch| Event::Epoch(run.line(epoch.clone())));
    begun.into_iter().chain(epochs).chain([run.ended(&[TARGET])]).collect()
}

fn started(day: u64) -> Started {
    let cell = |number: usize| Cell {
        workload: "lenet-bn".to_owned(),
        backend: BACKENDS[number / 2].to_owned(),
        implementation: if number.is_multiple_of(2) { "primitive" } else { "builtin" }.into(),
        device: Device::cpu(),
        machine: None,
        threads: 2,
        tells_threads: false,
    };
    Started {
        schema: SCHEMA,
        run_id: format!("night-{day:04}"),
        unix_time: 1_769_864_700.0 + 86_400.0 * day as f64,
        command: "cargo run -- bench all".to_owned(),
        plan: Plan {
            workloads: vec![workload()],
            dataset: DatasetInfo {
                name: "fashion-mnist".to_owned(),
                train_samples: 60_000,
                test_samples: 10_000,
                fingerprint: "ab".repeat(32),
            },
            cells: (0..2 * BACKENDS.len()).map(cell).collect(),
            seeds: vec![1, 2, 3],
            epochs: 5,
            budget_seconds: None,
            timeout_seconds: 600.0,
            audit: None,
        },
        environment: Environment { cpu: "Example CPU".to_owned(), logical_cpus: 2, ..Environment::default() },
        warnings: Vec::new(),
        unavailable: Vec::new(),
        notes: Vec::new(),
        roles: BTreeMap::from([("handwritten".to_owned(), Role::Ceiling)]),
        frameworks: BTreeMap::new(),
        merged: Vec::new(),
    }
}

fn workload() -> WorkloadInfo {
    WorkloadInfo {
        name: "lenet-bn".to_owned(),
        summary: "LeNet with batch norm".to_owned(),
        control: None,
        definition: Some("12".repeat(32)),
        samples: None,
        optimiser: None,
        learning_rate: 1.0,
        batch_size: 256,
        targets: vec![TARGET],
        layers: Vec::new(),
        multiply_adds_per_sample: 758_520,
    }
}

/// Nearly normal, of deviation 1, by steps of splitmix64.
fn noise(words: [u64; 4]) -> f64 {
    let mut state = words.iter().fold(0x9e37_79b9_7f4a_7c15, |state: u64, word| {
        (state ^ word).wrapping_mul(0xd134_2543_de82_ef95).rotate_left(29)
    });
    let mut sum = 0.0;
    for _ in 0..12 {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        sum += ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64;
    }
    sum - 6.0
}

/// The machine is up to a tenth slower on some days, runs differ by 1%, and a build is what it is for
/// some nights.
fn run(cell: &Cell, seed: u64, purpose: Purpose, day: u64, runs: u64) -> Run {
    let number = BACKENDS.iter().position(|name| *name == cell.backend).unwrap_or(0) as u64;
    let passed = PLANTED
        .iter()
        .filter(|(backend, part, _)| *backend == cell.backend && day as f64 >= part * runs as f64);
    let (builds, factor) =
        passed.fold((0_u8, 1.0), |(builds, all), (_, _, factor)| (builds + 1, all * factor));
    let own = noise([day, seed, number * 7 + cell.implementation.len() as u64, purpose as u64]);
    let seconds = (2.0 + number as f64) * factor * (0.05 * noise([day, 0, 0, 9]) + 0.01 * own).exp();
    let epoch = |number: u32| Epoch {
        number,
        train_seconds: seconds,
        unfinished_seconds: Some(1e-5),
        train_cpu_seconds: Some(2.0 * seconds),
        predict_seconds: 0.2,
        train_loss: Some(0.5),
        train_accuracy: Some(0.8),
        test_accuracy: Some(0.79),
        rss_bytes: Some(300 << 20),
        status: "ok".to_owned(),
    };
    let check = |number: u32| CheckRecord {
        name: format!("train_step batch {number}: gradients"),
        kind: None,
        passed: true,
        measured: Some(1.5e-6),
        limit: Some(1e-3),
        detail: "worst: conv1.weight".to_owned(),
    };
    Run {
        begun: Some(Begun { load_average: Some(0.5), unix_time: 0.0, epochs: Some(5) }),
        epochs: (1..=5).map(epoch).collect(),
        end: RunEnd {
            outcome: RunOutcome::Ok,
            load_seconds: Some(0.06),
            open_seconds: Some(0.12),
            peak_rss_bytes: Some(312 << 20),
            conformance: Some(Conformance {
                passed: true,
                checks: (0..25).map(check).collect(),
                losses: vec![2.3; 5],
            }),
            framework: Some(format!("{} 1.2.3", cell.backend)),
            library_hash: Some(format!("{number}{builds}").repeat(32)),
            ..RunEnd::default()
        },
        ..Run::new(cell.clone(), seed, purpose)
    }
}
