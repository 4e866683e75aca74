//! What a history keeps of a record.

use std::collections::BTreeMap;

use super::line::Line;
use crate::compare::environment_rows;
use crate::paired::build_pairs;
use crate::record::{Build, Cell, Environment, Record, Settings};
use crate::statistics::{Comparison, Interval};
use crate::summary::{CellSummary, Group, group, summarize};

/// What of a machine is told where it changes.
const CONDITIONS: [&str; 7] =
    ["memory", "NVIDIA driver", "system", "frequency governor", "on battery", "trainmark", "profile"];

/// A run, as far as a history tells it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Digest {
    pub(super) run_id: String,
    pub(super) unix_time: f64,
    /// Its cells with a time beside a control.
    pub(super) cells: Vec<Measured>,
    /// Its controls.
    pub(super) controls: Vec<Control>,
    /// Seconds of runs that were made twice, by the machine's label.
    pub(super) pairs: BTreeMap<Option<String>, Vec<(f64, f64)>>,
    /// Two builds that it held against each other.
    pub(super) builds: Vec<Interleaved>,
    /// Cells that are in no series, with the reason.
    pub(super) left_out: Vec<(String, &'static str)>,
    /// Of a merged run: each part's machine, name and beginning.
    pub(super) parts: Vec<(String, String, f64)>,
}

/// A cell's time in a run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Measured {
    pub(super) line: Line,
    pub(super) unix_time: f64,
    pub(super) seconds: f64,
    /// How many times as long as its control it takes, and the interval where it has several seeds.
    pub(super) times: f64,
    pub(super) interval: Option<Interval>,
    pub(super) seeds: usize,
    /// The control's label and library.
    pub(super) control: (String, Option<String>),
    pub(super) library: Option<String>,
    pub(super) framework: Option<String>,
    pub(super) conditions: Vec<(&'static str, String)>,
    pub(super) settings: Option<Settings>,
}

/// A control's time in a run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Control {
    pub(super) line: Line,
    pub(super) unix_time: f64,
    pub(super) seconds: f64,
    pub(super) library: Option<String>,
}

/// Two builds of a cell in the same rounds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Interleaved {
    /// Of the backend itself.
    pub(super) line: Line,
    pub(super) base: Option<String>,
    pub(super) head: Option<String>,
    pub(super) comparison: Comparison,
}

impl Digest {
    pub(super) fn of(record: &Record) -> Self {
        let started = &record.started;
        let mut digest = Self {
            run_id: started.run_id.clone(),
            unix_time: started.unix_time,
            cells: Vec::new(),
            controls: Vec::new(),
            pairs: record
                .repeat_pairs()
                .into_iter()
                .map(|(machine, pairs)| (machine.map(str::to_owned), pairs))
                .collect(),
            builds: Vec::new(),
            left_out: Vec::new(),
            parts: started
                .merged
                .iter()
                .map(|run| (run.machine.clone(), run.run_id.clone(), run.unix_time))
                .collect(),
        };
        let groups = group(summarize(record));
        groups.iter().for_each(|group| digest.take(record, group));
        digest.builds = interleaved(record, &groups);
        digest
    }

    fn take(&mut self, record: &Record, group: &Group<'_>) {
        let rounds = record.rounds(group);
        for (place, summary) in group.cells.iter().enumerate() {
            let cell = summary.cell;
            let Some(seconds) = summary.train_seconds else {
                self.left_out.push((cell.to_string(), "no run of it counts"));
                continue;
            };
            if cell.build().is_some() {
                continue;
            }
            let unix_time = self.begun(cell);
            let line = Line::of(&record.started, cell, seconds.basis);
            let (library, seconds) = (library(summary), seconds.median);
            if record.started.is_ceiling(cell) {
                self.controls.push(Control { line, unix_time, seconds, library });
                continue;
            }
            let Some(control) = control_of(record, group, place) else {
                self.left_out.push((cell.to_string(), "no control with a time ran beside it"));
                continue;
            };
            let of_control = &group.cells[control];
            let Comparison { interval, seeds, .. } = rounds.compare(place, control);
            let of_medians = || Some(seconds / of_control.seconds()?);
            let Some(times) = interval.map(|interval| interval.estimate).or_else(of_medians) else {
                continue;
            };
            self.cells.push(Measured {
                line,
                unix_time,
                seconds,
                times,
                interval,
                seeds,
                control: (control_label(of_control.cell), self::library(of_control)),
                library,
                framework: summary.framework.map(str::to_owned),
                conditions: conditions(record.started.environment_of(cell)),
                settings: record.started.environment_of(cell).settings.clone(),
            });
        }
    }

    /// When the run was begun that a cell is of.
    fn begun(&self, cell: &Cell) -> f64 {
        let parts = self.parts.iter().filter(|part| Some(&part.0) == cell.machine.as_ref());
        parts.map(|part| part.2).reduce(f64::min).unwrap_or(self.unix_time)
    }
}

/// The place of a cell's control: the ceiling's own with the same batch norm, else its first by name.
fn control_of(record: &Record, group: &Group<'_>, place: usize) -> Option<usize> {
    let cell = group.cells[place].cell;
    let is_control = |other: &CellSummary<'_>| {
        record.started.is_ceiling(other.cell) && other.seconds().is_some() && other.cell.build().is_none()
    };
    let controls = (0..group.cells.len()).filter(|&other| is_control(&group.cells[other]));
    controls.min_by_key(|&other| {
        let other = group.cells[other].cell;
        (other.implementation != cell.implementation, other.backend.clone(), other.implementation.to_string())
    })
}

fn control_label(cell: &Cell) -> String {
    format!("{}/{}", cell.backend, cell.implementation)
}

fn library(summary: &CellSummary<'_>) -> Option<String> {
    summary.ranked.iter().find_map(|run| run.end.library_hash.clone())
}

fn conditions(environment: &Environment) -> Vec<(&'static str, String)> {
    let rows = environment_rows(environment).into_iter();
    rows.filter(|(what, _)| CONDITIONS.contains(what)).collect()
}

fn interleaved(record: &Record, groups: &[Group<'_>]) -> Vec<Interleaved> {
    let of_pair = |pair: &crate::paired::BuildPair<'_>| {
        let (backend, _) = pair.head.cell.build().filter(|(_, build)| *build == Build::Head)?;
        let cell = Cell { backend: backend.to_owned(), ..pair.head.cell.clone() };
        Some(Interleaved {
            line: Line::of(&record.started, &cell, pair.head.train_seconds?.basis),
            base: library(pair.base),
            head: library(pair.head),
            comparison: pair.seconds?,
        })
    };
    build_pairs(record, groups).iter().filter_map(of_pair).collect()
}
