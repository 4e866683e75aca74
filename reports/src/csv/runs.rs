//! `runs.csv`: one row per run, and one per backend or device that is unavailable.

use serde::Serialize;

use super::{Origin, finite, one_line, table, target_name};
use crate::record::{Conformance, GpuUse, MemoryBasis, Record, Run, RunOutcome, Target, Unavailable};
use crate::store::StoreError;

/// Its name in a run folder.
pub const FILE: &str = "runs.csv";

/// Its columns before those of the targets.
pub const COLUMNS_BEFORE_TARGETS: [&str; 20] = [
    "schema",
    "run_id",
    "workload",
    "dataset",
    "backend",
    "framework",
    "implementation",
    "device",
    "threads",
    "seed",
    "outcome",
    "reason",
    "epochs",
    "load_seconds",
    "open_seconds",
    "first_epoch_extra_seconds",
    "cold_start_seconds",
    "peak_rss_bytes",
    "cpu_seconds",
    "load_average",
];

/// Its columns after those of the targets.
pub const COLUMNS_AFTER_TARGETS: [&str; 11] = [
    "conformance",
    "log",
    "library_hash",
    "frequency_mhz",
    "peak_device_bytes",
    "device_memory_of",
    "energy_joules",
    "sm_clock_mhz",
    "device_temperature_celsius",
    "throttle_reasons",
    "machine",
];

#[derive(Serialize)]
struct Row<'a> {
    origin: Origin<'a>,
    workload: &'a str,
    dataset: &'a str,
    backend: &'a str,
    framework: Option<&'a str>,
    implementation: &'a str,
    device: &'a str,
    threads: Option<usize>,
    seed: Option<u64>,
    outcome: &'a str,
    reason: String,
    epochs: u32,
    load_seconds: Option<f64>,
    open_seconds: Option<f64>,
    first_epoch_extra_seconds: Option<f64>,
    cold_start_seconds: Option<f64>,
    peak_rss_bytes: Option<u64>,
    cpu_seconds: Option<f64>,
    load_average: Option<f64>,
    targets: Vec<TargetColumns>,
    conformance: String,
    log: Option<&'a str>,
    library_hash: Option<&'a str>,
    frequency_mhz: Option<f64>,
    gpu: GpuColumns,
    machine: Option<&'a str>,
}

#[derive(Default, Serialize)]
struct GpuColumns {
    peak_memory_bytes: Option<u64>,
    memory_basis: Option<&'static str>,
    energy_joules: Option<f64>,
    sm_clock_mhz: Option<u32>,
    temperature_celsius: Option<u32>,
    throttle_reasons: Option<String>,
}

impl From<&GpuUse> for GpuColumns {
    fn from(used: &GpuUse) -> Self {
        Self {
            peak_memory_bytes: used.peak_memory_bytes,
            memory_basis: used.memory_basis.map(MemoryBasis::name),
            energy_joules: finite(used.energy_joules),
            sm_clock_mhz: used.sm_clock_mhz,
            temperature_celsius: used.temperature_celsius,
            throttle_reasons: used.throttle_words().map(|reasons| one_line(&reasons)),
        }
    }
}

#[derive(Serialize)]
struct TargetColumns {
    epochs: Option<u32>,
    seconds: Option<f64>,
    status: String,
}

impl TargetColumns {
    fn without_number(status: impl Into<String>) -> Self {
        Self { epochs: None, seconds: None, status: status.into() }
    }
}

/// The file's content.
///
/// # Errors
/// When a row does not fit the header, which is a bug.
pub fn text(record: &Record) -> Result<String, StoreError> {
    let targets = record.started.plan.targets();
    let runs = record.samples().map(|run| run_row(record, run, &targets));
    let unavailable =
        record.started.unavailable.iter().map(|what| unavailable_row(record, what, targets.len()));
    table(FILE, &header(&targets), runs.chain(unavailable))
}

fn header(targets: &[Target]) -> Vec<String> {
    let of_target = |target: &Target| {
        ["epochs_to", "seconds_to", "status_of"].map(|what| format!("{what}_{}", target_name(target)))
    };
    let before = COLUMNS_BEFORE_TARGETS.iter().map(|&name| name.to_owned());
    let after = COLUMNS_AFTER_TARGETS.iter().map(|&name| name.to_owned());
    before.chain(targets.iter().flat_map(of_target)).chain(after).collect()
}

