//! Sweeps: the cells of a record that are one training but for its learning rate, batch size,
//! samples or threads, in order of that setting.

mod axis;
mod picture;
#[cfg(test)]
mod tests;

pub use axis::Axis;
pub use picture::{Picture, Point, Quantity, Spread, Trace};

use self::axis::Settings;
use crate::record::{Cell, Record, WorkloadInfo, distinct};
use crate::summary::{CellSummary, Group};

/// The lines of one axis that may be held against each other: on one device, all else alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep<'s> {
    /// What varies along it.
    pub axis: Axis,
    /// The device, as [`Group::place`] tells it.
    pub device: &'s str,
    /// The settings that other sweeps of this axis have otherwise: `batch size 64`.
    pub fixed: Vec<String>,
    /// Its lines, each of two values at least.
    pub lines: Vec<Line<'s>>,
}

/// One backend's implementation of one workload along an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Line<'s> {
    /// The workload that all are changes of.
    pub workload: &'s str,
    /// The cells by their values, ascending.
    pub cells: Vec<(f64, &'s CellSummary<'s>)>,
}

/// A cell, with what makes it a point of a line.
struct Placed<'s> {
    device: &'s str,
    workload: &'s WorkloadInfo,
    settings: Settings,
    summary: &'s CellSummary<'s>,
}

impl Placed<'_> {
    fn cell(&self) -> &Cell {
        self.summary.cell
    }

    /// Whether both are of one sweep.
    fn is_beside(&self, other: &Self, axis: Axis) -> bool {
        self.device == other.device && self.settings.differ_on_alone(&other.settings, axis)
    }

    /// Whether both are of one line of a sweep.
    fn is_in_line_with(&self, other: &Self) -> bool {
        let training = |one: &Self| {
            let WorkloadInfo { optimiser, layers, .. } = one.workload;
            (one.workload.base().to_owned(), optimiser.clone(), layers.clone())
        };
        let way = |one: &Self| (one.cell().backend.clone(), one.cell().implementation.clone());
        way(self) == way(other) && training(self) == training(other)
    }
}

/// Every sweep of a record's groups.
pub fn sweeps<'s>(record: &'s Record, groups: &'s [Group<'s>]) -> Vec<Sweep<'s>> {
    let placed: Vec<Placed<'s>> = groups.iter().flat_map(|group| placed(record, group)).collect();
    let mut found = Vec::new();
    for axis in Axis::ALL {
        let mut left: Vec<&Placed<'s>> = placed.iter().collect();
        while let Some(first) = left.first().copied() {
            let (own, others) = left.into_iter().partition(|one| one.is_beside(first, axis));
            left = others;
            let lines = lines(axis, own);
            if !lines.is_empty() {
                let fixed = fixed(axis, first, &placed);
                found.push(Sweep { axis, device: first.device, fixed, lines });
            }
        }
    }
    found
}

fn placed<'s>(record: &'s Record, group: &'s Group<'s>) -> impl Iterator<Item = Placed<'s>> {
    group.cells.iter().filter_map(move |summary| {
        let workload = record.started.plan.workload(&summary.cell.workload)?;
        let settings = Settings::of(record, summary.cell)?;
        Some(Placed { device: &group.place, workload, settings, summary })
    })
}

/// The lines of one sweep's cells that have more than one value.
fn lines<'s>(axis: Axis, mut left: Vec<&Placed<'s>>) -> Vec<Line<'s>> {
    let mut lines = Vec::new();
    while let Some(first) = left.first().copied() {
        let (own, others): (Vec<_>, Vec<_>) = left.into_iter().partition(|one| one.is_in_line_with(first));
        left = others;
        let mut cells: Vec<_> = own.iter().map(|one| (one.settings.on(axis), one.summary)).collect();
        cells.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        cells.dedup_by_key(|(value, _)| *value);
        if cells.len() > 1 {
            lines.push(Line { workload: first.workload.base(), cells });
        }
    }
    lines
}

