//! A history as tables of words.

use super::words::{interval, short_cause};
use super::{Confirmation, ControlSeries, History, Series, Step};
use crate::compare::{close, short_hash};
use crate::formats::{Grid, shown};
use crate::number::{percent, seconds, utc};
use crate::record::distinct;
use crate::statistics::{Interval, median};

/// The steps, the series, and the controls.
pub fn grids(history: &History) -> Vec<Grid> {
    let all = [steps(history), series(history), controls(history)];
    all.into_iter().filter(|grid| !grid.rows.is_empty()).collect()
}

fn header(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn steps(history: &History) -> Grid {
    let row = |(series, step): (&Series, &Step)| {
        let at = &series.points[step.found.at];
        vec![
            history.full_name(series),
            if step.is_slower() { "slower" } else { "faster" }.to_owned(),
            interval(&step.found.ratio),
            format!("{}, {}", utc(at.unix_time), history.run(at).run_id),
            short_cause(step),
            both_libraries(step),
        ]
    };
    Grid {
        title: "Every step".to_owned(),
        header: header(&["cell", "verdict", "after ÷ before", "since", "changed", "both libraries"]),
        rows: history.steps().map(row).collect(),
    }
}

fn both_libraries(step: &Step) -> String {
    let told = |what: &str, found: Option<Interval>| {
        found.as_ref().map_or_else(|| what.to_owned(), |found| format!("{what}: {}", interval(found)))
    };
    match &step.confirmation {
        Confirmation::SameLibrary => "one library".to_owned(),
        Confirmation::NotYet => "not tried".to_owned(),
        Confirmation::Shown { comparison, .. } => told("shown", comparison.interval),
        Confirmation::NotShown { comparison, .. } => told("not shown", comparison.interval),
        Confirmation::Open { comparison, .. } => told("undecided", comparison.interval),
    }
}

fn series(history: &History) -> Grid {
    let row = |series: &Series| {
        let last = series.steps.last().map_or(0, |step| step.found.at);
        let level = |points: &[super::Point]| {
            shown(median(points.iter().map(|point| point.times)), |times| format!("{}×", close(times)))
        };
        let first = series.steps.first().map_or(series.points.len(), |step| step.found.at);
        let libraries = distinct(series.points.iter().filter_map(|point| point.library.as_deref()));
        vec![
            history.full_name(series),
            series.control.clone(),
            series.points.len().to_string(),
            level(&series.points[..first]),
            level(&series.points[last..]),
            series.steps.len().to_string(),
            libraries.len().to_string(),
        ]
    };
    Grid {
        title: "Times as long as the control, medians of the runs before the first step and after the last"
            .to_owned(),
        header: header(&["cell", "control", "runs", "first", "now", "steps", "libraries"]),
        rows: history.series.iter().map(row).collect(),
    }
}

fn controls(history: &History) -> Grid {
    let row = |control: &ControlSeries| {
        let values = || control.points.iter().map(|point| point.2);
        let usual = median(values());
        let off = |end: Option<f64>| {
            let part = end.zip(usual).map(|(end, usual)| 100.0 * (end / usual - 1.0));
            shown(part, |part| if part < 0.0 { format!("−{}", percent(-part)) } else { percent(part) })
        };
        vec![
            format!("{} on {}", control.name, control.line.machine),
            control.library.as_deref().map_or_else(|| "not known".to_owned(), short_hash),
            control.points.len().to_string(),
            shown(usual, seconds),
            off(values().reduce(f64::min)),
            off(values().reduce(f64::max)),
        ]
    };
    Grid {
        title: "Drift of the machine: the control's seconds per epoch by themselves".to_owned(),
        header: header(&["control", "library", "runs", "median", "fastest", "slowest"]),
        rows: history.controls.iter().map(row).collect(),
    }
}
