//! The questions of batch norm: does training with it converge faster, and is a framework's
//! own layer faster than one composed of its elementary operations?

use super::{TimeToTarget, final_accuracy_by_seed, noise_floor, pairs, seconds_by_seed, time_to_target};
use crate::record::{Cell, Target};
use crate::statistics::{self, Comparison};
use crate::store::Record;
use crate::summary::{CellSummary, Group};

/// A cell with batch norm against its backend's cell without.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchNormPair {
    /// The cell with batch norm.
    pub with: CellSummary,
    /// The cell without.
    pub without: CellSummary,
    /// How the former fared with its workload's primary target.
    pub with_target: TimeToTarget,
    /// How the latter fared with the same target.
    pub without_target: TimeToTarget,
    /// Training accuracy after the last epoch, with less without, a fraction of 1.
    pub accuracy: Comparison,
}

/// Every cell of `with` against the cells of the control `without` on the same backend. Where
/// the control was trained by one backend only, that one's cells are compared.
pub fn batch_norm_pairs(record: &Record, with: &Group, without: &Group) -> Vec<BatchNormPair> {
    let Some(target) = with.cells.first().and_then(|summary| summary.targets.first()) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for control in &without.cells {
        for cell in with.cells.iter().filter(|cell| cell.cell.backend == control.cell.backend) {
            found.push(pair(record, cell, control, target.target));
        }
    }
    // A noise floor of times says nothing of accuracies.
    statistics::judge_differences(found.iter_mut().map(|pair| &mut pair.accuracy), 0.0);
    found
}

fn pair(record: &Record, with: &CellSummary, without: &CellSummary, target: Target) -> BatchNormPair {
    let accuracy = |summary: &CellSummary| final_accuracy_by_seed(record, &summary.cell);
    BatchNormPair {
        with: with.clone(),
        without: without.clone(),
        with_target: time_to_target(record, with, target),
        without_target: time_to_target(record, without, target),
        accuracy: statistics::difference(&pairs(&accuracy(with), &accuracy(without))),
    }
}

/// A backend's primitive batch norm against its built-in layer.
#[derive(Debug, Clone, PartialEq)]
pub struct BuiltinPair {
    /// The built-in cell.
    pub builtin: CellSummary,
    /// The primitive cell.
    pub primitive: CellSummary,
    /// Seconds per epoch, primitive over built-in.
    pub seconds: Comparison,
}

/// Every built-in cell that has a primitive twin, both with times; one family.
pub fn builtin_pairs(record: &Record, groups: &[Group]) -> Vec<BuiltinPair> {
    let mut found = Vec::new();
    for group in groups {
        for builtin in group.cells.iter().filter(|summary| summary.cell.implementation == "builtin") {
            let twin = Cell { implementation: "primitive".to_owned(), ..builtin.cell.clone() };
            let Some(primitive) = group.cells.iter().find(|summary| summary.cell == twin) else { continue };
            let seconds = |summary: &CellSummary| seconds_by_seed(record, &summary.cell);
            if builtin.train_seconds.is_some() && primitive.train_seconds.is_some() {
                found.push(BuiltinPair {
                    seconds: statistics::compare(&pairs(&seconds(primitive), &seconds(builtin))),
                    builtin: builtin.clone(),
                    primitive: primitive.clone(),
                });
            }
        }
    }
    let floor = noise_floor(record).map_or(1.0, |floor| floor.ratio);
    statistics::judge(found.iter_mut().map(|pair| &mut pair.seconds), floor);
    found
}
