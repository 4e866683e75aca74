//! The numbers of a run: one per cell.

use super::entry::Entry;
use super::level::Level;
use super::version::Version;
use crate::paired::Relative;
use crate::record::{Cell, Conformance, Record};
use crate::statistics::Comparison;
use crate::summary::{CellSummary, Group, group, summarize};

/// What a cell of a run gives.
#[derive(Debug, Clone)]
pub(super) struct Number {
    /// Place of its run among those of the site.
    pub(super) entry: usize,
    pub(super) workload: String,
    pub(super) definition: Option<String>,
    pub(super) dataset: String,
    /// Device, with the number of threads where the run has several.
    pub(super) device: String,
    /// `cpu`, `cuda`, …
    pub(super) kind: String,
    /// What it computes on.
    pub(super) machine: String,
    /// Without a version.
    pub(super) backend: String,
    pub(super) implementation: String,
    /// Whether it is what others of its run are held against.
    pub(super) is_ceiling: bool,
    /// As the plugin describes it.
    pub(super) framework: String,
    pub(super) version: Option<Version>,
    /// Training seconds per epoch, with the interval's ends.
    pub(super) seconds: Option<Measured>,
    /// How many times as long as the ceiling in the same rounds.
    pub(super) ratio: Option<Measured>,
    /// What may be said of it; `None` of the ceiling itself, and where there is no ratio.
    pub(super) against: Option<Comparison>,
    /// The noise floor of its run, a ratio.
    pub(super) floor: f64,
    /// What the gate and the runs' own checks said.
    pub(super) gate: String,
    pub(super) status: String,
    pub(super) library_hash: Option<String>,
    pub(super) level: Level,
    pub(super) unix_time: f64,
}

/// A value with its interval, where there is one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Measured {
    pub(super) value: f64,
    pub(super) interval: Option<(f64, f64)>,
}

/// The numbers of all runs, each with its level.
pub(super) fn of_all(entries: &[Entry]) -> Vec<Number> {
    let mut numbers: Vec<Number> =
        entries.iter().enumerate().flat_map(|(place, entry)| of_run(place, entry)).collect();
    let repeated: Vec<bool> =
        numbers.iter().map(|number| numbers.iter().any(|other| number.is_repeated_by(other))).collect();
    for (number, is_repeated) in numbers.iter_mut().zip(repeated) {
        number.level = match (entries[number.entry].is_own, is_repeated) {
            (true, _) => Level::Maintainers,
            (false, true) => Level::Repeated,
            (false, false) => Level::SelfReported,
        };
    }
    numbers
}

fn of_run(place: usize, entry: &Entry) -> Vec<Number> {
    let record = &entry.record;
    let groups = group(summarize(record));
    let mut numbers = Vec::new();
    for group in &groups {
        let relative = Relative::of(record, group);
        let is_ceiling = |at: &usize| record.started.is_ceiling(group.cells[*at].cell);
        let ceiling =
            group.order().into_iter().filter(is_ceiling).find(|&at| group.cells[at].seconds().is_some());
        for (at, summary) in group.cells.iter().enumerate() {
            // Of two builds that are held against each other neither is a release.
            if summary.cell.build().is_none() {
                let ratio = ceiling.and_then(|ceiling| ratio(group, &relative, ceiling, at));
                let against = ceiling.and_then(|ceiling| relative.get(ceiling, at)).copied();
                let is_ceiling = ceiling == Some(at);
                numbers.push(Number { ratio, against, is_ceiling, ..number(place, record, group, summary) });
            }
        }
    }
    numbers
}

fn ratio(group: &Group<'_>, relative: &Relative, ceiling: usize, subject: usize) -> Option<Measured> {
    if ceiling == subject {
        return Some(Measured { value: 1.0, interval: None });
    }
    let interval = relative.get(ceiling, subject).and_then(|comparison| comparison.interval);
    let of_medians = || Some(group.cells[subject].seconds()? / group.cells[ceiling].seconds()?);
    let value = interval.map(|interval| interval.estimate).or_else(of_medians)?;
    Some(Measured { value, interval: interval.map(|ends| (ends.low, ends.high)) })
}

/// A cell by itself.
fn number(entry: usize, record: &Record, group: &Group<'_>, summary: &CellSummary<'_>) -> Number {
    let (started, cell) = (&record.started, summary.cell);
    let framework = summary.framework.unwrap_or(&cell.backend).to_owned();
    let workload = started.plan.workload(&cell.workload);
    let ends = |time: &crate::summary::EpochSeconds| time.interval.map(|ends| (ends.low, ends.high));
    Number {
        entry,
        workload: cell.workload.clone(),
        definition: workload.and_then(|workload| workload.definition.clone()),
        dataset: started.plan.dataset.name.clone(),
        device: group.device.clone(),
        kind: cell.device.split(':').next().unwrap_or_default().to_owned(),
        machine: machine(record, cell),
        backend: cell.backend.split('@').next().unwrap_or_default().to_owned(),
        implementation: cell.implementation.to_string(),
        is_ceiling: false,
        version: Version::find(&framework),
        framework,
        seconds: summary.train_seconds.map(|time| Measured { value: time.median, interval: ends(&time) }),
        ratio: None,
        against: None,
        floor: record.noise_floor().map_or(1.0, |floor| floor.ratio),
        gate: summary.conformance().map_or_else(|| Conformance::MISSING.to_owned(), Conformance::words),
        status: summary.status(),
        library_hash: summary.runs.iter().find_map(|run| run.end.library_hash.clone()),
        level: Level::SelfReported,
        unix_time: started.unix_time,
    }
}

/// What a cell computes on.
fn machine(record: &Record, cell: &Cell) -> String {
    let environment = record.started.environment_of(cell);
    if let Some(gpu) = environment.gpu_of(&cell.device) {
        return gpu.name.clone();
    }
    let processors = format!("{} × {}", environment.cpu, environment.logical_cpus);
    record.started.adapter_of(cell).map_or(processors, |adapter| adapter.words())
}
