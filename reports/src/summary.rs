//! Statistics of a record: per cell the medians of its runs, and the time to a
//! target.
//!
//! Only runs that trained all their epochs enter the medians. Whether a target
//! was reached is told of every run that was tried, so that a backend that
//! crashes before the target does not look better for it.

use crate::ceiling;
use crate::record::{Cell, EpochRecord, GpuUse, Metric, RunRecord, Target, TargetRecord};
use crate::statistics::{self, Interval};
use crate::store::Record;

/// What the runs of one cell give together.
#[derive(Debug, Clone, PartialEq)]
pub struct CellSummary {
    /// The cell.
    pub cell: Cell,
    /// The framework, by the plugin's description.
    pub framework: Option<String>,
    /// Whether its runs count: [`Record::is_ranked`].
    pub is_ranked: bool,
    /// Runs of the cell, however they ended.
    pub runs: usize,
    /// Runs that trained all their epochs; none where the cell is not ranked.
    pub ok_runs: usize,
    /// Training seconds per epoch.
    pub train_seconds: Option<EpochSeconds>,
    /// Median seconds of predicting the test split, over all epochs.
    pub predict_seconds: Option<f64>,
    /// Median over runs of the last epoch's training loss.
    pub train_loss: Option<f64>,
    /// Median over runs of the last epoch's training accuracy.
    pub train_accuracy: Option<f64>,
    /// Median over runs of the last epoch's test accuracy.
    pub test_accuracy: Option<f64>,
    /// The targets of the cell's workload, in its order.
    pub targets: Vec<TargetSummary>,
    /// Median peak resident memory in bytes.
    pub peak_rss_bytes: Option<u64>,
    /// Median peak of device memory in bytes.
    pub peak_device_bytes: Option<u64>,
    /// Median energy of the graphics processor over a run's training epochs, in joules.
    pub energy_joules: Option<f64>,
    /// Median seconds from loading the library to a warm epoch.
    pub cold_start_seconds: Option<f64>,
    /// What part of the processor's peak the median time per epoch is, in per cent.
    pub percent_of_peak: Option<f64>,
}

/// Training seconds per epoch over the runs of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpochSeconds {
    /// The median over the runs of each run's median: one training is one sample.
    pub median: f64,
    /// Its 95% interval over the seeds; `None` with fewer than three.
    pub interval: Option<Interval>,
    /// The least of all epochs.
    pub min: f64,
    /// The greatest of all epochs.
    pub max: f64,
    /// How many epochs these are of.
    pub epochs: usize,
    /// Which epochs these are.
    pub basis: Basis,
}

/// Which epochs a time is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// All epochs after the first, which warms up.
    AfterFirst,
    /// Runs of one epoch: only the first, its warm-up included.
    FirstOnly,
}

impl Basis {
    /// The words used in CSV and the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::AfterFirst => "epochs after the first",
            Self::FirstOnly => "first epochs only",
        }
    }
}

/// How the runs of a cell fared with one target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TargetSummary {
    /// The target.
    pub target: Target,
    /// Runs that reached it.
    pub reached: usize,
    /// Runs that were tried: all but unsupported, not conformant and interrupted
    /// ones; none where the cell is not ranked.
    pub tried: usize,
    /// Of these, the runs that trained all their epochs.
    pub finished: usize,
    /// Median first epoch at which it was reached, over the runs that reached it.
    pub epochs: Option<f64>,
    /// Median training seconds up to the end of that epoch, over the same runs.
    pub seconds: Option<f64>,
}

/// One summary per cell: the plan's cells in order, then any other.
pub fn summarize(record: &Record) -> Vec<CellSummary> {
    record.cells().into_iter().map(|cell| summarize_cell(record, cell)).collect()
}

impl CellSummary {
    /// Why there is no median, where there is none.
    pub fn without_numbers(&self) -> Option<&'static str> {
        match self {
            Self { is_ranked: false, .. } => Some("not ranked"),
            Self { ok_runs: 0, .. } => Some("no ok run"),
            _ => None,
        }
    }
}

