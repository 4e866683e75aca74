//! A quantity along a sweep, for a chart and for a table.

use serde::{Serialize, Serializer};

use super::{Axis, Line, Sweep};
use crate::formats::Grid;
use crate::number::{fraction, ratio, seconds, significant};
use crate::record::{Implementation, Metric, Record, Target};
use crate::statistics::median;
use crate::summary::{CellSummary, Reach, not_reached_in};

/// What is looked at along a sweep.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Quantity {
    /// The first epoch that reaches a target.
    EpochsTo(Target),
    /// Accuracy after the last epoch.
    Accuracy(Metric),
    /// Training seconds per epoch.
    Seconds,
    /// How many times as fast as with the fewest threads.
    SpeedUp,
}

impl Quantity {
    /// Its name for programs.
    pub fn key(self) -> String {
        match self {
            Self::EpochsTo(target) => format!("epochs_to_{}", target.key()),
            Self::Accuracy(metric) => metric.key().to_owned(),
            Self::Seconds => "train_seconds".to_owned(),
            Self::SpeedUp => "speed_up".to_owned(),
        }
    }

    /// Its name for people.
    pub fn name(self) -> String {
        match self {
            Self::EpochsTo(target) => format!("epochs to {}", target.name()),
            Self::Accuracy(metric) => format!("{} after the last epoch", metric.name()),
            Self::Seconds => "training seconds per epoch".to_owned(),
            Self::SpeedUp => "speed-up over the fewest threads".to_owned(),
        }
    }

    /// A value of it.
    fn told(self, value: f64) -> String {
        match self {
            Self::EpochsTo(_) => value.to_string(),
            Self::Accuracy(_) => fraction(value),
            Self::Seconds => seconds(value),
            Self::SpeedUp => ratio(value),
        }
    }

    /// An end of its range: a value without its unit.
    fn told_in_range(self, value: f64) -> String {
        match self {
            Self::Seconds | Self::SpeedUp => significant(value),
            _ => self.told(value),
        }
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.key())
    }
}

/// A quantity along a sweep.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Picture {
    /// What varies.
    pub axis: Axis,
    /// What is looked at.
    pub quantity: Quantity,
    /// The device.
    pub device: String,
    /// What the lines have in common, and pictures beside it have otherwise.
    pub fixed: Vec<String>,
    /// Epochs of a run to the end.
    pub epochs: u32,
    /// What was found.
    pub lines: Vec<Trace>,
}

/// A line of a picture.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trace {
    /// Its name among the others.
    pub label: String,
    /// Its backend.
    pub backend: String,
    /// Its implementation of batch norm.
    pub implementation: Implementation,
    /// Its workload, without what varies.
    pub workload: String,
    /// Its values, ascending by what varies.
    pub points: Vec<Point>,
}

/// What was found at one place of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// The value of what varies.
    pub at: f64,
    /// The quantity, where there is one.
    pub value: Option<Spread>,
    /// Whether there is none because training did not get there.
    pub is_missed: bool,
    /// `2 of 3`, where some runs got there and others did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<String>,
    /// All that in words.
    pub told: String,
}

/// The values of a cell's seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// Their median.
    pub median: f64,
    /// The least.
    pub least: f64,
    /// The greatest.
    pub greatest: f64,
}

impl Spread {
    /// `None` where no value is finite.
    fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let finite: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        Some(Self {
            median: median(finite.iter().copied())?,
            least: finite.iter().copied().reduce(f64::min)?,
            greatest: finite.iter().copied().reduce(f64::max)?,
        })
    }
}

impl Picture {
    pub(super) fn of(record: &Record, sweep: &Sweep<'_>, quantity: Quantity) -> Self {
        let epochs = record.started.plan.epochs;
        let lines = sweep.lines.iter().filter_map(|line| {
            let cell = line.cell()?;
            let points = line.cells.iter().map(|(at, summary)| point(line, *at, summary, quantity, epochs));
            Some(Trace {
                label: sweep.label(line),
                backend: cell.backend.clone(),
                implementation: cell.implementation.clone(),
                workload: line.workload.to_owned(),
                points: points.collect(),
            })
        });
        let (device, fixed) = (sweep.device.to_owned(), sweep.fixed.clone());
        Self { axis: sweep.axis, quantity, device, fixed, epochs, lines: lines.collect() }
    }

