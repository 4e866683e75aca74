//! The lines of a group: per cell and epoch the median over seeds and the least and greatest.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::colours::{Colours, dash_of};
use super::{Axes, Quantity};
use crate::record::{Epoch, Run};
use crate::statistics::median;
use crate::summary::Group;

/// The line of one cell.
pub(in super::super) struct Series {
    /// Its name in the group.
    pub(in super::super) label: String,
    /// Index of its colour: one per backend.
    pub(in super::super) colour: usize,
    /// Its dashes: one pattern per implementation.
    pub(in super::super) dash: &'static str,
    pub(super) points: Vec<Point>,
}

/// The same epoch of every seed.
pub(super) struct Point {
    pub(super) epoch: u32,
    /// Median of the training seconds summed up to its end.
    pub(super) seconds: f64,
    loss: Option<Spread>,
    train_accuracy: Option<Spread>,
    test_accuracy: Option<Spread>,
}

#[derive(Clone, Copy)]
pub(super) struct Spread {
    pub(super) low: f64,
    pub(super) median: f64,
    pub(super) high: f64,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64> + Clone) -> Option<Self> {
        let finite = values.filter(|value| value.is_finite());
        Some(Self {
            low: finite.clone().reduce(f64::min)?,
            high: finite.clone().reduce(f64::max)?,
            median: median(finite)?,
        })
    }

    fn data(self) -> Value {
        json!([rounded(self.median), rounded(self.low), rounded(self.high)])
    }
}

impl Point {
    pub(super) fn quantity(&self, quantity: Quantity) -> Option<Spread> {
        match quantity {
            Quantity::Loss => self.loss,
            Quantity::TrainAccuracy => self.train_accuracy,
            Quantity::TestAccuracy => self.test_accuracy,
        }
    }
}

impl Series {
    /// The last point that has the quantity.
    pub(super) fn end(&self, axes: Axes) -> Option<(&Point, Spread)> {
        self.points.iter().rev().find_map(|point| Some((point, axes.y(point)?)))
    }

    /// What the page's script draws and reads out.
    pub(in super::super) fn data(&self) -> Value {
        let of = |quantity| -> Vec<Value> {
            let value = |point: &Point| point.quantity(quantity).map_or(Value::Null, Spread::data);
            self.points.iter().map(value).collect()
        };
        json!({
            "label": self.label,
            "colour": self.colour,
            "epochs": self.points.iter().map(|point| point.epoch).collect::<Vec<_>>(),
            "seconds": self.points.iter().map(|point| rounded(point.seconds)).collect::<Vec<_>>(),
            "loss": of(Quantity::Loss),
            "train": of(Quantity::TrainAccuracy),
            "test": of(Quantity::TestAccuracy),
        })
    }
}

/// Six significant digits: what a chart can show at most.
pub(in super::super) fn rounded(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

/// The lines of a group's cells that have a ranked run, which alone enter.
pub(in super::super) fn series(group: &Group<'_>, colours: &Colours) -> Vec<Series> {
    let mut all = Vec::new();
    for summary in &group.cells {
        let cell = summary.cell;
        let points = points(&summary.ranked);
        if !points.is_empty() {
            let (label, colour) = (group.label(cell), colours.get(cell));
            all.push(Series { label, colour, dash: dash_of(&cell.implementation), points });
        }
    }
    all
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
    let point = |(number, Samples { epochs, seconds })| {
        let of = |value: fn(&Epoch) -> Option<f64>| Spread::of(epochs.iter().filter_map(|one| value(one)));
        Some(Point {
            epoch: number,
            seconds: median(seconds)?,
            loss: of(|epoch| epoch.train_loss),
            train_accuracy: of(|epoch| epoch.train_accuracy),
            test_accuracy: of(|epoch| epoch.test_accuracy),
        })
    };
    samples.into_iter().filter_map(point).collect()
}
