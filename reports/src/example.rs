//! An example record, with all that a reader can meet: two workloads, three
//! seeds, a crash with hostile output, a missing framework.

use std::collections::BTreeMap;

use crate::ceiling::Peak;
use crate::operations::{
    OperationCell, OperationInfo, OperationResult, OperationTime, Operations, RunOperations,
};
use crate::record::*;

pub(crate) const TARGET: Target = Target { metric: Metric::TrainAccuracy, at_least: 0.88 };
pub(crate) const TEST_TARGET: Target = Target { metric: Metric::TestAccuracy, at_least: 0.80 };
pub(crate) const HOSTILE: &str =
    "</script><script>alert(1)</script><img src=x onerror=alert(2)>\n\"quoted\", ,\r\n=1+1";

pub(crate) fn cell(workload: &str, backend: &str, implementation: &str) -> Cell {
    Cell {
        workload: workload.to_owned(),
        backend: backend.to_owned(),
        implementation: implementation.into(),
        device: Device::cpu(),
        threads: 2,
        tells_threads: false,
        machine: None,
    }
}

/// An audit that a run has passed.
#[cfg(test)]
pub(crate) fn audit() -> Audit {
    let check = CheckRecord {
        name: "audit: parameters of the epoch".to_owned(),
        kind: Some(CheckKind::AuditedEpoch),
        passed: true,
        measured: Some(0.0),
        limit: Some(0.5),
        detail: "equal".to_owned(),
    };
    Audit { epoch: 3, seconds: 9.0, outcome: RunOutcome::Ok, reason: None, checks: vec![check] }
}

pub(crate) fn epoch(number: u32, train_seconds: f64, train_accuracy: f64) -> Epoch {
    Epoch {
        number,
        train_seconds,
        unfinished_seconds: Some(0.0),
        train_cpu_seconds: Some(2.0 * train_seconds),
        predict_seconds: 0.25,
        train_loss: Some(((1.0 - train_accuracy) * 2.75 * 1e4).round() / 1e4),
        train_accuracy: Some(train_accuracy),
        test_accuracy: Some(((train_accuracy - 0.03) * 1e4).round() / 1e4),
        rss_bytes: Some(300 << 20),
        status: "ok".to_owned(),
    }
}

fn workload(name: &str, summary: &str) -> WorkloadInfo {
    WorkloadInfo {
        name: name.to_owned(),
        summary: summary.to_owned(),
        control: None,
        definition: None,
        samples: None,
        optimiser: None,
        learning_rate: 1.0,
        batch_size: 256,
        targets: vec![TARGET, TEST_TARGET],
        layers: vec!["conv2d 1→6 k5: 6×24×24, 156 parameters".to_owned()],
        multiply_adds_per_sample: 845_000,
    }
}

pub(crate) fn started() -> Started {
    Started {
        schema: SCHEMA,
        run_id: "20260131T130500-example".to_owned(),
        unix_time: 1_769_864_700.0,
        command: "cargo run -- bench all --seeds 3 --epochs 5".to_owned(),
        plan: Plan {
            workloads: vec![
                workload("lenet-bn", "LeNet with batch norm after every layer but the last"),
                workload("lenet", "the same network without batch norm"),
            ],
            dataset: DatasetInfo {
                name: "fashion-mnist".to_owned(),
                train_samples: 60_000,
                test_samples: 10_000,
                fingerprint: "ab".repeat(32),
            },
            cells: vec![
                cell("lenet-bn", "handwritten", "primitive"),
                cell("lenet-bn", "tch", "primitive"),
                cell("lenet-bn", "tch", "builtin"),
                cell("lenet-bn", "crashy", "primitive"),
                cell("lenet", "handwritten", "none"),
                cell("lenet", "tch", "none"),
            ],
            seeds: vec![1, 2, 3],
            epochs: 5,
            budget_seconds: Some(900.0),
            timeout_seconds: 600.0,
            audit: None,
        },
        environment: Environment {
            system: "Debian GNU/Linux 13".to_owned(),
            kernel: "6.12.0".to_owned(),
            cpu: "Example CPU at 3 GHz".to_owned(),
            logical_cpus: 2,
            memory_bytes: 8 << 30,
            cpu_features: vec!["avx2".to_owned(), "fma".to_owned()],
            trainmark: "0.1.0".to_owned(),
            rustc: "1.95.0".to_owned(),
            profile: "release".to_owned(),
            load_average: Some(0.2),
            peak: Some(Peak {
                operations_per_second: 96e9,
                threads: 2,
                instructions: "AVX2, fused multiply-add".to_owned(),
                median_operations_per_second: Some(95e9),
            }),
            ..Environment::default()
        },
        warnings: vec!["other programs load this machine: load average 3.1 on 2 processors".to_owned()],
        unavailable: vec![Unavailable {
            backend: "candle".to_owned(),
            device: Some("cuda:0".to_owned()),
            reason: "no CUDA driver: install one,\nor use --device cpu".to_owned(),
        }],
        notes: vec![Note {
            backend: "tch".to_owned(),
            text: "max_pool2d of tch 1.2.3 is <em>wrong</em>; pooling is composed of other operations"
                .to_owned(),
        }],
        roles: BTreeMap::new(),
        frameworks: BTreeMap::new(),
        merged: Vec::new(),
    }
}

