//! A history: many runs, cell by cell, and where a cell became slower or faster.
//!
//! What is followed is how many times as long as its control a cell takes in the same rounds of the same
//! run; the control is the backend that is the ceiling, with the same library throughout, so that what a
//! machine's days differ by cancels. A series is of one machine and one training. The history is made of
//! the run folders each time anew: nothing else is kept.

mod check;
mod document;
mod grids;
mod line;
mod measured;
mod page;
mod picture;
mod steps;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

pub use check::{Check, Since};
pub use document::json;
pub use grids::grids;
pub use line::{Line, Machine};
pub use page::html;
pub use steps::{Confirmation, Step};
pub use words::{markdown, notes, sentences};

use crate::collection::{CollectedRun, Collection, Disputed};
use crate::compare::{Difference, settings, short_hash};
use crate::statistics::Interval;
use crate::store::StoreError;
use measured::{Control, Digest, Measured};

/// The runs of a folder as series.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// The runs, in the order of their beginning.
    pub runs: Vec<HistoryRun>,
    /// Every cell's series, those of one machine together.
    pub series: Vec<Series>,
    /// The controls by themselves: how the machines drift.
    pub controls: Vec<ControlSeries>,
    /// Cells that are in no series, with the reason, and in how many runs.
    pub left_out: Vec<LeftOut>,
    /// Folders that could not be read, with the reason.
    pub unreadable: Vec<(PathBuf, String)>,
    /// Folders with a copy of a run, and that run's.
    pub copies: Vec<(PathBuf, PathBuf)>,
    /// Runs of which there are different records, so that none counts.
    pub disputed: Vec<Disputed>,
    /// Packs, which are not read.
    pub packs: Vec<PathBuf>,
    /// Places in all series that were tested for a step.
    pub tested: usize,
}

/// A run folder of a history.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HistoryRun {
    /// Where it lies in the history's folder.
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
    /// Its name.
    pub run_id: String,
    /// When it was started, in seconds since the Unix epoch.
    pub unix_time: f64,
}

/// A cell, run after run, over a control of one library.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// What it is of.
    pub line: Line,
    /// Its name among the others of its machine.
    pub name: String,
    /// The control's label, such as `handwritten/builtin`.
    pub control: String,
    /// The control's library.
    pub control_library: Option<String>,
    /// One for each run that has the cell.
    pub points: Vec<Point>,
    /// Where its level changes.
    pub steps: Vec<Step>,
    /// A step that its newest runs look like, too few to tell.
    pub suspected: Option<Step>,
    /// Places of it that were tested.
    pub tested: usize,
}

/// A cell in a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// The run, by its place in [`History::runs`].
    pub run: usize,
    /// When the run was started.
    pub unix_time: f64,
    /// How many times as long as its control the cell takes.
    pub times: f64,
    /// Its 95% interval within the run; `None` of one seed.
    pub interval: Option<Interval>,
    /// Seeds that it is of.
    pub seeds: usize,
    /// The cell's seconds per epoch.
    pub seconds: f64,
    /// SHA-256 of the cell's library.
    pub library: Option<String>,
    /// The framework with its version.
    pub framework: Option<String>,
    /// What is otherwise than in the run before: library, framework, machine.
    pub changes: Vec<Difference>,
}

/// A control by itself, run after run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ControlSeries {
    /// What it is of.
    pub line: Line,
    /// Its name.
    pub name: String,
    /// Its library.
    pub library: Option<String>,
    /// The runs by their places in [`History::runs`], when each was started, and the seconds per epoch.
    pub points: Vec<(usize, f64, f64)>,
}

/// What is in no series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// The cell.
    pub what: String,
    /// Why.
    pub reason: String,
    /// In how many runs.
    pub runs: usize,
}

/// A path as text, whatever its bytes are.
fn lossy<S: serde::Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

/// One line over one library of one control.
type SeriesKey = (Line, (String, Option<String>));
/// A control's line and its library.
type ControlKey = (Line, Option<String>);

impl History {
    /// Reads the runs below a folder and follows their cells.
    ///
    /// # Errors
    /// As [`Collection::read`].
    pub fn read(folder: &Path) -> Result<Self, StoreError> {
        Ok(Self::of(Collection::read_with(folder, |record| Digest::of(&record))?))
    }

    fn of(collection: Collection<Digest>) -> Self {
        let Collection { mut runs, unreadable, copies, disputed, packs } = collection;
        let mut left_out = drop_merged_twice(&mut runs, &disputed);
        left_out.extend(of_runs(&runs));
        let mut lines: BTreeMap<SeriesKey, Vec<(usize, &Measured)>> = BTreeMap::new();
        let mut controls: BTreeMap<ControlKey, Vec<(usize, &Control)>> = BTreeMap::new();
        for (place, run) in runs.iter().enumerate() {
            for cell in &run.record.cells {
                lines.entry((cell.line.clone(), cell.control.clone())).or_default().push((place, cell));
            }
            for control in &run.record.controls {
                let key = (control.line.clone(), control.library.clone());
                controls.entry(key).or_default().push((place, control));
            }
        }
        let names: Vec<&Line> = lines.keys().map(|(line, _)| line).collect();
        let series = lines.iter().map(|(key, points)| series(key, points, &names));
        let mut history = Self {
            series: series.collect(),
            controls: controls.iter().map(|(key, points)| control_series(key, points)).collect(),
            left_out,
            unreadable,
            copies,
            disputed,
            packs,
            tested: 0,
            runs: Vec::new(),
        };
        steps::find(&mut history.series, &runs);
        history.tested = history.series.iter().map(|series| series.tested).sum();
        history.runs = runs.into_iter().map(history_run).collect();
        history
    }

