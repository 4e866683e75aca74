//! The questions of batch norm: does training with it converge faster, and is a framework's
//! own layer faster than one composed of its elementary operations?

use super::pairs;
use crate::record::{Cell, Implementation, Record, Target};
use crate::statistics::{self, Comparison};
use crate::summary::{CellSummary, Group, TimeToTarget};

/// A cell with batch norm against its backend's cell without.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchNormPair<'g> {
    /// The cell with batch norm.
    pub with: &'g CellSummary<'g>,
    /// The cell without.
    pub without: &'g CellSummary<'g>,
    /// How the former fared with its workload's primary target.
    pub with_target: TimeToTarget,
    /// How the latter fared with the same target.
    pub without_target: TimeToTarget,
    /// Training accuracy after the last epoch, with less without, a fraction of 1.
    pub accuracy: Comparison,
}

/// Every cell of `with` against the cells of the control `without` on the same backend. Where
/// the control was trained by one backend only, that one's cells are compared.
pub fn batch_norm_pairs<'g>(with: &'g Group<'g>, without: &'g Group<'g>) -> Vec<BatchNormPair<'g>> {
    let Some(target) = with.cells.first().and_then(|summary| summary.targets.first()) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for control in &without.cells {
        for cell in with.cells.iter().filter(|cell| cell.cell.backend == control.cell.backend) {
            found.push(BatchNormPair::of(cell, control, target.target));
        }
    }
    // A noise floor of times says nothing of accuracies.
    statistics::judge_differences(found.iter_mut().map(|pair| &mut pair.accuracy), 0.0);
    found
}

impl<'g> BatchNormPair<'g> {
    fn of(with: &'g CellSummary<'g>, without: &'g CellSummary<'g>, target: Target) -> Self {
        let (with_seeds, without_seeds) = (with.final_accuracy_by_seed(), without.final_accuracy_by_seed());
        Self {
            with,
            without,
            with_target: with.time_to(target),
            without_target: without.time_to(target),
            accuracy: statistics::difference(&pairs(&with_seeds, &without_seeds)),
        }
    }
}

/// A backend's primitive batch norm against its built-in layer.
#[derive(Debug, Clone, PartialEq)]
pub struct BuiltinPair<'g> {
    /// The built-in cell.
    pub builtin: &'g CellSummary<'g>,
    /// The primitive cell.
    pub primitive: &'g CellSummary<'g>,
    /// Seconds per epoch, primitive over built-in.
    pub seconds: Comparison,
}

/// Every built-in cell that has a primitive one beside it, both with times; one family.
pub fn builtin_pairs<'g>(record: &Record, groups: &'g [Group<'g>]) -> Vec<BuiltinPair<'g>> {
    let mut found = Vec::new();
    for group in groups {
        let rounds = record.rounds(group);
        for (of_builtin, of_primitive) in implementation_places(group) {
            let [builtin, primitive] = [of_builtin, of_primitive].map(|place| &group.cells[place]);
            if builtin.train_seconds.is_some() && primitive.train_seconds.is_some() {
                let seconds = rounds.compare(of_primitive, of_builtin);
                found.push(BuiltinPair { builtin, primitive, seconds });
            }
        }
    }
    let floor = record.noise_floor().map_or(1.0, |floor| floor.ratio);
    statistics::judge(found.iter_mut().map(|pair| &mut pair.seconds), floor);
    found
}

/// The places of a group's built-in cells, each with that of the primitive one beside it.
fn implementation_places(group: &Group<'_>) -> Vec<(usize, usize)> {
    let builtin = group.cells.iter().enumerate().filter(|(_, one)| one.cell.implementation.is_builtin());
    let pairs = builtin.filter_map(|(place, builtin)| {
        let other = Cell { implementation: Implementation::primitive(), ..builtin.cell.clone() };
        Some((place, group.cells.iter().position(|primitive| *primitive.cell == other)?))
    });
    pairs.collect()
}