/// The end of a run that trained all its epochs.
fn end(cell: &Cell, seed: u64) -> RunEnd {
    let shift = if cell.backend == "tch" { 0.0625 } else { 0.0 };
    RunEnd {
        outcome: RunOutcome::Ok,
        log: Some(format!("logs/{}-{}-{seed}.log", cell.workload, cell.backend)),
        load_seconds: Some(0.0625),
        open_seconds: Some(0.125),
        peak_rss_bytes: Some(312 << 20),
        cpu_seconds: Some(42.5),
        frequency_mhz: Some(3000.0),
        conformance: Some(Conformance {
            passed: true,
            checks: vec![CheckRecord {
                name: "train_step batch 256: gradients".to_owned(),
                kind: Some(crate::record::CheckKind::StepGradients),
                passed: true,
                measured: Some(2.5e-6),
                limit: Some(1e-3),
                detail: "worst: conv1.weight".to_owned(),
            }],
            losses: Vec::new(),
        }),
        framework: Some(format!("{} 1.2.3", cell.backend)),
        library_hash: Some("cd".repeat(32)),
        first_batch_norm: (cell.workload == "lenet-bn").then(|| FirstBatchNorm {
            gamma: (0..6).map(|channel| 1.0 + 0.25 * channel as f32 + 0.125 * seed as f32 + shift).collect(),
            beta: (0..6).map(|channel| 0.5 - 0.25 * channel as f32).collect(),
        }),
        ..RunEnd::default()
    }
}

/// A run with all that it gave: of `crashy` one epoch.
pub(crate) fn run(cell: &Cell, seed: u64) -> Run {
    let begun = Some(Begun { load_average: Some(0.75), unix_time: 1_769_864_701.0, epochs: None });
    let (epochs, end) = (epochs(cell, seed), end(cell, seed));
    let mut run = Run { begun, epochs, end, ..Run::new(cell.clone(), seed, Purpose::Sample) };
    if cell.backend == "crashy" {
        run.epochs.truncate(1);
        run.epochs[0].train_loss = None;
        run.epochs[0].status = "loss is not finite".to_owned();
        run.end.outcome = RunOutcome::Failed;
        run.end.reason = Some(format!("killed by signal 11: {HOSTILE}"));
        run.end.log_tail = Some(HOSTILE.to_owned());
        run.end.first_batch_norm = None;
    }
    run
}

/// A run made once more, with epochs that take `factor` times as long.
pub(crate) fn again(run: &Run, purpose: Purpose, factor: f64) -> Run {
    let mut again = Run { purpose, ..run.clone() };
    again.epochs.iter_mut().for_each(|epoch| epoch.train_seconds *= factor);
    again
}

/// The run of a seed with another one, of two epochs, for time only.
#[cfg(test)]
pub(crate) fn for_time(run: &Run, seed: u64) -> Run {
    let mut timed = Run { purpose: Purpose::Timing, seed, ..run.clone() };
    timed.epochs.truncate(2);
    timed
}

/// A record, every run of whose first cell is made once more, `factor` times as slow.
pub(crate) fn with_repeats(mut record: Record, purpose: Purpose, factor: f64) -> Record {
    let of_cell = record.samples_of(&record.started.plan.cells[0]);
    let repeats: Vec<Run> = of_cell.map(|run| again(run, purpose, factor)).collect();
    record.runs.extend(repeats);
    record
}

/// The lines of a run.
pub(crate) fn lines(run: &Run) -> Vec<Event> {
    let begun = run.begun.iter().map(|begun| Event::Begun(run.line(begun.clone())));
    let epochs = run.epochs.iter().map(|epoch| Event::Epoch(run.line(epoch.clone())));
    begun.chain(epochs).chain([run.ended(&[TARGET, TEST_TARGET])]).collect()
}

