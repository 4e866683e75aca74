//! Tables of numbers.

use std::collections::BTreeMap;

use serde::Serialize;

use super::RUNS;
use super::entry::Entry;
use super::number::{Measured, Number};
use super::version::Version;
use crate::number::{date, ratio, seconds, significant, utc};
use crate::record::distinct;
use crate::store::StoreError;
use crate::words::{mark, marks_in_words, verdict_of_times};

/// The newest version of each backend that any run has.
pub(super) type Newest = BTreeMap<String, Version>;

pub(super) fn newest_versions(numbers: &[Number]) -> Newest {
    let mut newest = Newest::new();
    for number in numbers {
        let Some(version) = &number.version else { continue };
        let known = newest.entry(number.backend.clone()).or_insert_with(|| version.clone());
        *known = version.max(known).clone();
    }
    newest
}

/// A table of numbers.
#[derive(Serialize)]
pub(super) struct Table {
    id: String,
    caption: String,
    /// Title of the first column.
    first: &'static str,
    /// Whether its rows are of several workloads and machines.
    with_place: bool,
    /// Whether its rows have several levels; where they have one, the caption says it.
    with_level: bool,
    /// Where 1 lies in the pictures, in per cent of their width.
    one: f64,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    label: String,
    page: Option<String>,
    place: String,
    framework: String,
    /// The newest version, where this is another.
    newer: Option<String>,
    /// Whether a newer run has the same.
    is_old: bool,
    ratio: String,
    ratio_key: Option<f64>,
    /// Low end, value and high end of the ratio, in per cent of the picture's width.
    picture: Option<[f64; 3]>,
    seconds: String,
    seconds_key: Option<f64>,
    gate: String,
    level: &'static str,
    time: String,
    date: String,
    unix_time: f64,
    record: String,
    run_id: String,
}

impl Table {
    /// Of each framework and implementation the newest version's newest number.
    pub(super) fn now(
        entries: &[Entry],
        numbers: &[&Number],
        newest: &Newest,
        id: String,
        dataset: &str,
    ) -> Self {
        let kinds = distinct(numbers.iter().map(|number| (&number.backend, &number.implementation)));
        let latest = kinds.into_iter().filter_map(|kind| {
            let own = numbers.iter().filter(|number| (&number.backend, &number.implementation) == kind);
            // One that has no time says less than one that has.
            own.max_by(|a, b| {
                let by_version = (a.seconds.is_some(), &a.version).cmp(&(b.seconds.is_some(), &b.version));
                by_version.then(a.unix_time.total_cmp(&b.unix_time))
            })
        });
        let mut numbers: Vec<&Number> = latest.copied().collect();
        numbers.sort_by(|a, b| sort_key(a).total_cmp(&sort_key(b)));
        let caption = format!(
            "Of each framework and implementation the newest version's newest run, on {dataset}, the lowest ratio first. \
             In brackets: 95% intervals. A row of an earlier version is paler, and says so."
        );
        let shown = numbers.iter().map(|number| {
            let newer = newest.get(&number.backend).filter(|newest| Some(*newest) != number.version.as_ref());
            let newer = newer.filter(|_| number.version.is_some()).map(|version| version.as_str().to_owned());
            (*number, newer, false)
        });
        Self::of(entries, id, caption, false, shown.collect())
    }

    /// Every number of one framework, the newest version first.
    pub(super) fn over_versions(entries: &[Entry], numbers: &[&Number], newest: &Newest) -> Self {
        let mut numbers = numbers.to_vec();
        numbers.sort_by(|a, b| b.version.cmp(&a.version).then(b.unix_time.total_cmp(&a.unix_time)));
        let caption =
            "Every number of every run, the newest version first; rows of versions that are no longer the \
                       newest are paler."
                .to_owned();
        let shown = numbers.iter().map(|number| {
            let is_old =
                newest.get(&number.backend).is_some_and(|newest| Some(newest) != number.version.as_ref());
            (*number, None, is_old && number.version.is_some())
        });
        Self::of(entries, "versions".to_owned(), caption, true, shown.collect())
    }

    /// Every number of one run.
    pub(super) fn of_run(entries: &[Entry], numbers: &[&Number]) -> Self {
        let caption = "Medians over the seeds; in brackets: 95% intervals.".to_owned();
        let shown = numbers.iter().map(|number| (*number, None, false));
        Self::of(entries, "numbers".to_owned(), caption, true, shown.collect())
    }

    fn of(
        entries: &[Entry],
        id: String,
        caption: String,
        with_place: bool,
        shown: Vec<(&Number, Option<String>, bool)>,
    ) -> Self {
        let scale = Scale::of(shown.iter().map(|(number, ..)| *number));
        let rows: Vec<Row> = shown
            .into_iter()
            .map(|(number, newer, is_old)| Row::of(entries, number, newer, is_old, &scale))
            .collect();
        let ratios: Vec<&str> = rows.iter().map(|row| row.ratio.as_str()).collect();
        let marks = marks_in_words(&ratios.join("\n"));
        let mut caption = format!("{caption} {marks}").trim_end().to_owned();
        let levels = distinct(rows.iter().map(|row| row.level));
        if let [level] = levels[..] {
            caption += &format!(" All are {level}.");
        }
        let with_level = levels.len() > 1;
        Self { id, caption, first: "Framework", with_place, with_level, one: scale.at(1.0), rows }
    }
}

