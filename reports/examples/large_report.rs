//! Writes the report of a made-up benchmark, and prints how long that took and how large it is:
//! `cargo run -p trainmark-reports --example large_report -- CELLS SEEDS EPOCHS [FILE]`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use trainmark_reports::record::{
    Cell, Conformance, DatasetInfo, Device, Environment, Epoch, FirstBatchNorm, Metric, Outcome, Plan,
    Purpose, Run, RunEnd, RunOutcome, SCHEMA, Started, Target, WorkloadInfo,
};
use trainmark_reports::{Record, html};

const TARGET: Target = Target { metric: Metric::TrainAccuracy, at_least: 0.88 };

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize, usual: u32| -> u32 {
        let given = arguments.get(index).map(|text| text.parse());
        match given.unwrap_or(Ok(usual)) {
            Ok(number) => number,
            Err(cause) => {
                eprintln!("{}: {cause}: give CELLS SEEDS EPOCHS [FILE]", arguments[index]);
                std::process::exit(2)
            }
        }
    };
    let (cells, seeds, epochs) = (number(0, 40), number(1, 10), number(2, 20));
    let file = arguments.get(3).map_or_else(|| std::env::temp_dir().join("large_report.html"), PathBuf::from);
    let record = record(cells, seeds, epochs);
    let start = Instant::now();
    let rendered = html::render(&record, None);
    let taken = start.elapsed();
    match rendered.map(|page| (page.len(), std::fs::write(&file, page))) {
        Ok((bytes, Ok(()))) => println!(
            "{} runs of {epochs} epochs: {:.0} ms, {:.2} MB, {}",
            record.runs.len(),
            1e3 * taken.as_secs_f64(),
            bytes as f64 / 1e6,
            file.display()
        ),
        Ok((_, Err(cause))) => eprintln!("cannot write {}: {cause}", file.display()),
        Err(error) => eprintln!("{error}"),
    }
}

fn record(cells: u32, seeds: u32, epochs: u32) -> Record {
    let cells: Vec<Cell> = (0..cells).map(cell).collect();
    let seeds: Vec<u64> = (1..=u64::from(seeds)).collect();
    let runs = seeds
        .iter()
        .flat_map(|&seed| cells.iter().zip(0u32..).map(move |(cell, place)| run(cell, place, seed, epochs)));
    Record {
        runs: runs.collect(),
        outcome: Some(Outcome::Complete),
        seconds: 3600.0,
        ..Record::new(started(cells.clone(), seeds.clone(), epochs))
    }
}

fn cell(number: u32) -> Cell {
    Cell {
        workload: "lenet-bn".to_owned(),
        backend: format!("backend{}", number / 2),
        implementation: if number.is_multiple_of(2) { "primitive" } else { "builtin" }.into(),
        device: Device::cpu(),
        machine: None,
        threads: 2,
        tells_threads: false,
    }
}

fn started(cells: Vec<Cell>, seeds: Vec<u64>, epochs: u32) -> Started {
    Started {
        schema: SCHEMA,
        run_id: "20260131T130500-large".to_owned(),
        unix_time: 1_769_864_700.0,
        command: "cargo run -- bench all".to_owned(),
        plan: Plan {
            workloads: vec![WorkloadInfo {
                name: "lenet-bn".to_owned(),
                summary: "LeNet with batch norm".to_owned(),
                control: None,
                definition: None,
                samples: None,
                optimiser: None,
                learning_rate: 1.0,
                batch_size: 256,
                targets: vec![TARGET],
                layers: Vec::new(),
                multiply_adds_per_sample: 758_520,
            }],
            dataset: DatasetInfo {
                name: "fashion-mnist".to_owned(),
                train_samples: 60_000,
                test_samples: 10_000,
                fingerprint: "ab".repeat(32),
            },
            cells,
            seeds,
            epochs,
            budget_seconds: None,
            timeout_seconds: 600.0,
            audit: None,
        },
        environment: Environment::default(),
        warnings: Vec::new(),
        unavailable: Vec::new(),
        notes: Vec::new(),
        roles: BTreeMap::new(),
        frameworks: BTreeMap::new(),
        merged: Vec::new(),
    }
}

/// A number between 0 and 1 that looks random, by a step of splitmix64.
fn noise(place: u32, seed: u64, epoch: u32) -> f64 {
    let mut z = (u64::from(place) << 40 | seed << 20 | u64::from(epoch)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z >> 11) as f64 / (1u64 << 53) as f64
}

fn epoch(place: u32, seed: u64, number: u32) -> Epoch {
    let epoch_seconds = 2.0 + 0.4 * f64::from(place);
    let noise = noise(place, seed, number);
    let accuracy = 0.94 - 0.35 * (-0.4 * f64::from(number)).exp() - 0.004 * noise;
    Epoch {
        number,
        train_seconds: epoch_seconds * (1.0 + 0.05 * noise),
        unfinished_seconds: Some(1e-5 * noise),
        train_cpu_seconds: Some(epoch_seconds),
        predict_seconds: 0.2 + 0.01 * noise,
        train_loss: Some(2.7 * (1.0 - accuracy)),
        train_accuracy: Some(accuracy),
        test_accuracy: Some(((accuracy - 0.03) * 1e4).round() / 1e4),
        rss_bytes: Some(300 << 20),
        status: "ok".to_owned(),
    }
}

fn run(cell: &Cell, place: u32, seed: u64, epochs: u32) -> Run {
    let channels =
        [1.0f32, -0.5].map(|offset| (0..6u8).map(move |channel| offset + f32::from(channel) / 7.0));
    let [gamma, beta] = channels.map(Iterator::collect);
    Run {
        epochs: (1..=epochs).map(|number| epoch(place, seed, number)).collect(),
        end: RunEnd {
            outcome: RunOutcome::Ok,
            log: Some(format!("logs/{}-{seed}.log", cell.backend)),
            load_seconds: Some(0.0613),
            open_seconds: Some(0.1274),
            peak_rss_bytes: Some(312 << 20),
            cpu_seconds: Some(42.5),
            frequency_mhz: Some(3000.0),
            conformance: Some(Conformance { passed: true, ..Conformance::default() }),
            framework: Some(format!("{} 1.2.3", cell.backend)),
            library_hash: Some("cd".repeat(32)),
            first_batch_norm: Some(FirstBatchNorm { gamma, beta }),
            ..RunEnd::default()
        },
        ..Run::new(cell.clone(), seed, Purpose::Sample)
    }
}