/// Why there is nothing to tell of cells none of which has a run that counts, as the beginning
/// of a sentence; `None` where one has.
pub(crate) fn why_nothing<'s>(
    mut cells: impl Iterator<Item = &'s CellSummary> + Clone,
) -> Option<&'static str> {
    let any_unranked = cells.clone().any(|cell| !cell.is_ranked);
    let why =
        if any_unranked { "No ranked run trained all its epochs" } else { "No run trained all its epochs" };
    cells.all(|cell| cell.ok_runs == 0).then_some(why)
}

fn summarize_cell(record: &Record, cell: &Cell) -> CellSummary {
    let runs: Vec<&RunRecord> = record.runs_of(cell).collect();
    let ok: Vec<&RunRecord> = record.ranked_runs(cell).collect();
    let epochs: Vec<Vec<&EpochRecord>> = ok.iter().map(|run| record.epochs_of(cell, run.seed)).collect();
    let last =
        |metric: fn(&EpochRecord) -> Option<f64>| median(epochs.iter().filter_map(|run| metric(run.last()?)));
    let train_seconds = epoch_seconds(&epochs);
    CellSummary {
        cell: cell.clone(),
        framework: runs.iter().rev().find_map(|run| run.framework.clone()),
        is_ranked: record.is_ranked(cell),
        runs: runs.len(),
        ok_runs: ok.len(),
        train_seconds,
        predict_seconds: median(epochs.iter().flatten().map(|epoch| epoch.predict_seconds)),
        train_loss: last(|epoch| epoch.train_loss),
        train_accuracy: last(|epoch| epoch.train_accuracy),
        test_accuracy: last(|epoch| epoch.test_accuracy),
        targets: targets_of(record, cell)
            .iter()
            .map(|&target| target_summary(record, cell, target))
            .collect(),
        peak_rss_bytes: median(ok.iter().filter_map(|run| Some(run.peak_rss_bytes? as f64)))
            .map(|bytes| bytes as u64),
        peak_device_bytes: median(of_gpu(&ok, |used| used.peak_memory_bytes.map(|bytes| bytes as f64)))
            .map(|bytes| bytes as u64),
        energy_joules: median(of_gpu(&ok, |used| used.energy_joules)),
        cold_start_seconds: median(ok.iter().filter_map(|run| run.cold_start_seconds)),
        percent_of_peak: train_seconds
            .and_then(|seconds| ceiling::percent_of_peak(&record.started, cell, seconds.median)),
    }
}

/// What runs took of their graphics processor.
fn of_gpu(runs: &[&RunRecord], field: impl Fn(&GpuUse) -> Option<f64>) -> impl Iterator<Item = f64> {
    runs.iter().filter_map(move |run| field(run.gpu.as_ref()?))
}

/// The cells of one workload on one device of one machine: what may be compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Workload name.
    pub workload: String,
    /// The device, with its machine where the record has several: [`Cell::place`].
    pub device: String,
    /// Its cells, in the plan's order.
    pub cells: Vec<CellSummary>,
}

impl Group {
    /// Whether a cell belongs to it.
    pub fn holds(&self, cell: &Cell) -> bool {
        self.workload == cell.workload && self.device == cell.place()
    }

    /// A cell's name among those of its group: backend and implementation, and
    /// the threads where the group has more than one number of them.
    pub fn label(&self, cell: &Cell) -> String {
        let mut label = cell.backend.clone();
        if cell.implementation != "none" {
            label = format!("{label} {}", cell.implementation);
        }
        if self.cells.iter().any(|other| other.cell.threads != cell.threads) {
            label = format!("{label} ({})", crate::number::count(cell.threads, "thread"));
        }
        label
    }
}

/// The summaries by workload, device and machine, in the order of their first cells.
pub fn group(summaries: Vec<CellSummary>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for summary in summaries {
        match groups.iter_mut().find(|group| group.holds(&summary.cell)) {
            Some(group) => group.cells.push(summary),
            None => {
                let (workload, device) = (summary.cell.workload.clone(), summary.cell.place());
                groups.push(Group { workload, device, cells: vec![summary] });
            }
        }
    }
    groups
}