/// By what rows are ordered: those without a number last.
fn sort_key(number: &Number) -> f64 {
    let measured = number.ratio.or(number.seconds);
    measured.map_or(f64::INFINITY, |measured| measured.value)
}

impl Row {
    fn of(entries: &[Entry], number: &Number, newer: Option<String>, is_old: bool, scale: &Scale) -> Self {
        let role = if number.is_ceiling { ", the ceiling" } else { "" };
        let told = |measured: Option<Measured>, show: fn(f64) -> String| match measured {
            Some(Measured { value, interval: Some((low, high)) }) => {
                format!("{} [{}, {}]", show(value), significant(low), significant(high))
            }
            Some(Measured { value, .. }) => show(value),
            None => "none".to_owned(),
        };
        let run_id = entries[number.entry].run_id.clone();
        let ratio_told = match number.ratio {
            None if number.seconds.is_some() => "no ceiling in the run".to_owned(),
            None => number.status.clone(),
            measured if number.is_ceiling => told(measured, ratio),
            measured => told(measured, ratio) + mark(number.against.as_ref()),
        };
        Self {
            label: format!("{}/{}{role}", number.backend, number.implementation),
            page: Some(super::pages::framework_page(&number.backend)),
            place: format!(
                "{} on {}, {}, {}",
                number.workload, number.device, number.dataset, number.machine
            ),
            framework: number.framework.clone(),
            newer,
            is_old,
            ratio: ratio_told,
            ratio_key: number.ratio.map(|measured| measured.value),
            picture: number.ratio.map(|measured| scale.picture(measured)),
            seconds: told(number.seconds, seconds),
            seconds_key: number.seconds.map(|measured| measured.value),
            gate: number.gate.clone(),
            level: number.level.name(),
            date: date(number.unix_time),
            time: utc(number.unix_time),
            unix_time: number.unix_time,
            record: format!("{RUNS}/{run_id}/index.html"),
            run_id,
        }
    }
}

/// Ratios on a logarithmic scale, in per cent of a picture's width.
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    /// From 1, or less where something is faster than the ceiling, to the greatest end.
    fn of<'n>(numbers: impl Iterator<Item = &'n Number>) -> Self {
        let ratios = numbers.filter_map(|number| number.ratio);
        let ends = ratios.map(|one| one.interval.unwrap_or((one.value, one.value)));
        // An interval of few seeds may be endless.
        let (low, high) =
            ends.fold((1.0_f64, 2.0_f64), |(low, high), ends| (low.min(ends.0), high.max(ends.1)));
        Self { low: low.max(0.1).ln(), high: high.min(1000.0).ln() }
    }

    fn at(&self, value: f64) -> f64 {
        let share = (value.max(f64::MIN_POSITIVE).ln() - self.low) / (self.high - self.low);
        // Room for half a point on either side.
        (100.0 * (4.0 + 92.0 * share.clamp(0.0, 1.0))).round() / 100.0
    }

    fn picture(&self, measured: Measured) -> [f64; 3] {
        let (low, high) = measured.interval.unwrap_or((measured.value, measured.value));
        [low, measured.value, high].map(|value| self.at(value))
    }
}

/// Every number for programs.
pub(super) fn csv(entries: &[Entry], numbers: &[Number]) -> Result<String, StoreError> {
    let failed = |cause: String| StoreError::Render { file: "numbers.csv", cause };
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    let header = "run_id,unix_time,workload,definition,dataset,device,machine,backend,implementation,framework,\
                  times_ceiling,times_ceiling_low,times_ceiling_high,verdict,seconds,seconds_low,seconds_high,level,gate,library_hash";
    writer.write_record(header.split(',')).map_err(|cause| failed(cause.to_string()))?;
    for number in numbers {
        let ends = |measured: Option<Measured>| {
            let interval = measured.and_then(|measured| measured.interval);
            [measured.map(|one| one.value), interval.map(|ends| ends.0), interval.map(|ends| ends.1)]
                .map(|value| value.map_or_else(String::new, |value| value.to_string()))
        };
        let mut row = vec![entries[number.entry].run_id.clone(), number.unix_time.to_string()];
        row.push(number.workload.clone());
        row.push(number.definition.clone().unwrap_or_default());
        row.extend([&number.dataset, &number.device, &number.machine, &number.backend].map(Clone::clone));
        row.extend([&number.implementation, &number.framework].map(Clone::clone));
        row.extend(ends(number.ratio));
        let verdict = number.against.as_ref().map(|comparison| verdict_of_times(Some(comparison)));
        row.push(verdict.unwrap_or_default().to_owned());
        row.extend(ends(number.seconds));
        row.extend([number.level.name().to_owned(), number.gate.clone()]);
        row.push(number.library_hash.clone().unwrap_or_default());
        let row = row.iter().map(|text| crate::csv::harmless_text(text.as_str()).into_owned());
        writer.write_record(row).map_err(|cause| failed(cause.to_string()))?;
    }
    let bytes = writer.into_inner().map_err(|cause| failed(cause.to_string()))?;
    String::from_utf8(bytes).map_err(|cause| failed(cause.to_string()))
}