    /// The run of a point.
    pub fn run(&self, point: &Point) -> &HistoryRun {
        &self.runs[point.run]
    }

    /// Every machine, in the order of the series.
    pub fn machines(&self) -> Vec<&Machine> {
        let of_series = self.series.iter().map(|series| &series.line.machine);
        crate::record::distinct(of_series.chain(self.controls.iter().map(|control| &control.line.machine)))
    }

    /// Every step with its series.
    pub fn steps(&self) -> impl Iterator<Item = (&Series, &Step)> {
        self.series.iter().flat_map(|series| series.steps.iter().map(move |step| (series, step)))
    }

    /// A series' name, with its machine where there are several, and the control's library where its
    /// line has several.
    pub fn full_name(&self, series: &Series) -> String {
        let mut name = series.name.clone();
        let alike = self.series.iter().filter(|other| other.line == series.line);
        if alike.count() > 1 {
            let library = series.control_library.as_deref().map_or("not known".to_owned(), short_hash);
            name += &format!(" over {} {library}", series.control);
        }
        if self.machines().len() > 1 { format!("{name} on {}", series.line.machine) } else { name }
    }
}

fn history_run(run: CollectedRun<Digest>) -> HistoryRun {
    let CollectedRun { path, record: Digest { run_id, unix_time, .. } } = run;
    HistoryRun { path, run_id, unix_time }
}

/// Empties merged runs of what their parts, which are here by themselves or in a merged run before, have, too.
/// Of a part that is `disputed` nobody knows whether it is the run.
fn drop_merged_twice(runs: &mut [CollectedRun<Digest>], disputed: &[Disputed]) -> Vec<LeftOut> {
    let alone = runs.iter().map(|run| &run.record).filter(|run| run.parts.is_empty());
    let mut known: Vec<(String, f64)> = alone.map(|run| (run.run_id.clone(), run.unix_time)).collect();
    known.extend(disputed.iter().map(|run| (run.run_id.clone(), run.unix_time)));
    let mut left_out = Vec::new();
    for run in runs.iter_mut().map(|run| &mut run.record).filter(|run| !run.parts.is_empty()) {
        let (mut cells, mut controls) = (std::mem::take(&mut run.cells), std::mem::take(&mut run.controls));
        let is_here = |machine: Option<&String>| {
            let mut parts = run.parts.iter().filter(|part| Some(&part.0) == machine);
            parts.all(|part| known.iter().any(|(name, time)| *name == part.1 && *time == part.2))
        };
        let before = cells.len();
        cells.retain(|cell| !is_here(cell.line.machine.label.as_ref()));
        controls.retain(|control| !is_here(control.line.machine.label.as_ref()));
        if cells.len() < before {
            let reason = "it was merged of runs that are here, too".to_owned();
            left_out.push(LeftOut { what: format!("cells of {}", run.run_id), reason, runs: 1 });
        }
        (run.cells, run.controls) = (cells, controls);
        known.extend(run.parts.iter().map(|(_, name, time)| (name.clone(), *time)));
    }
    left_out
}

/// The cells without a place in a series, each with its reason once.
fn of_runs(runs: &[CollectedRun<Digest>]) -> Vec<LeftOut> {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (what, reason) in runs.iter().flat_map(|run| &run.record.left_out) {
        *counts.entry((what, reason)).or_default() += 1;
    }
    let told = counts.into_iter().map(|((what, reason), runs)| LeftOut {
        what: what.to_owned(),
        reason: reason.to_owned(),
        runs,
    });
    told.collect()
}

fn series((line, control): &SeriesKey, measured: &[(usize, &Measured)], names: &[&Line]) -> Series {
    let mut points: Vec<Point> = Vec::new();
    for (place, (run, one)) in measured.iter().enumerate() {
        let before = place.checked_sub(1).map(|before| measured[before].1);
        points.push(Point {
            run: *run,
            unix_time: one.unix_time,
            times: one.times,
            interval: one.interval,
            seeds: one.seeds,
            seconds: one.seconds,
            library: one.library.clone(),
            framework: one.framework.clone(),
            changes: before.map_or_else(Vec::new, |before| changes(before, one)),
        });
    }
    let (control, control_library) = control.clone();
    Series {
        line: line.clone(),
        name: line.name_among(names.iter().copied()),
        control,
        control_library,
        points,
        steps: Vec::new(),
        suspected: None,
        tested: 0,
    }
}

/// What is otherwise in a run than in the one before; what one of them does not tell is no difference.
fn changes(before: &Measured, after: &Measured) -> Vec<Difference> {
    let library = |one: &Measured| one.library.as_deref().map(short_hash);
    let rows = [
        ("library", library(before), library(after)),
        ("framework", before.framework.clone(), after.framework.clone()),
    ];
    let conditions = before.conditions.iter().zip(&after.conditions);
    let conditions = conditions.map(|(a, b)| (a.0, Some(a.1.clone()), Some(b.1.clone())));
    let told = rows.into_iter().chain(conditions).filter_map(|(what, a, b)| Some((what, a?, b?)));
    let told = told.map(|(what, a, b)| Difference { what: what.to_owned(), a, b });
    let settings = before.settings.iter().zip(&after.settings).flat_map(|(a, b)| settings(a, b));
    told.chain(settings).filter(|found| found.a != found.b).collect()
}

fn control_series((line, library): &ControlKey, points: &[(usize, &Control)]) -> ControlSeries {
    ControlSeries {
        line: line.clone(),
        name: line.name(),
        library: library.clone(),
        points: points.iter().map(|(run, control)| (*run, control.unix_time, control.seconds)).collect(),
    }
}