/// The targets of a cell's workload.
pub(crate) fn targets_of<'a>(record: &'a Record, cell: &Cell) -> &'a [Target] {
    record.started.plan.workload(&cell.workload).map_or(&[], |workload| &workload.targets)
}

fn epoch_seconds(runs: &[Vec<&EpochRecord>]) -> Option<EpochSeconds> {
    let basis = basis(runs.iter().flatten().copied());
    let timed: Vec<Vec<f64>> = runs.iter().map(|epochs| timed_seconds(epochs, basis)).collect();
    let medians: Vec<f64> = timed.iter().filter_map(|seconds| median(seconds.iter().copied())).collect();
    let all = || timed.iter().flatten().copied();
    Some(EpochSeconds {
        median: median(medians.iter().copied())?,
        interval: statistics::geometric_interval(&medians),
        min: all().reduce(f64::min)?,
        max: all().reduce(f64::max)?,
        epochs: all().count(),
        basis,
    })
}

fn basis<'a>(mut epochs: impl Iterator<Item = &'a EpochRecord>) -> Basis {
    if epochs.any(|epoch| epoch.epoch > 1) { Basis::AfterFirst } else { Basis::FirstOnly }
}

/// The training seconds of a run's epochs that count.
fn timed_seconds(epochs: &[&EpochRecord], basis: Basis) -> Vec<f64> {
    let counts = |epoch: &&&EpochRecord| basis == Basis::FirstOnly || epoch.epoch > 1;
    epochs
        .iter()
        .filter(counts)
        .map(|epoch| epoch.train_seconds)
        .filter(|seconds| seconds.is_finite())
        .collect()
}

/// The training seconds per epoch of one run: the median of those after the first, or the
/// first where there is no other.
pub fn seconds_per_epoch(epochs: &[&EpochRecord]) -> Option<f64> {
    median(timed_seconds(epochs, basis(epochs.iter().copied())))
}

/// How the runs of a cell fared with a target.
fn target_summary(record: &Record, cell: &Cell, target: Target) -> TargetSummary {
    let results = record.ranked_runs(cell).map(|run| target_of_run(record, run, target));
    let reached: Vec<TargetRecord> = results.filter(|result| result.epochs.is_some()).collect();
    TargetSummary {
        target,
        reached: reached.len(),
        tried: record.tried_runs(cell).count(),
        finished: record.ranked_runs(cell).count(),
        epochs: median(reached.iter().filter_map(|result| result.epochs.map(f64::from))),
        seconds: median(reached.iter().filter_map(|result| result.seconds)),
    }
}

/// What the run's record says of a target, else what its epochs say.
pub(crate) fn target_of_run(record: &Record, run: &RunRecord, target: Target) -> TargetRecord {
    match run.targets.iter().find(|result| result.target == target) {
        Some(result) => *result,
        None => time_to_target(target, record.epochs_of(&run.cell, run.seed)),
    }
}

/// When a run first reached a target: the epoch, and the training seconds summed
/// up to its end. `epochs` are of one run, in order.
pub fn time_to_target<'a>(target: Target, epochs: impl IntoIterator<Item = &'a EpochRecord>) -> TargetRecord {
    let mut seconds = 0.0;
    for epoch in epochs {
        seconds += epoch.train_seconds;
        let value = match target.metric {
            Metric::TrainAccuracy => epoch.train_accuracy,
            Metric::TestAccuracy => epoch.test_accuracy,
        };
        if value.is_some_and(|value| value >= target.at_least) {
            return TargetRecord { target, epochs: Some(epoch.epoch), seconds: Some(seconds) };
        }
    }
    TargetRecord { target, epochs: None, seconds: None }
}

/// The training seconds of a run's first epoch beyond the median of its later
/// ones, which may be negative; `None` for a run of fewer than two epochs.
pub fn first_epoch_extra(epochs: &[EpochRecord]) -> Option<f64> {
    let (first, later) = epochs.split_first()?;
    Some(first.train_seconds - median(later.iter().map(|epoch| epoch.train_seconds))?)
}

