//! A record for dashboards that keep a history of their own, and draw each number over commits.
//!
//! [Bencher]'s metric format is an object of benchmarks, each an object of measures, each with
//! `value` and maybe `lower_value` and `upper_value`. [github-action-benchmark] reads, as its tool
//! `customSmallerIsBetter`, an array of objects with `name`, `unit`, `value` and maybe `range` and
//! `extra`.
//!
//! A benchmark is a cell, by its workload, name and device; a cell without a time that counts is not
//! in the document, so that a dashboard draws no number that nobody may rank.
//!
//! [Bencher]: https://bencher.dev/docs/reference/bencher-metric-format
//! [github-action-benchmark]: https://github.com/benchmark-action/github-action-benchmark

use std::collections::BTreeMap;

use serde::Serialize;

use super::json::to_text;
use crate::number::significant;
use crate::paired::Relative;
use crate::record::Record;
use crate::statistics::Interval;
use crate::store::StoreError;
use crate::summary::{CellSummary, Group, group, summarize, why_nothing};

/// One number of a cell.
struct Measure {
    /// In Bencher's way of naming, such as `seconds-per-epoch`.
    name: &'static str,
    unit: &'static str,
    value: f64,
    /// Low and high end of its 95% interval.
    interval: Option<(f64, f64)>,
    is_smaller_better: bool,
}

/// What a dashboard draws of a cell.
struct Benchmark {
    /// `lenet-bn candle/builtin@cpu`
    name: String,
    measures: Vec<Measure>,
    /// What the numbers are of, for a reader who wonders.
    remark: String,
}

#[derive(Serialize)]
struct Metric {
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    lower_value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upper_value: Option<f64>,
}

#[derive(Serialize)]
struct Entry {
    name: String,
    unit: &'static str,
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<String>,
    extra: String,
}

/// The document in Bencher's metric format.
///
/// # Errors
/// When no cell has a time that counts: an empty document would look like a benchmark that passed.
pub(super) fn bencher(record: &Record) -> Result<String, StoreError> {
    let metrics = |benchmark: Benchmark| {
        let measures = benchmark.measures.into_iter();
        (benchmark.name, measures.map(|measure| (measure.name, measure.metric())).collect())
    };
    let document: BTreeMap<String, BTreeMap<&str, Metric>> =
        benchmarks(record)?.into_iter().map(metrics).collect();
    to_text(&document)
}

/// The document for github-action-benchmark, of the measures of which less is better.
///
/// # Errors
/// As [`bencher`].
pub(super) fn github_action(record: &Record) -> Result<String, StoreError> {
    let entries = |benchmark: Benchmark| {
        let Benchmark { name, measures, remark } = benchmark;
        let smaller = measures.into_iter().filter(|measure| measure.is_smaller_better);
        smaller.map(move |measure| measure.entry(&name, &remark)).collect::<Vec<Entry>>()
    };
    let document: Vec<Entry> = benchmarks(record)?.into_iter().flat_map(entries).collect();
    to_text(&document)
}

impl Measure {
    fn metric(&self) -> Metric {
        let (lower_value, upper_value) = self.interval.unzip();
        Metric { value: self.value, lower_value, upper_value }
    }

    fn entry(&self, benchmark: &str, remark: &str) -> Entry {
        let range = |(low, high)| format!("[{}, {}]", significant(low), significant(high));
        Entry {
            name: format!("{benchmark}: {}", self.name),
            unit: self.unit,
            value: self.value,
            range: self.interval.map(range),
            extra: remark.to_owned(),
        }
    }
}

fn benchmarks(record: &Record) -> Result<Vec<Benchmark>, StoreError> {
    let groups = group(summarize(record));
    match why_nothing(groups.iter().flat_map(|group| &group.cells)) {
        Some(why) => Err(StoreError::NothingTimed { run: record.started.run_id.clone(), why }),
        None => Ok(groups.iter().flat_map(|group| of_group(record, group)).collect()),
    }
}

fn of_group(record: &Record, group: &Group<'_>) -> Vec<Benchmark> {
    let relative = Relative::of(record, group);
    let mut order = group.order().into_iter();
    let ceiling = order.find(|&place| record.started.is_ceiling(group.cells[place].cell));
    let cells = group.cells.iter().enumerate().filter(|(_, summary)| summary.seconds().is_some());
    cells
        .map(|(place, summary)| {
            let times = ceiling.and_then(|ceiling| relative.get(ceiling, place)?.interval);
            Benchmark {
                name: name(summary),
                measures: summary.measures(times),
                remark: remark(record, summary),
            }
        })
        .collect()
}

impl CellSummary<'_> {
    /// Its numbers; `times_ceiling` is how many times as long as the ceiling an epoch takes, which a
    /// machine's own ups and downs move less than seconds.
    fn measures(&self, times_ceiling: Option<Interval>) -> Vec<Measure> {
        let ends = |interval: Interval| (interval.low, interval.high);
        let smaller =
            |name, unit, value, interval| Measure { name, unit, value, interval, is_smaller_better: true };
        let seconds = self
            .train_seconds
            .map(|seconds| smaller("seconds-per-epoch", "s", seconds.median, seconds.interval.map(ends)));
        let times =
            times_ceiling.map(|times| smaller("times-ceiling", "×", times.estimate, Some(ends(times))));
        let bytes = |name, bytes: Option<u64>| bytes.map(|bytes| smaller(name, "bytes", bytes as f64, None));
        let start = self.cold_start_seconds.map(|seconds| smaller("cold-start", "s", seconds, None));
        let accuracy = self.test_accuracy.map(|accuracy| Measure {
            is_smaller_better: false,
            ..smaller("test-accuracy", "", accuracy, None)
        });
        let all = [
            seconds,
            times,
            start,
            bytes("peak-memory", self.peak_rss_bytes),
            bytes("peak-device-memory", self.peak_device_bytes),
            accuracy,
        ];
        all.into_iter().flatten().collect()
    }
}

fn name(summary: &CellSummary<'_>) -> String {
    let software = if summary.is_software { " (software renderer)" } else { "" };
    format!("{}{software}", summary.cell)
}

/// `candle 0.11.1; 3 ok; run 20260131T130500Z-all`
fn remark(record: &Record, summary: &CellSummary<'_>) -> String {
    let framework = summary.framework.map(|framework| format!("{framework}; ")).unwrap_or_default();
    format!("{framework}{}; run {}", summary.status(), record.started.run_id)
}