    /// Whether there is anything to draw.
    pub fn has_marks(&self) -> bool {
        let mut points = self.lines.iter().flat_map(|line| &line.points);
        points.any(|point| point.value.is_some() || point.is_missed)
    }

    /// The same as a table: a row per value, a column per line.
    pub fn grid(&self, title: String) -> Grid {
        let mut values: Vec<f64> =
            self.lines.iter().flat_map(|line| &line.points).map(|point| point.at).collect();
        values.sort_by(f64::total_cmp);
        values.dedup();
        let rows = values.into_iter().map(|value| {
            let of_line = |line: &Trace| {
                let point = line.points.iter().find(|point| point.at == value);
                point.map_or_else(|| "not tried".to_owned(), |point| point.told.clone())
            };
            std::iter::once(value.to_string()).chain(self.lines.iter().map(of_line)).collect()
        });
        let header = std::iter::once(self.axis.name().to_owned());
        Grid {
            title,
            header: header.chain(self.lines.iter().map(|line| line.label.clone())).collect(),
            rows: rows.collect(),
        }
    }
}

fn point(line: &Line<'_>, at: f64, summary: &CellSummary<'_>, quantity: Quantity, epochs: u32) -> Point {
    let missing = |told: String, is_missed| Point { at, value: None, is_missed, share: None, told };
    if let Quantity::EpochsTo(target) = quantity {
        let time = summary.time_to(target);
        match time.reach() {
            Reach::Reached => {}
            Reach::NotReached => return missing(not_reached_in(epochs as usize), true),
            reach => return missing(reach.name().to_owned(), reach == Reach::NoneFinished),
        }
        let share = (time.reached < time.tried).then(|| time.share());
        return found(at, summary, quantity, values(line, summary, quantity), share);
    }
    match values(line, summary, quantity) {
        values if values.is_empty() => {
            missing(summary.without_numbers().unwrap_or(Reach::NotRun.name()).to_owned(), false)
        }
        values => found(at, summary, quantity, values, None),
    }
}

fn found(
    at: f64,
    summary: &CellSummary<'_>,
    quantity: Quantity,
    values: Vec<f64>,
    share: Option<String>,
) -> Point {
    let value = Spread::of(values);
    let mut told = value.map_or_else(
        || summary.without_numbers().unwrap_or("not finite").to_owned(),
        |value| quantity.told(value.median),
    );
    if let Some(Spread { least, greatest, .. }) = value.filter(|value| value.least < value.greatest) {
        told += &format!(" [{}, {}]", quantity.told_in_range(least), quantity.told_in_range(greatest));
    }
    told.extend(share.iter().map(|share| format!(" ({share})")));
    Point { at, value, is_missed: false, share, told }
}

/// The quantity of every seed.
fn values(line: &Line<'_>, summary: &CellSummary<'_>, quantity: Quantity) -> Vec<f64> {
    match quantity {
        Quantity::EpochsTo(target) => {
            summary.whole().filter_map(|run| run.reached(target)).map(|(epoch, _)| f64::from(epoch)).collect()
        }
        Quantity::Accuracy(metric) => {
            summary.whole().filter_map(|run| run.epochs.last()?.metric(metric)).collect()
        }
        Quantity::Seconds => summary.seconds_by_seed().into_values().collect(),
        Quantity::SpeedUp => {
            let Some((_, fewest)) = line.cells.first() else { return Vec::new() };
            let pairs = crate::paired::pairs(&fewest.seconds_by_seed(), &summary.seconds_by_seed());
            pairs.into_iter().map(|(fewest, own)| fewest / own).collect()
        }
    }
}
