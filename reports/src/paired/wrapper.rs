//! What does a wrapper cost: backends over the same engine against each other.

use crate::record::{Cell, Record};
use crate::statistics::{self, Comparison};
use crate::summary::{CellSummary, Group};

/// Two backends' cells of one implementation over the same engine.
#[derive(Debug, Clone, PartialEq)]
pub struct WrapperPair<'g> {
    /// The engine's name and version.
    pub engine: &'g str,
    /// The cell of the backend that was planned first.
    pub one: &'g CellSummary<'g>,
    /// The cell of the other.
    pub other: &'g CellSummary<'g>,
    /// Seconds per epoch, other over one.
    pub seconds: Comparison,
}

/// Every two cells with times over the same engine that are one implementation of one workload on
/// one device, or alike; one family.
pub fn wrapper_pairs<'g>(record: &'g Record, groups: &'g [Group<'g>]) -> Vec<WrapperPair<'g>> {
    let mut found = Vec::new();
    for group in groups {
        let rounds = record.rounds(group);
        for (engine, of_one, of_other) in places(record, group) {
            let [one, other] = [of_one, of_other].map(|place| &group.cells[place]);
            found.push(WrapperPair { engine, one, other, seconds: rounds.compare(of_other, of_one) });
        }
    }
    let floor = record.noise_floor().map_or(1.0, |floor| floor.ratio);
    statistics::judge(found.iter_mut().map(|pair| &mut pair.seconds), floor);
    found
}

/// The places of a group's cells that make a pair, with their engine.
fn places<'g>(record: &'g Record, group: &Group<'_>) -> Vec<(&'g str, usize, usize)> {
    let mut found = Vec::new();
    for (place, one) in group.cells.iter().enumerate() {
        let Some(engine) = record.started.engine_of(one.cell) else { continue };
        for (after, other) in group.cells.iter().enumerate().skip(place + 1) {
            let is_of_same = record.started.engine_of(other.cell) == Some(engine);
            let is_timed = one.train_seconds.is_some() && other.train_seconds.is_some();
            if is_of_same && is_timed && differ_by_backend(one.cell, other.cell) {
                found.push((engine, place, after));
            }
        }
    }
    found
}

/// Whether two cells are the same but for their backends.
fn differ_by_backend(one: &Cell, other: &Cell) -> bool {
    let (backend, implementation) = (one.backend.clone(), one.implementation.clone());
    let is_alike = one.backend != other.backend && one.implementation.is_alike(&other.implementation);
    is_alike && Cell { backend, implementation, ..other.clone() } == *one
}