/// The median of the finite values: the middle one, or the mean of the middle
/// two; `None` when there is none.
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        length if length % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::example;
    use crate::record::RunOutcome;

    #[test]
    fn medians_leave_out_the_first_epoch_and_failed_runs() {
        let record = example::record();
        let summaries = summarize(&record);
        let first = &summaries[0];
        assert_eq!((first.runs, first.ok_runs), (3, 3));
        let seconds = first.train_seconds.unwrap();
        assert_eq!((seconds.epochs, seconds.basis), (12, Basis::AfterFirst));
        assert!(seconds.max < 9.0, "the first epoch takes 9 s: {seconds:?}");
        let failed = summaries.iter().find(|summary| summary.cell.backend == "crashy").unwrap();
        assert_eq!((failed.ok_runs, failed.train_seconds), (0, None));
    }

    #[test]
    fn a_median_time_is_so_much_of_the_peak() {
        let record = example::record();
        let percents: Vec<_> = summarize(&record).iter().map(|summary| summary.percent_of_peak).collect();
        // 2 × 845,000 × 60,000 operations in 8.25 s, of 96 GFLOP/s.
        assert!((percents[0].unwrap() - 12.803).abs() < 1e-3, "{percents:?}");
        assert_eq!(percents[3], None, "no run of this cell ended");
    }

    #[test]
    fn a_failed_run_counts_as_tried() {
        let record = example::record();
        let summaries = summarize(&record);
        let failed = summaries.iter().find(|summary| summary.cell.backend == "crashy").unwrap();
        assert_eq!((failed.targets[0].reached, failed.targets[0].tried), (0, 3));
    }

    #[test]
    fn no_run_counts_of_a_cell_that_once_computed_another_function() {
        let mut record = example::record();
        let cell = record.started.plan.cells[1].clone();
        record.runs.iter_mut().find(|run| run.cell == cell).unwrap().outcome = RunOutcome::NotConformant;
        let summary = summarize(&record).into_iter().find(|summary| summary.cell == cell).unwrap();
        assert_eq!((summary.runs, summary.ok_runs, summary.train_seconds), (3, 0, None));
        let target = summary.targets[0];
        assert_eq!((target.reached, target.tried, target.finished, target.seconds), (0, 0, 0, None));
        let time = crate::comparison::time_to_target(&record, &summary, target.target);
        assert_eq!((time.reached, time.tried, time.expected_seconds), (0, 0, None));
        for text in [crate::formats::markdown::markdown(&record), crate::csv::summary::text(&record).unwrap()]
        {
            assert!(text.contains("not ranked") && !text.contains("2 of 2"), "{text}");
        }
        assert!(!crate::html::render(&record, None).unwrap().contains("2 of 2"));
        assert_eq!(why_nothing([summary].iter()), Some("No ranked run trained all its epochs"));
    }

    #[test]
    fn the_time_to_a_target_is_the_sum_of_training_seconds() {
        let epochs: Vec<EpochRecord> =
            [0.5, 0.8, 0.9, 0.95].iter().zip(1..).map(|(&a, n)| example::epoch(n, 2.0, a)).collect();
        let target = Target { metric: Metric::TrainAccuracy, at_least: 0.88 };
        assert_eq!(time_to_target(target, &epochs).epochs, Some(3));
        assert_eq!(time_to_target(target, &epochs).seconds, Some(6.0));
        assert_eq!(time_to_target(Target { at_least: 0.99, ..target }, &epochs).epochs, None);
        assert_eq!(first_epoch_extra(&epochs), Some(0.0));
        assert_eq!(first_epoch_extra(&epochs[..1]), None);
    }

    proptest! {
        #[test]
        fn a_median_has_as_many_values_above_as_below(values in prop::collection::vec(-1e6..1e6, 1..40)) {
            let middle = median(values.iter().copied()).unwrap();
            let below = values.iter().filter(|&&value| value < middle).count();
            let above = values.iter().filter(|&&value| value > middle).count();
            prop_assert!(below <= values.len() / 2 && above <= values.len() / 2);
        }
    }
}