/// The other settings of a sweep, as far as its device's cells differ in them.
fn fixed(axis: Axis, of: &Placed<'_>, all: &[Placed<'_>]) -> Vec<String> {
    let others = Axis::ALL.into_iter().filter(|other| *other != axis);
    let varied = others.filter(|other| {
        let mut beside = all.iter().filter(|one| one.device == of.device);
        beside.any(|one| one.settings.on(*other) != of.settings.on(*other))
    });
    varied.map(|other| other.told(of.settings.on(other))).collect()
}

impl<'s> Line<'s> {
    /// The cell of its least value, by which the line is named.
    pub fn cell(&self) -> Option<&'s Cell> {
        self.cells.first().map(|(_, summary)| summary.cell)
    }
}

impl Sweep<'_> {
    /// The backend, where all lines are of one.
    pub fn backend(&self) -> Option<&str> {
        let backends = distinct(self.lines.iter().filter_map(Line::cell).map(|cell| cell.backend.as_str()));
        if let [one] = backends[..] { Some(one) } else { None }
    }

    /// `learning rate on cpu, handwritten, batch size 64`
    pub fn title(&self) -> String {
        let mut parts = vec![format!("{} on {}", self.axis.name(), self.device)];
        parts.extend(self.backend().map(str::to_owned));
        let workloads = self.workloads();
        parts.extend((workloads.len() == 1).then(|| workloads.concat()));
        parts.extend(self.fixed.iter().cloned());
        parts.join(", ")
    }

    /// A line's name among the others: what is not in the title.
    pub fn label(&self, line: &Line<'_>) -> String {
        let Some(cell) = line.cell() else { return String::new() };
        let workloads = self.workloads();
        let way = match self.backend() {
            Some(_) if workloads.len() == self.lines.len() && workloads.len() > 1 => String::new(),
            Some(_) if cell.implementation.is_none() => String::new(),
            Some(_) => cell.implementation.to_string(),
            None => cell.implementation.label(&cell.backend),
        };
        let workload = if workloads.len() > 1 { line.workload } else { "" };
        match (way.is_empty(), workload.is_empty()) {
            (true, true) => cell.implementation.label(&cell.backend),
            (false, false) => format!("{way}, {workload}"),
            _ => way + workload,
        }
    }

    fn workloads(&self) -> Vec<&str> {
        distinct(self.lines.iter().map(|line| line.workload))
    }

    /// What it is drawn as. Along the first axis on which training learns otherwise, whether it
    /// learns; along others, how long an epoch takes.
    pub fn pictures(&self, record: &Record, is_first: bool) -> Vec<Picture> {
        let info = self.lines.first().and_then(Line::cell).map(|cell| record.targets_of(cell));
        let targets = info.unwrap_or_default();
        let mut quantities = match self.axis {
            Axis::BatchSize => vec![Quantity::Seconds],
            Axis::Threads => vec![Quantity::SpeedUp, Quantity::Seconds],
            Axis::LearningRate | Axis::Samples => Vec::new(),
        };
        if is_first && self.axis.changes_training() {
            quantities.extend(targets.iter().map(|target| Quantity::EpochsTo(*target)));
            quantities.extend(
                distinct(targets.iter().map(|target| target.metric)).into_iter().map(Quantity::Accuracy),
            );
        }
        quantities.into_iter().map(|quantity| Picture::of(record, self, quantity)).collect()
    }
}

/// What every sweep of a record is drawn as.
pub fn pictures<'s>(record: &'s Record, groups: &'s [Group<'s>]) -> Vec<(Sweep<'s>, Vec<Picture>)> {
    let sweeps = sweeps(record, groups);
    let first = sweeps.first().map(|sweep| sweep.axis);
    let drawn = sweeps.into_iter().map(|sweep| {
        let pictures = sweep.pictures(record, Some(sweep.axis) == first);
        (sweep, pictures)
    });
    drawn.filter(|(_, pictures)| !pictures.is_empty()).collect()
}

/// The same without what each is of.
pub fn all_pictures(record: &Record, groups: &[Group<'_>]) -> Vec<Picture> {
    pictures(record, groups).into_iter().flat_map(|(_, pictures)| pictures).collect()
}
