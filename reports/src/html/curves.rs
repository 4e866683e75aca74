//! Learning curves of a group: per cell and epoch the median over seeds, and the least and
//! greatest. The page's script draws them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::colours::{Colours, Look};
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
        all.iter().flat_map(|series| &series.spreads[self.y_key()]).any(Option::is_some)
    }
}

/// The values of a group's target lines, by the [`Quantity::key`] that they are of.
pub(super) fn targets(record: &Record, group: &Group) -> BTreeMap<&'static str, Vec<f64>> {
    let targets = group.cells.first().map_or(&[][..], |summary| record.targets_of(summary.cell));
    let of_quantities = Quantity::ALL.into_iter().map(|quantity| {
        let own = targets.iter().filter(|target| quantity.is_target_of(target.metric));
        (quantity.key(), own.map(|target| target.at_least).collect())
    });
    of_quantities.collect()
}

/// The line of one cell, as the page's script draws it and reads it out.
#[derive(Serialize)]
pub(super) struct Series {
    #[serde(flatten)]
    look: Look,
    epochs: Vec<u32>,
    /// Per epoch the median of the training seconds summed up to its end.
    seconds: Vec<f64>,
    /// Per epoch the values of every seed, by [`Quantity::key`]; `None` where none is finite.
    #[serde(flatten)]
    spreads: BTreeMap<&'static str, Vec<Option<Spread>>>,
}

/// Median, least and greatest.
pub(super) type Spread = [f64; 3];

/// The lines of a group's cells that have a ranked run to the end, which alone enter.
pub(super) fn series(group: &Group<'_>, colours: &Colours) -> Vec<Series> {
    let all = group.cells.iter().map(|summary| line(colours.look(group, summary.cell), summary.whole()));
    all.filter(|series| !series.epochs.is_empty()).collect()
}

/// The samples of one epoch's number, of every run that has it.
#[derive(Default)]
struct Samples<'r> {
    epochs: Vec<&'r Epoch>,
    /// Training seconds summed up to its end.
    seconds: Vec<f64>,
}

fn line<'r>(look: Look, runs: impl Iterator<Item = &'r Run>) -> Series {
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
    let mut line = Series { look, epochs: Vec::new(), seconds: Vec::new(), spreads: BTreeMap::new() };
    for (number, Samples { epochs, seconds }) in samples {
        let Some(seconds) = median(seconds) else { continue };
        line.epochs.push(number);
        line.seconds.push(rounded(seconds));
        for quantity in Quantity::ALL {
            let values = epochs.iter().filter_map(|epoch| quantity.of(epoch)).collect();
            line.spreads.entry(quantity.key()).or_default().push(spread(values));
        }
    }
    line
}

/// The spread of the finite values; `None` where there is none.
pub(super) fn spread(mut values: Vec<f64>) -> Option<Spread> {
    values.retain(|value| value.is_finite());
    let low = values.iter().copied().reduce(f64::min)?;
    let high = values.iter().copied().reduce(f64::max)?;
    Some([median(values)?, low, high].map(rounded))
}

/// Six significant digits: what a chart can show at most.
pub(super) fn rounded(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}
