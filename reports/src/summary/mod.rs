//! Statistics of a record: per cell the medians of its runs, and the time to a
//! target.
//!
//! Only runs that trained all their epochs enter the medians. Those for time only enter the
//! ones of times and memory, and no other. Whether a target was reached is told of every run
//! to the end that was tried, so that a backend that crashes before the target does not look
//! better for it.

mod group;
mod target;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use group::{Group, group};
pub(crate) use target::not_reached_in;
pub use target::{Decomposition, Reach, TimeToTarget};

use crate::ceiling;
use crate::record::{Cell, Conformance, Record, Run};
use crate::statistics::{self, Interval, median};

/// What the runs of one cell give together.
#[derive(Debug, Clone, PartialEq)]
pub struct CellSummary<'r> {
    /// The cell.
    pub cell: &'r Cell,
    /// Its samples, in the order of their beginning, however they ended.
    pub runs: Vec<&'r Run>,
    /// Whether it computes on a software renderer, which is no graphics processor.
    pub is_software: bool,
    /// Whether its runs count: [`Run::are_ranked`].
    pub is_ranked: bool,
    /// The runs that all numbers are made of: those that trained all their epochs, one of each
    /// seed; none where the cell is not ranked.
    pub ranked: Vec<&'r Run>,
    /// The framework, by the plugin's description.
    pub framework: Option<&'r str>,
    /// Training seconds per epoch.
    pub train_seconds: Option<EpochSeconds>,
    /// Median seconds of predicting the test split, over all epochs.
    pub predict_seconds: Option<f64>,
    /// Median over runs to the end of the last epoch's training loss.
    pub train_loss: Option<f64>,
    /// Median over runs to the end of the last epoch's training accuracy.
    pub train_accuracy: Option<f64>,
    /// Median over runs to the end of the last epoch's test accuracy.
    pub test_accuracy: Option<f64>,
    /// The targets of the cell's workload, in its order.
    pub targets: Vec<TimeToTarget>,
    /// Median peak resident memory in bytes.
    pub peak_rss_bytes: Option<u64>,
    /// Median peak of device memory in bytes.
    pub peak_device_bytes: Option<u64>,
    /// Median energy of the graphics processor over the training epochs of a run to the end, in
    /// joules.
    pub energy_joules: Option<f64>,
    /// Median seconds of loading the library and opening the session.
    pub start_seconds: Option<f64>,
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

/// One summary per cell: the plan's cells in order, then any other.
pub fn summarize(record: &Record) -> Vec<CellSummary<'_>> {
    let cells = record.by_cell().into_iter();
    cells.map(|(cell, runs)| CellSummary::of(record, cell, runs)).collect()
}

impl Record {
    /// What the runs of one of its cells give together.
    pub fn cell<'r>(&'r self, cell: &'r Cell) -> CellSummary<'r> {
        CellSummary::of(self, cell, self.samples_of(cell).collect())
    }
}

impl<'r> CellSummary<'r> {
    fn of(record: &'r Record, cell: &'r Cell, runs: Vec<&'r Run>) -> Self {
        let is_ranked = Run::are_ranked(runs.iter().copied());
        let ranked = if is_ranked { one_of_each_seed(&runs) } else { Vec::new() };
        let to_the_end: Vec<&Run> = ranked.iter().copied().filter(|run| run.is_whole()).collect();
        let train_seconds = EpochSeconds::of(&ranked);
        let mut summary = Self {
            cell,
            is_software: record.started.adapter_of(cell).is_some_and(|adapter| adapter.is_software),
            is_ranked,
            framework: runs.iter().rev().find_map(|run| run.end.framework.as_deref()),
            train_seconds,
            predict_seconds: median(
                ranked.iter().flat_map(|run| &run.epochs).map(|epoch| epoch.predict_seconds),
            ),
            train_loss: median_of(&to_the_end, |run| run.epochs.last()?.train_loss),
            train_accuracy: median_of(&to_the_end, |run| run.epochs.last()?.train_accuracy),
            test_accuracy: median_of(&to_the_end, |run| run.epochs.last()?.test_accuracy),
            targets: Vec::new(),
            peak_rss_bytes: whole(median_of(&ranked, |run| Some(run.end.peak_rss_bytes? as f64))),
            peak_device_bytes: whole(median_of(&ranked, |run| {
                Some(run.end.gpu.as_ref()?.peak_memory_bytes? as f64)
            })),
            energy_joules: median_of(&to_the_end, |run| run.end.gpu.as_ref()?.energy_joules),
            start_seconds: median_of(&ranked, Run::start_seconds),
            cold_start_seconds: median_of(&ranked, Run::cold_start_seconds),
            percent_of_peak: train_seconds
                .and_then(|seconds| ceiling::percent_of_peak(&record.started, cell, seconds.median)),
            runs,
            ranked,
        };
        summary.targets = record.targets_of(cell).iter().map(|&target| summary.time_to(target)).collect();
        summary
    }

