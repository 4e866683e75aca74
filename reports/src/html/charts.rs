//! All charts of one workload on one device.

use serde::Serialize;
use serde_json::{Value, json};

use super::colours::Colours;
use super::curves::{self, Axes, Series};
use super::rows::{relative::RelativeTimes, targets, times};
use crate::comparison::Relative;
use crate::number::count;
use crate::record::{Record, Target};
use crate::summary::{Group, why_nothing};

/// The charts of a group.
#[derive(Serialize)]
pub(super) struct Charts {
    index: usize,
    title: String,
    legend: Vec<LegendEntry>,
    curves: Vec<Curve>,
    /// Seconds per epoch; `None`: no cell has a time.
    times: Option<String>,
    times_legend: String,
    targets: Vec<TargetChart>,
    relative: Option<RelativeChart>,
    #[serde(skip)]
    data: Value,
}

#[derive(Serialize)]
struct LegendEntry {
    label: String,
    colour: usize,
    dash: &'static str,
}

#[derive(Serialize)]
struct Curve {
    title: String,
    x: &'static str,
    y: &'static str,
    /// `None`: no epoch has the quantity.
    svg: Option<String>,
}

#[derive(Serialize)]
struct TargetChart {
    title: String,
    /// `None`: no run reached it.
    svg: Option<String>,
    /// What is said then.
    words: String,
}

#[derive(Serialize)]
struct RelativeChart {
    svg: String,
    baselines: Vec<(usize, String)>,
}

impl Charts {
    /// Draws the charts of a group, which is the record's `index`th.
    pub(super) fn of(record: &Record, colours: &Colours, group: &Group, index: usize) -> Self {
        let series = curves::series(group, colours);
        let relative = RelativeTimes::of(group, Relative::of(record, group));
        let targets = group.cells.first().map_or(&[][..], |summary| record.targets_of(summary.cell));
        let target_chart = |(number, target): (usize, &Target)| {
            target_chart(record, group, colours, *target, &format!("target-{index}-{number}"))
        };
        Self {
            index,
            title: format!("{} on {}", group.workload, group.device),
            curves: curves_of(record, group, &series, index),
            times: times::chart(group, colours, usize::MAX, &format!("times-{index}")),
            times_legend: times::legend(group),
            targets: targets.iter().enumerate().map(target_chart).collect(),
            relative: relative.as_ref().map(|relative| RelativeChart {
                svg: relative.chart(colours, &format!("relative-{index}")),
                baselines: relative.baselines(),
            }),
            data: json!({
                "series": series.iter().map(Series::data).collect::<Vec<_>>(),
                "targets": target_data(record, group),
                "relative": relative.as_ref().map(RelativeTimes::data),
            }),
            legend: series.into_iter().map(LegendEntry::from).collect(),
        }
    }

    /// What the page's script needs to draw them again.
    pub(super) fn data(all: &[Self]) -> Value {
        all.iter().map(|charts| charts.data.clone()).collect()
    }
}

impl From<Series> for LegendEntry {
    fn from(series: Series) -> Self {
        Self { label: series.label, colour: series.colour, dash: series.dash }
    }
}

fn curves_of(record: &Record, group: &Group, series: &[Series], index: usize) -> Vec<Curve> {
    let curve = |(number, axes): (usize, Axes)| Curve {
        title: axes.title(),
        x: axes.x_key(),
        y: axes.y_key(),
        svg: curves::chart(record, group, series, axes, &format!("curve-{index}-{number}")),
    };
    Axes::all().enumerate().map(curve).collect()
}

/// The values of target lines by the quantity that they are of.
fn target_data(record: &Record, group: &Group) -> Value {
    let of_axes = |axes: Axes| (axes.y_key().to_owned(), Value::from(curves::targets(record, group, axes)));
    Value::Object(Axes::all().map(of_axes).collect())
}

fn target_chart(record: &Record, group: &Group, colours: &Colours, target: Target, id: &str) -> TargetChart {
    let name = target.name();
    let words = if let Some(why) = why_nothing(group.cells.iter()) {
        format!("{why}, so there is no time.")
    } else {
        let epochs = count(record.started.plan.epochs as usize, "epoch");
        format!("No run of any cell reached {name} in {epochs}.")
    };
    TargetChart {
        title: format!("Time to {name}"),
        svg: targets::chart(record, group, colours, (target, &name), id),
        words,
    }
}
