//! Learning curves of a group: per cell and epoch the median over seeds, and the least and
//! greatest. The page's script draws them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::colours::{Colours, dash_of};
use crate::record::{Epoch, Metric, Record, Run};
use crate::statistics::median;
use crate::summary::Group;

/// What is drawn against what.
#[derive(Clone, Copy)]
pub(super) struct Axes {
    quantity: Quantity,
    against_seconds: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Quantity {
    Loss,
    TrainAccuracy,
    TestAccuracy,
}

impl Quantity {
    const ALL: [Self; 3] = [Self::Loss, Self::TrainAccuracy, Self::TestAccuracy];

    fn name(self) -> &'static str {
        match self {
            Self::Loss => "training loss",
            Self::TrainAccuracy => "training accuracy",
            Self::TestAccuracy => "test accuracy",
        }
    }

    /// The data as the script names them.
    fn key(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::TrainAccuracy => "train",
            Self::TestAccuracy => "test",
        }
    }

    fn of(self, epoch: &Epoch) -> Option<f64> {
        match self {
            Self::Loss => epoch.train_loss,
            Self::TrainAccuracy => epoch.train_accuracy,
            Self::TestAccuracy => epoch.test_accuracy,
        }
    }

    fn is_target_of(self, metric: Metric) -> bool {
        match metric {
            Metric::TrainAccuracy => self == Self::TrainAccuracy,
            Metric::TestAccuracy => self == Self::TestAccuracy,
        }
    }
}

impl Axes {
    /// All charts of a group, those against epochs first.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        [false, true].into_iter().flat_map(|against_seconds| {
            Quantity::ALL.into_iter().map(move |quantity| Self { quantity, against_seconds })
        })
    }

    /// `training loss against epochs`.
    pub(super) fn title(self) -> String {
        format!("{} against {}", self.quantity.name(), self.x_key())
    }

    /// The data that the horizontal axis is of, as the script names them.
    pub(super) fn x_key(self) -> &'static str {
        if self.against_seconds { "seconds" } else { "epochs" }
    }

    /// The data that the vertical axis is of, as the script names them.
    pub(super) fn y_key(self) -> &'static str {
        self.quantity.key()
    }

    /// Whether any of the lines has a value of the quantity.
    pub(super) fn has_values(self, all: &[Series]) -> bool {
        all.iter().flat_map(|series| &series.points).any(|point| !self.quantity.spread(point).is_null())
    }
}

/// The values of a group's target lines, by the quantity that they are of.
pub(super) fn targets(record: &Record, group: &Group) -> Value {
    let targets = group.cells.first().map_or(&[][..], |summary| record.targets_of(summary.cell));
    let of_quantities = Quantity::ALL.into_iter().map(|quantity| {
        let own = targets.iter().filter(|target| quantity.is_target_of(target.metric));
        (quantity.key().to_owned(), own.map(|target| target.at_least).collect())
    });
    Value::Object(of_quantities.collect())
}

/// The line of one cell.
pub(super) struct Series {
    /// Its name in the group.
    pub(super) label: String,
    /// Index of its colour: one per backend.
    pub(super) colour: usize,
    /// Its dashes: one pattern per implementation.
    pub(super) dash: &'static str,
    points: Vec<Point>,
}

/// The same epoch of every seed.
struct Point {
    epoch: u32,
    /// Median of the training seconds summed up to its end.
    seconds: f64,
    /// Of each [`Quantity`] median, least and greatest; `null` where no value is finite.
    spreads: [Value; Quantity::ALL.len()],
}

impl Quantity {
    fn spread(self, point: &Point) -> &Value {
        &point.spreads[self as usize]
    }
}

/// The lines of a group's cells that have a ranked run, which alone enter.
pub(super) fn series(group: &Group<'_>, colours: &Colours) -> Vec<Series> {
    let mut all = Vec::new();
    for summary in &group.cells {
        let (cell, points) = (summary.cell, points(&summary.ranked));
        if !points.is_empty() {
            let (label, colour) = (group.label(cell), colours.get(cell));
            all.push(Series { label, colour, dash: dash_of(&cell.implementation), points });
        }
    }
    all
}

impl Series {
    /// What the page's script draws and reads out.
    pub(super) fn data(&self) -> Value {
        let mut data = json!({
            "label": self.label,
            "colour": self.colour,
            "dash": self.dash,
            "epochs": self.points.iter().map(|point| point.epoch).collect::<Vec<_>>(),
            "seconds": self.points.iter().map(|point| rounded(point.seconds)).collect::<Vec<_>>(),
        });
        for quantity in Quantity::ALL {
            data[quantity.key()] = self.points.iter().map(|point| quantity.spread(point).clone()).collect();
        }
        data
    }
}

/// The samples of one epoch's number, of every run that has it.
#[derive(Default)]
struct Samples<'r> {
    epochs: Vec<&'r Epoch>,
    /// Training seconds summed up to its end.
    seconds: Vec<f64>,
}

fn points(runs: &[&Run]) -> Vec<Point> {
    let mut samples: BTreeMap<u32, Samples<'_>> = BTreeMap::new();
    for run in runs {
        let mut seconds = 0.0;
        for epoch in &run.epochs {
            seconds += epoch.train_seconds;
            let of_number = samples.entry(epoch.number).or_default();
            of_number.epochs.push(epoch);
            of_number.seconds.push(seconds);
        }
    }
    let points = samples.into_iter().filter_map(|(epoch, Samples { epochs, seconds })| {
        let spreads = Quantity::ALL
            .map(|quantity| spread(epochs.iter().filter_map(|epoch| quantity.of(epoch)).collect()));
        Some(Point { epoch, seconds: median(seconds)?, spreads })
    });
    points.collect()
}

/// Median, least and greatest of the finite values; `null` where there is none.
pub(super) fn spread(mut values: Vec<f64>) -> Value {
    values.retain(|value| value.is_finite());
    let low = values.iter().copied().reduce(f64::min);
    let high = values.iter().copied().reduce(f64::max);
    match (median(values), low, high) {
        (Some(median), Some(low), Some(high)) => json!([median, low, high].map(rounded)),
        _ => Value::Null,
    }
}

/// Six significant digits: what a chart can show at most.
pub(super) fn rounded(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}
