//! Every cell of a group against a baseline that the reader chooses.

use serde_json::{Value, json};

use super::{Mark, Row, RowChart};
use crate::comparison::Relative;
use crate::html::colours::Colours;
use crate::html::curves::rounded;
use crate::html::svg::Scale;
use crate::number::{ratio, significant};
use crate::statistics::{Comparison, Verdict};
use crate::summary::Group;
use crate::words::bracket;

/// Ratios of the times of a group's cells.
pub(in super::super) struct RelativeTimes<'g> {
    group: &'g Group<'g>,
    relative: Relative,
    /// Places of the cells that have a time, the fastest first.
    timed: Vec<usize>,
}

impl<'g> RelativeTimes<'g> {
    /// `None` where fewer than two cells have a time.
    pub(in super::super) fn of(group: &'g Group<'g>, relative: Relative) -> Option<Self> {
        let time = |place: usize| group.cells[place].train_seconds.map(|time| time.median);
        let mut timed: Vec<usize> = (0..group.cells.len()).filter(|&place| time(place).is_some()).collect();
        timed.sort_by(|&a, &b| time(a).unwrap_or(f64::NAN).total_cmp(&time(b).unwrap_or(f64::NAN)));
        (timed.len() > 1).then_some(Self { group, relative, timed })
    }

    /// Place and name of every cell that can be a baseline, the default first.
    pub(in super::super) fn baselines(&self) -> Vec<(usize, String)> {
        let label = |&place: &usize| (place, self.group.label(self.group.cells[place].cell));
        self.timed.iter().map(label).collect()
    }

    /// The chart as SVG, against the fastest.
    pub(in super::super) fn chart(&self, colours: &Colours, id: &str) -> String {
        let baseline = self.timed[0];
        let ends = self.timed.iter().flat_map(|&place| {
            let (estimate, interval) = self.ratio(baseline, place);
            let (low, high) = interval.unwrap_or((estimate, estimate));
            [estimate, low, high]
        });
        let chart = RowChart {
            id: id.to_owned(),
            title: format!(
                "seconds per epoch as multiples of {}, {} on {}",
                self.group.label(self.group.cells[baseline].cell),
                self.group.workload,
                self.group.device
            ),
            axis: "times as long as the baseline",
            scale: Scale::ratio(ends),
            rows: self.timed.iter().map(|&place| self.row(colours, baseline, place)).collect(),
        };
        chart.draw()
    }

    /// The ratio and its interval; without an interval that of the medians.
    fn ratio(&self, baseline: usize, place: usize) -> (f64, Option<(f64, f64)>) {
        match self.relative.get(baseline, place).and_then(|comparison| comparison.interval) {
            Some(interval) => (interval.estimate, Some((interval.low, interval.high))),
            None => {
                let time = |place: usize| self.group.cells[place].train_seconds.map(|time| time.median);
                (time(place).zip(time(baseline)).map_or(1.0, |(time, of)| time / of), None)
            }
        }
    }

    fn row(&self, colours: &Colours, baseline: usize, place: usize) -> Row {
        let cell = &self.group.cells[place].cell;
        let comparison = self.relative.get(baseline, place);
        let (estimate, interval) = self.ratio(baseline, place);
        let bracket = comparison.map_or_else(String::new, |known| bracket(known.interval, significant));
        let mut marks = vec![Mark::Point(rounded(estimate))];
        marks.extend(interval.map(|(low, high)| Mark::Whisker { low: rounded(low), high: rounded(high) }));
        let is_baseline = baseline == place;
        Row {
            detail: if is_baseline { String::new() } else { format!("{}{bracket} ", ratio(estimate)) },
            value: if is_baseline { "baseline".to_owned() } else { verdict(comparison).to_owned() },
            marks,
            ..Row::of(place, cell, self.group, colours)
        }
    }

    /// What the script needs to draw the chart against another baseline: per baseline and
    /// subject the ratio, its ends, and the verdict.
    pub(in super::super) fn data(&self) -> Value {
        let entry = |baseline: usize, place: usize| {
            if baseline == place {
                return Value::Null;
            }
            let (estimate, interval) = self.ratio(baseline, place);
            let (low, high) = interval.unzip();
            let verdict = verdict(self.relative.get(baseline, place));
            json!([rounded(estimate), low.map(rounded), high.map(rounded), verdict])
        };
        let against = |&baseline: &usize| -> (String, Value) {
            let subjects = self.timed.iter().map(|&place| (place.to_string(), entry(baseline, place)));
            (baseline.to_string(), Value::Object(subjects.collect()))
        };
        Value::Object(self.timed.iter().map(against).collect())
    }
}

/// What may be said of a cell's time against the baseline's.
fn verdict(comparison: Option<&Comparison>) -> &'static str {
    match comparison.map(|comparison| comparison.verdict) {
        Some(Verdict::Lower) => "faster",
        Some(Verdict::Higher) => "slower",
        Some(Verdict::NoDifferenceShown) => "no difference shown",
        Some(Verdict::NeedsMoreSeeds) | None => "needs more seeds",
    }
}