fn run_row<'a>(record: &'a Record, run: &'a Run, targets: &[Target]) -> Row<'a> {
    let (cell, end) = (&run.cell, &run.end);
    Row {
        origin: Origin::of(record),
        workload: &cell.workload,
        dataset: &record.started.plan.dataset.name,
        backend: &cell.backend,
        framework: end.framework.as_deref(),
        implementation: &cell.implementation,
        device: &cell.device,
        threads: Some(cell.threads),
        seed: Some(run.seed),
        outcome: end.outcome.name(),
        reason: one_line(end.reason.as_deref().unwrap_or_default()),
        epochs: run.epochs.len() as u32,
        load_seconds: finite(end.load_seconds),
        open_seconds: finite(end.open_seconds),
        first_epoch_extra_seconds: finite(run.first_epoch_extra_seconds()),
        cold_start_seconds: finite(run.cold_start_seconds()),
        peak_rss_bytes: end.peak_rss_bytes,
        cpu_seconds: finite(end.cpu_seconds),
        load_average: finite(run.load_average()),
        targets: targets.iter().map(|&target| target_columns(record, run, target)).collect(),
        conformance: conformance_word(end.conformance.as_ref()),
        log: end.log.as_deref(),
        library_hash: end.library_hash.as_deref(),
        frequency_mhz: finite(end.frequency_mhz),
        gpu: end.gpu.as_ref().map(GpuColumns::from).unwrap_or_default(),
        machine: cell.machine.as_deref(),
    }
}

fn target_columns(record: &Record, run: &Run, target: Target) -> TargetColumns {
    if !record.targets_of(&run.cell).contains(&target) {
        return TargetColumns::without_number("not a target of this workload");
    }
    let epochs = crate::number::count(run.epochs.len(), "epoch");
    match (run.reached(target), run.end.outcome) {
        (Some((epoch, seconds)), _) => TargetColumns {
            epochs: Some(epoch),
            seconds: finite(Some(seconds)),
            status: "reached".to_owned(),
        },
        (None, RunOutcome::Ok) => TargetColumns::without_number(format!("not reached in {epochs}")),
        (None, outcome) => TargetColumns::without_number(format!("{} after {epochs}", outcome.name())),
    }
}

/// `passed`, `not checked`, `failed:` and the checks that failed, or `ended early`
/// where the backend failed in the midst of the checks.
pub(crate) fn conformance_word(conformance: Option<&Conformance>) -> String {
    match conformance {
        None => "not checked".to_owned(),
        Some(conformance) if conformance.passed => "passed".to_owned(),
        Some(conformance) => {
            let failed =
                conformance.checks.iter().filter(|check| !check.passed).map(|check| one_line(&check.name));
            let failed = failed.collect::<Vec<_>>();
            if failed.is_empty() {
                let checks = crate::number::count(conformance.checks.len(), "check");
                return format!("ended early, after {checks}");
            }
            format!("failed: {}", failed.join("; "))
        }
    }
}

fn unavailable_row<'a>(record: &'a Record, what: &'a Unavailable, targets: usize) -> Row<'a> {
    Row {
        origin: Origin::of(record),
        workload: "",
        dataset: &record.started.plan.dataset.name,
        backend: &what.backend,
        framework: None,
        implementation: "",
        device: what.device.as_deref().unwrap_or_default(),
        threads: None,
        seed: None,
        outcome: "unavailable",
        reason: one_line(&what.reason),
        epochs: 0,
        load_seconds: None,
        open_seconds: None,
        first_epoch_extra_seconds: None,
        cold_start_seconds: None,
        peak_rss_bytes: None,
        cpu_seconds: None,
        load_average: None,
        targets: (0..targets).map(|_| TargetColumns::without_number("not run")).collect(),
        conformance: "not checked".to_owned(),
        log: None,
        library_hash: None,
        frequency_mhz: None,
        gpu: GpuColumns::default(),
        machine: None,
    }
}