/// One backend with and without batch norm, at rates and batch sizes: at a low rate one seed does not
/// reach the target, at the lowest none does, and without batch norm none ever.
#[cfg(test)]
pub(crate) fn record_of_a_sweep() -> Record {
    let mut started = Started { unavailable: Vec::new(), notes: Vec::new(), ..started() };
    let own = std::mem::take(&mut started.plan.workloads);
    started.plan.cells.clear();
    for (workload, implementation) in own.iter().zip(["builtin", "none"]) {
        for rate in [0.05, 0.2, 1.0] {
            for batch in [64, 256] {
                let name = format!("{} (learning rate {rate}, batch size {batch})", workload.name);
                let changed = WorkloadInfo { learning_rate: rate, batch_size: batch, ..workload.clone() };
                started.plan.cells.push(cell(&name, "tch", implementation));
                started.plan.workloads.push(WorkloadInfo { name, ..changed });
            }
        }
    }
    let of_cell = |cell: &Cell| {
        let info = started.plan.workload(&cell.workload).expect("it is planned");
        [1, 2, 3].map(|seed| swept_run(cell, info, seed))
    };
    let runs = started.plan.cells.iter().flat_map(of_cell).collect();
    Record { runs, outcome: Some(Outcome::Complete), seconds: 60.0, ..Record::new(started.clone()) }
}

#[cfg(test)]
fn swept_run(cell: &Cell, info: &WorkloadInfo, seed: u64) -> Run {
    let mut run = run(cell, seed);
    let is_slow = (info.learning_rate == 0.2 && seed == 1) || info.learning_rate < 0.1;
    for epoch in &mut run.epochs {
        epoch.train_seconds *= 1.0 + 64.0 / info.batch_size as f64;
        let accuracy =
            if is_slow || cell.implementation.is_none() { 0.5 } else { 0.8 + 0.03 * f64::from(epoch.number) };
        epoch.train_accuracy = Some(accuracy + 0.01 * info.learning_rate + 0.001 * seed as f64);
    }
    run
}

/// Every epoch of a record, for tests to change.
pub(crate) fn epochs_of(record: &mut Record) -> impl Iterator<Item = &mut Epoch> {
    record.runs.iter_mut().flat_map(|run| &mut run.epochs)
}

pub(crate) fn gpu() -> Gpu {
    Gpu {
        device: Some("cuda:0".to_owned()),
        index: Some(0),
        name: "Example GPU".to_owned(),
        uuid: Some("GPU-00000000-0000-0000-0000-000000000000".to_owned()),
        memory_bytes: Some(16 << 30),
        compute_capability: Some("9.0".to_owned()),
        driver: Some("580.95.05".to_owned()),
        cuda: Some("13.0".to_owned()),
        sm_clock_mhz: Some(345),
        max_sm_clock_mhz: Some(1980),
        memory_clock_mhz: Some(3201),
        max_memory_clock_mhz: Some(3201),
        power_limit_watts: Some(700.0),
        persistence_mode: Some(true),
        mig_mode: Some(false),
    }
}

/// One run of one cell on a graphics processor.
pub(crate) fn record_on_gpu() -> Record {
    let mut record = record_of_one_run();
    record.started.environment.gpus = vec![gpu()];
    record.started.plan.cells.iter_mut().for_each(|cell| cell.device = Device::cuda(0));
    for run in &mut record.runs {
        run.cell.device = Device::cuda(0);
        run.begun =
            Some(Begun { load_average: Some(0.1), unix_time: record.started.unix_time, epochs: None });
        run.end.gpu = Some(GpuUse {
            peak_memory_bytes: Some(600 << 20),
            memory_basis: Some(MemoryBasis::Process),
            energy_joules: Some(1234.5),
            sm_clock_mhz: Some(345),
            temperature_celsius: Some(41),
            throttle_reasons: Some(vec!["software thermal slowdown".to_owned()]),
        });
    }
    record
}

/// Training seconds of a later epoch, and how fast a cell learns.
fn speed(cell: &Cell) -> (f64, f64) {
    let seconds = match (cell.backend.as_str(), &*cell.implementation) {
        ("handwritten", _) => 8.0,
        (_, "builtin") => 2.0,
        _ => 3.0,
    };
    (seconds, if cell.workload == "lenet-bn" { 1.0 } else { 0.25 })
}

fn epochs(cell: &Cell, seed: u64) -> Vec<Epoch> {
    let (seconds, pace) = speed(cell);
    let epoch_of = |number: u32| {
        let accuracy = 0.92 - 0.3 * (-pace * f64::from(number) * 0.6).exp() - 0.004 * pace * seed as f64;
        let seconds = if number == 1 { seconds + 1.0 } else { seconds + 0.125 * seed as f64 };
        epoch(number, seconds, (accuracy * 1e4).round() / 1e4)
    };
    (1..=5).map(epoch_of).collect()
}

/// A node of a cluster that is like the example's machine.
pub(crate) fn node(name: &str) -> Node {
    Node {
        name: name.to_owned(),
        job: "1204_1".to_owned(),
        clock_ahead_seconds: Some(0.0),
        c_library: Some("glibc 2.36".to_owned()),
        warnings: Vec::new(),
        environment: started().environment,
    }
}