    /// The runs of which it is counted how many reached a target: those to the end that were
    /// tried, whether or not they trained all their epochs; none where the cell is not ranked.
    pub fn tried(&self) -> impl Iterator<Item = &'r Run> {
        self.runs.iter().copied().filter(|run| self.is_ranked && run.is_tried())
    }

    /// The ranked runs that were trained to the end, of which accuracies, targets and what was
    /// learned are told.
    pub fn whole(&self) -> impl Iterator<Item = &'r Run> {
        self.ranked.iter().copied().filter(|run| run.is_whole())
    }

    /// How many of the ranked runs were for time only.
    pub fn timing_runs(&self) -> usize {
        self.ranked.len() - self.whole().count()
    }

    /// The median of the training seconds per epoch.
    pub fn seconds(&self) -> Option<f64> {
        Some(self.train_seconds?.median)
    }

    /// Training seconds per epoch of the ranked runs, by seed.
    pub fn seconds_by_seed(&self) -> BTreeMap<u64, f64> {
        by_seed(self.ranked.iter().copied(), Run::seconds_per_epoch)
    }

    /// Training accuracy of the ranked runs to the end after their last epoch, by seed.
    pub fn final_accuracy_by_seed(&self) -> BTreeMap<u64, f64> {
        by_seed(self.whole(), |run| run.epochs.last()?.train_accuracy)
    }

    /// Why there is no median, where there is none.
    pub fn without_numbers(&self) -> Option<&'static str> {
        match self {
            Self { is_ranked: false, .. } => Some(Reach::NotRanked.name()),
            Self { ranked, .. } if ranked.is_empty() => Some("no ok run"),
            _ => None,
        }
    }

    /// How its runs ended, such as `2 ok, 1 failed`.
    pub fn status(&self) -> String {
        let mut counts: Vec<(&str, usize)> = Vec::new();
        for run in &self.runs {
            let name = run.end.outcome.name();
            match counts.iter_mut().find(|(counted, _)| *counted == name) {
                Some((_, count)) => *count += 1,
                None => counts.push((name, 1)),
            }
        }
        if counts.is_empty() {
            return Reach::NotRun.name().to_owned();
        }
        let mut told: Vec<String> = counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
        let timed = self.runs.iter().filter(|run| !run.is_whole()).count();
        told.extend((timed > 0).then(|| format!("{timed} of them for time only")));
        told.join(", ")
    }

    /// The conformance gate's verdict: that of the run that failed the gate, else of the audited
    /// one, else of the last to the end, whose learning curve says more than that of one for time
    /// only.
    pub fn conformance(&self) -> Option<&'r Conformance> {
        let verdict = |run: &&'r Run| run.end.conformance.as_ref();
        let failed = self.runs.iter().filter_map(verdict).find(|conformance| !conformance.passed);
        let audited = self.runs.iter().find(|run| run.audit.is_some()).and_then(verdict);
        let last = self.runs.iter().rev().filter(|run| verdict(run).is_some());
        failed.or(audited).or(last.max_by_key(|run| run.is_whole()).and_then(verdict))
    }
}

/// The runs that trained all their epochs, of each seed one: that to the end where there is one
/// for time only besides.
fn one_of_each_seed<'r>(runs: &[&'r Run]) -> Vec<&'r Run> {
    let ok = || runs.iter().copied().filter(|run| run.is_ok());
    let is_first = |run: &&Run| run.is_whole() || !ok().any(|one| one.is_whole() && one.seed == run.seed);
    ok().filter(is_first).collect()
}

fn by_seed<'r>(
    runs: impl Iterator<Item = &'r Run>,
    value: impl Fn(&Run) -> Option<f64>,
) -> BTreeMap<u64, f64> {
    runs.filter_map(|run| Some((run.seed, value(run)?))).collect()
}

fn median_of(runs: &[&Run], value: impl Fn(&Run) -> Option<f64>) -> Option<f64> {
    median(runs.iter().filter_map(|run| value(run)))
}

fn whole(bytes: Option<f64>) -> Option<u64> {
    bytes.map(|bytes| bytes as u64)
}

impl EpochSeconds {
    fn of(runs: &[&Run]) -> Option<Self> {
        let is_warm = runs.iter().any(|run| run.is_warm());
        let medians: Vec<f64> = runs.iter().filter_map(|run| median(run.timed_seconds(!is_warm))).collect();
        let all: Vec<f64> = runs.iter().flat_map(|run| run.timed_seconds(!is_warm)).collect();
        Some(Self {
            median: median(medians.iter().copied())?,
            interval: statistics::geometric_interval(&medians),
            min: all.iter().copied().reduce(f64::min)?,
            max: all.iter().copied().reduce(f64::max)?,
            epochs: all.len(),
            basis: if is_warm { Basis::AfterFirst } else { Basis::FirstOnly },
        })
    }
}

/// Why there is nothing to tell of cells none of which has a run that counts, as the beginning
/// of a sentence; `None` where one has.
pub(crate) fn why_nothing<'s>(
    mut cells: impl Iterator<Item = &'s CellSummary<'s>> + Clone,
) -> Option<&'static str> {
    let any_unranked = cells.clone().any(|cell| !cell.is_ranked);
    let why =
        if any_unranked { "No ranked run trained all its epochs" } else { "No run trained all its epochs" };
    cells.all(|cell| cell.ranked.is_empty()).then_some(why)
}
