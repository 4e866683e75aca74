//! The cells that may be compared.

use super::CellSummary;
use crate::number::count;
use crate::record::{Cell, distinct};

/// The cells of one workload on one device of one machine, with one number of threads: what may be
/// compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Group<'r> {
    /// Workload name.
    pub workload: String,
    /// The device, with its machine where the record has several: [`Cell::place`]; and that it is a
    /// software renderer, where it is.
    pub place: String,
    /// The same with the number of threads, where the device has groups with several: `cpu, 2 threads`.
    pub device: String,
    /// Its cells, in the plan's order.
    pub cells: Vec<CellSummary<'r>>,
}

impl Group<'_> {
    /// The places of its cells, the lowest median first and those without one last.
    pub fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.cells.len()).collect();
        order.sort_by(|&a, &b| {
            let [a, b] = [a, b].map(|place| self.cells[place].seconds().unwrap_or(f64::INFINITY));
            a.total_cmp(&b)
        });
        order
    }

    /// The lowest median.
    pub fn lowest(&self) -> Option<f64> {
        self.cells.iter().filter_map(CellSummary::seconds).reduce(f64::min)
    }

    /// Whether a cell belongs to it.
    pub fn holds(&self, cell: &Cell) -> bool {
        self.cells.iter().any(|summary| summary.cell == cell)
    }

    /// Whether it is of a software renderer. Such cells are held against each other, and against none
    /// on a graphics processor of the same name.
    pub fn is_software(&self) -> bool {
        self.cells.iter().any(|summary| summary.is_software)
    }

    /// A cell's name among those of its group: backend and implementation.
    pub fn label(&self, cell: &Cell) -> String {
        cell.implementation.label(&cell.backend)
    }
}

/// The summaries by workload, device, machine and number of threads, in the order of their first cells.
pub fn group(summaries: Vec<CellSummary<'_>>) -> Vec<Group<'_>> {
    let threads = distinct(summaries.iter().map(|summary| (place(summary), summary.cell.threads)));
    let device = |place: &str, own: usize| match threads.iter().filter(|(of, _)| of == place).count() {
        0 | 1 => place.to_owned(),
        _ => format!("{place}, {}", count(own, "thread")),
    };
    let mut groups: Vec<Group<'_>> = Vec::new();
    for summary in summaries {
        let (workload, place) = (summary.cell.workload.clone(), place(&summary));
        let device = device(&place, summary.cell.threads);
        match groups.iter_mut().find(|group| group.workload == workload && group.device == device) {
            Some(group) => group.cells.push(summary),
            None => groups.push(Group { workload, place, device, cells: vec![summary] }),
        }
    }
    groups
}

/// `cuda:0`, `wgpu:0 (software renderer)`
fn place(summary: &CellSummary<'_>) -> String {
    let place = summary.cell.place();
    if summary.is_software { format!("{place} (software renderer)") } else { place }
}
