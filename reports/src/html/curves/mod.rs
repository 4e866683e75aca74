//! Learning curves: median over seeds as a line, least to greatest as a band.

mod plot;
mod series;

use plot::Plot;
use series::{Point, Spread};
pub(super) use series::{Series, rounded, series};

use super::svg::escape;
use crate::number::{fraction, seconds, significant};
use crate::record::{Metric, Record, Target};
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

impl Axes {
    /// All charts of a group, those against epochs first.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let quantities = [Quantity::Loss, Quantity::TrainAccuracy, Quantity::TestAccuracy];
        [false, true].into_iter().flat_map(move |against_seconds| {
            quantities.into_iter().map(move |quantity| Self { quantity, against_seconds })
        })
    }

    fn quantity_name(self) -> &'static str {
        match self.quantity {
            Quantity::Loss => "training loss",
            Quantity::TrainAccuracy => "training accuracy",
            Quantity::TestAccuracy => "test accuracy",
        }
    }

    /// `training loss against epochs`.
    pub(super) fn title(self) -> String {
        format!("{} against {}", self.quantity_name(), self.x_key())
    }

    /// The data that the horizontal axis is of, as the script names them.
    pub(super) fn x_key(self) -> &'static str {
        if self.against_seconds { "seconds" } else { "epochs" }
    }

    /// The data that the vertical axis is of, as the script names them.
    pub(super) fn y_key(self) -> &'static str {
        match self.quantity {
            Quantity::Loss => "loss",
            Quantity::TrainAccuracy => "train",
            Quantity::TestAccuracy => "test",
        }
    }

    fn y(self, point: &Point) -> Option<Spread> {
        point.quantity(self.quantity)
    }

    fn x(self, point: &Point) -> f64 {
        if self.against_seconds { point.seconds } else { f64::from(point.epoch) }
    }

    fn show(self, value: f64) -> String {
        if self.quantity == Quantity::Loss { significant(value) } else { fraction(value) }
    }

    fn is_of(self, target: &Target) -> bool {
        match target.metric {
            Metric::TrainAccuracy => self.quantity == Quantity::TrainAccuracy,
            Metric::TestAccuracy => self.quantity == Quantity::TestAccuracy,
        }
    }
}

/// The targets that a chart of these axes shows for a group.
pub(super) fn targets(record: &Record, group: &Group, axes: Axes) -> Vec<f64> {
    let of_group = group.cells.first().map_or(&[][..], |summary| record.targets_of(summary.cell));
    of_group.iter().filter(|target| axes.is_of(target)).map(|target| target.at_least).collect()
}

/// The chart as SVG, or `None` where no epoch has the quantity. `id` is unique in
/// the document.
pub(super) fn chart(
    record: &Record,
    group: &Group,
    series: &[Series],
    axes: Axes,
    id: &str,
) -> Option<String> {
    let targets = targets(record, group, axes);
    let plot = Plot::over(series, axes, &targets)?;
    let mut svg = plot.open();
    svg += &format!(
        r#" role="img" aria-labelledby="{id}-t {id}-d"><title id="{id}-t">{}, {} on {}</title><desc id="{id}-d">{}</desc>"#,
        escape(&axes.title()),
        escape(&group.workload),
        escape(&group.device),
        escape(&description(series, axes)),
    );
    plot.draw(&mut svg, series, axes, &targets);
    svg.push_str("</svg>");
    Some(svg)
}

/// The last values in words, for those who do not see the chart.
fn description(series: &[Series], axes: Axes) -> String {
    let told = series.iter().filter_map(|one| {
        let (point, value) = one.end(axes)?;
        let after =
            if axes.against_seconds { format!(", {}", seconds(point.seconds)) } else { String::new() };
        Some(format!("{}: {} after epoch {}{after}", one.label, axes.show(value.median), point.epoch))
    });
    told.collect::<Vec<_>>().join("; ")
}
