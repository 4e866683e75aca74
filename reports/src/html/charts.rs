//! All charts of one workload on one device: what the page's script draws, and words where
//! there is nothing to draw.

use serde::Serialize;
use serde_json::{Value, json};

use super::colours::Colours;
use super::curves::{self, Axes, Series};
use super::drawn;
use super::rows::{relative::RelativeTimes, targets, times};
use crate::comparison::Relative;
use crate::number::count;
use crate::record::{Record, Target};
use crate::store::StoreError;
use crate::summary::{Group, why_nothing};

/// The charts of a group. Those of rows are JSON that stands with their figure, the curves'
/// lines stand once for all of them.
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
    /// `None`: fewer than two cells have a time.
    relative: Option<RelativeChart>,
    #[serde(skip)]
    lines: Value,
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
    /// Whether any epoch has the quantity.
    has_values: bool,
}

#[derive(Serialize)]
struct TargetChart {
    title: String,
    /// `None`: no run reached it.
    rows: Option<String>,
    /// What is said then.
    words: String,
}

#[derive(Serialize)]
struct RelativeChart {
    ratios: String,
    baselines: Vec<(usize, String)>,
}

impl Charts {
    /// The charts of a group, which is the record's `index`th.
    ///
    /// # Errors
    /// Where one cannot be encoded, which is a bug.
    pub(super) fn of(
        record: &Record,
        colours: &Colours,
        group: &Group,
        index: usize,
    ) -> Result<Self, StoreError> {
        let series = curves::series(group, colours);
        let title = format!("{} on {}", group.workload, group.device);
        let targets = group.cells.first().map_or(&[][..], |summary| record.targets_of(summary.cell));
        Ok(Self {
            index,
            curves: Axes::all().map(|axes| Curve::of(axes, &series)).collect(),
            times: times::chart(group, colours, usize::MAX).map(|chart| drawn(&chart)).transpose()?,
            times_legend: times::legend(group),
            targets: targets
                .iter()
                .map(|target| TargetChart::of(record, group, colours, *target))
                .collect::<Result<_, _>>()?,
            relative: RelativeTimes::of(group, Relative::of(record, group))
                .map(|relative| RelativeChart::of(&relative, colours))
                .transpose()?,
            lines: json!({
                "title": title,
                "series": series.iter().map(Series::data).collect::<Vec<_>>(),
                "targets": curves::targets(record, group),
            }),
            title,
            legend: series.into_iter().map(LegendEntry::from).collect(),
        })
    }

    /// The lines of all groups' curves.
    pub(super) fn lines(all: &[Self]) -> Value {
        all.iter().map(|charts| charts.lines.clone()).collect()
    }
}

impl From<Series> for LegendEntry {
    fn from(series: Series) -> Self {
        Self { label: series.label, colour: series.colour, dash: series.dash }
    }
}

impl Curve {
    fn of(axes: Axes, series: &[Series]) -> Self {
        Self { title: axes.title(), x: axes.x_key(), y: axes.y_key(), has_values: axes.has_values(series) }
    }
}

impl TargetChart {
    fn of(record: &Record, group: &Group, colours: &Colours, target: Target) -> Result<Self, StoreError> {
        let name = target.name();
        let words = if let Some(why) = why_nothing(group.cells.iter()) {
            format!("{why}, so there is no time.")
        } else {
            let epochs = count(record.started.plan.epochs as usize, "epoch");
            format!("No run of any cell reached {name} in {epochs}.")
        };
        let chart = targets::chart(record, group, colours, (target, &name));
        Ok(Self {
            title: format!("Time to {name}"),
            rows: chart.map(|chart| drawn(&chart)).transpose()?,
            words,
        })
    }
}

impl RelativeChart {
    fn of(relative: &RelativeTimes<'_>, colours: &Colours) -> Result<Self, StoreError> {
        Ok(Self { ratios: drawn(&relative.data(colours))?, baselines: relative.baselines() })
    }
}
