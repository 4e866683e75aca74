//! Every cell of a group against a baseline that the reader chooses.

use serde_json::{Value, json};

use crate::html::colours::Colours;
use crate::html::curves::rounded;
use crate::paired::Relative;
use crate::summary::Group;
use crate::words::verdict_of_times;

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
        let mut timed = group.order();
        timed.retain(|&place| group.cells[place].seconds().is_some());
        Some(Self { group, relative, timed }).filter(|times| times.timed.len() > 1)
    }

    /// The ratio and its interval; without an interval that of the medians.
    fn ratio(&self, baseline: usize, place: usize) -> (f64, Option<(f64, f64)>) {
        match self.relative.get(baseline, place).and_then(|comparison| comparison.interval) {
            Some(interval) => (interval.estimate, Some((interval.low, interval.high))),
            None => {
                let [time, of] = [place, baseline].map(|place| self.group.cells[place].seconds());
                (time.zip(of).map_or(1.0, |(time, of)| time / of), None)
            }
        }
    }

    /// What the script draws: the cells, each a possible baseline, the default first; and per
    /// baseline and subject the ratio, its ends, and the verdict.
    pub(in super::super) fn data(&self, colours: &Colours) -> Value {
        let cells = self.timed.iter().map(|&place| {
            let mut cell = json!(colours.look(self.group, self.group.cells[place].cell));
            cell["place"] = place.into();
            cell
        });
        let against = self.timed.iter().map(|&baseline| {
            let subjects = self.timed.iter().map(|&place| (place.to_string(), self.entry(baseline, place)));
            (baseline.to_string(), subjects.collect::<Value>())
        });
        json!({ "cells": cells.collect::<Vec<_>>(), "against": against.collect::<Value>() })
    }

    fn entry(&self, baseline: usize, place: usize) -> Value {
        if baseline == place {
            return Value::Null;
        }
        let (estimate, interval) = self.ratio(baseline, place);
        let (low, high) = interval.unzip();
        let verdict = verdict_of_times(self.relative.get(baseline, place));
        json!([rounded(estimate), low.map(rounded), high.map(rounded), verdict])
    }
}
