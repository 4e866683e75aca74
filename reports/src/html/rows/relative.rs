//! Every cell of a group against a baseline that the reader chooses.

use serde_json::{Value, json};

use crate::comparison::Relative;
use crate::html::colours::{Colours, is_ring};
use crate::html::curves::rounded;
use crate::statistics::{Comparison, Verdict};
use crate::summary::Group;

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

    /// What the script draws: the cells, and per baseline and subject the ratio, its ends, and
    /// the verdict.
    pub(in super::super) fn data(&self, colours: &Colours) -> Value {
        let cells = self.timed.iter().map(|&place| {
            let cell = self.group.cells[place].cell;
            json!({
                "place": place,
                "colour": colours.get(cell),
                "ring": is_ring(&cell.implementation),
                "name": self.group.label(cell),
            })
        });
        let against = self.timed.iter().map(|&baseline| {
            let subjects = self.timed.iter().map(|&place| (place.to_string(), self.entry(baseline, place)));
            (baseline.to_string(), Value::Object(subjects.collect()))
        });
        json!({
            "cells": cells.collect::<Vec<_>>(),
            "against": Value::Object(against.collect()),
        })
    }

    fn entry(&self, baseline: usize, place: usize) -> Value {
        if baseline == place {
            return Value::Null;
        }
        let (estimate, interval) = self.ratio(baseline, place);
        let (low, high) = interval.unzip();
        let verdict = verdict(self.relative.get(baseline, place));
        json!([rounded(estimate), low.map(rounded), high.map(rounded), verdict])
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
