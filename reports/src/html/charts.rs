//! All charts of one workload on one device: what the page's script draws, and words where
//! there is nothing to draw.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::colours::Colours;
use super::curves::{self, Axes, Series};
use super::rows::{RowChart, relative::RelativeTimes, targets, times};
use crate::number::count;
use crate::paired::Relative;
use crate::record::{Record, Target};
use crate::summary::{Group, why_nothing};

/// The charts of a group.
#[derive(Serialize)]
pub(super) struct Charts {
    /// What its six charts of curves share.
    lines: Lines,
    curves: Vec<Curve>,
    /// Seconds per epoch; `None`: no cell has a time.
    times: Option<RowChart>,
    times_legend: String,
    targets: Vec<TargetChart>,
    /// `None`: fewer than two cells have a time.
    relative: Option<Value>,
}

#[derive(Serialize)]
struct Lines {
    title: String,
    series: Vec<Series>,
    targets: BTreeMap<&'static str, Vec<f64>>,
}

#[derive(Serialize)]
struct Curve {
    title: String,
    x: &'static str,
    y: &'static str,
    /// Whether any epoch has the quantity.
    has_values: bool,
}

#[derive(Serialize)]
struct TargetChart {
    title: String,
    /// `None`: no run reached it.
    rows: Option<RowChart>,
    /// What is said then.
    words: String,
}

impl Charts {
    /// The charts of a group.
    pub(super) fn of(record: &Record, colours: &Colours, group: &Group) -> Self {
        let series = curves::series(group, colours);
        let targets = group.cells.first().map_or(&[][..], |summary| record.targets_of(summary.cell));
        Self {
            curves: Axes::all().map(|axes| Curve::of(axes, &series)).collect(),
            times: times::chart(group, colours, usize::MAX),
            times_legend: times::legend(group),
            targets: targets.iter().map(|target| TargetChart::of(record, group, colours, *target)).collect(),
            relative: RelativeTimes::of(group, Relative::of(record, group)).map(|times| times.data(colours)),
            lines: Lines {
                title: format!("{} on {}", group.workload, group.device),
                series,
                targets: curves::targets(record, group),
            },
        }
    }
}

impl Curve {
    fn of(axes: Axes, series: &[Series]) -> Self {
        Self { title: axes.title(), x: axes.x_key(), y: axes.y_key(), has_values: axes.has_values(series) }
    }
}

impl TargetChart {
    fn of(record: &Record, group: &Group, colours: &Colours, target: Target) -> Self {
        let name = target.name();
        let words = if let Some(why) = why_nothing(group.cells.iter()) {
            format!("{why}, so there is no time.")
        } else {
            let epochs = count(record.started.plan.epochs as usize, "epoch");
            format!("No run of any cell reached {name} in {epochs}.")
        };
        let rows = targets::chart(record, group, colours, (target, &name));
        Self { title: format!("Time to {name}"), rows, words }
    }
}