/// Every event of the example, in order.
pub(crate) fn events() -> Vec<Event> {
    let started = started();
    let plan = started.plan.clone();
    let mut events = vec![Event::Started(started)];
    for &seed in &plan.seeds {
        events.push(Event::Round(Round {
            seed,
            order: (0..plan.cells.len()).collect(),
            left_out: Vec::new(),
            timing: Vec::new(),
            node: None,
        }));
        events.extend(plan.cells.iter().flat_map(|cell| lines(&run(cell, seed))));
    }
    events.push(Event::Finished { outcome: Outcome::Complete, seconds: 600.0, peak: None });
    events
}

/// The example written to a run folder and read back.
pub(crate) fn record() -> Record {
    let parent = tempfile::tempdir().unwrap();
    Record::read(&write(parent.path(), &events())).unwrap()
}

/// Writes a run folder in `parent`.
pub(crate) fn write(parent: &std::path::Path, events: &[Event]) -> std::path::PathBuf {
    let Some((Event::Started(started), later)) = events.split_first() else { panic!("no `started`") };
    let mut store = crate::RunStore::create(parent, &started.run_id, started, &[]).unwrap();
    for event in later {
        store.append(event).unwrap();
    }
    store.folder().to_path_buf()
}

/// The example's first run only, unavailable backends left out.
pub(crate) fn record_of_one_run() -> Record {
    let started = Started { unavailable: Vec::new(), ..started() };
    Record {
        rounds: vec![Round { seed: 1, order: vec![0], left_out: Vec::new(), timing: Vec::new(), node: None }],
        runs: vec![run(&started.plan.cells[0], 1)],
        outcome: Some(Outcome::Budget),
        seconds: 60.0,
        ..Record::new(started)
    }
}

/// Operations measured with the libraries of the example's runs, and with what can
/// happen to one: a clear time, noise, a refusal with hostile words, a crash.
pub(crate) fn operations() -> Operations {
    let info = |name: &str, summary: &str, multiply_adds| OperationInfo {
        name: name.to_owned(),
        summary: summary.to_owned(),
        multiply_adds,
    };
    let infos = vec![
        info("train_step", "lenet-bn: one training step", Some(194_181_120)),
        info("batch_norm1", "batch norm of 6×24×24", None),
        info("conv1", "convolution 1→6 k5 of 1×28×28", Some(44_236_800)),
        info("pool1", "max pool 2/2 of 6×24×24", None),
        info("linear1", "linear 256→120", Some(23_592_960)),
    ];
    let ok = |name: &str, seconds: f64| result(name, RunOutcome::Ok, None, Some((seconds, 0.0625 * seconds)));
    let refusal = format!("layer 0 (conv2d): {HOSTILE}");
    let environment = started().environment;
    let cells = vec![
        operation_cell(
            "handwritten",
            "none",
            vec![
                ok("conv1", 1.0 / 512.0),
                ok("pool1", 1.0 / 2048.0),
                result("linear1", RunOutcome::Ok, None, Some((0.5f64.powi(17), 0.5f64.powi(14)))),
            ],
        ),
        operation_cell(
            "handwritten",
            "primitive",
            vec![ok("train_step", 1.0 / 128.0), ok("batch_norm1", 1.0 / 1024.0)],
        ),
        operation_cell("tch", "builtin", vec![ok("train_step", 3.0 / 256.0)]),
        operation_cell(
            "tch",
            "none",
            vec![
                result("conv1", RunOutcome::Unsupported, Some(&refusal), None),
                ok("pool1", 17.0 / 32_768.0),
                result("linear1", RunOutcome::Failed, Some("was killed by SIGSEGV"), None),
            ],
        ),
    ];
    Operations { cells, ..Operations::new(environment, 256, infos) }
}

/// What the example's run shows of them.
pub(crate) fn run_operations() -> RunOperations {
    let left_out = vec!["candle: measured with another library than this run's".to_owned()];
    RunOperations { operations: Some(operations()), left_out }
}

fn operation_cell(backend: &str, implementation: &str, results: Vec<OperationResult>) -> OperationCell {
    OperationCell {
        backend: backend.to_owned(),
        implementation: implementation.into(),
        device: Device::cpu(),
        threads: 2,
        framework: format!("{backend} 1.2.3"),
        library_hash: "cd".repeat(32),
        results,
    }
}

fn result(
    operation: &str,
    outcome: RunOutcome,
    reason: Option<&str>,
    time: Option<(f64, f64)>,
) -> OperationResult {
    OperationResult {
        operation: operation.to_owned(),
        outcome,
        reason: reason.map(str::to_owned),
        time: time.map(|(seconds, half)| OperationTime {
            seconds,
            low: seconds - half,
            high: seconds + half,
            samples: 25,
        }),
        unix_time: 1_769_860_000.0,
    }
}
