//! The columns of targets.

use super::{Column, Value};
use crate::record::Target;
use crate::text::capitalised;

/// What is said of a target that is none of the row's workload.
pub(super) const NO_TARGET: &str = "not a target of this workload";

/// How a row's value of a target is had.
type OfTarget<'a, R> = fn(&R, Target) -> Value<'a>;

impl<'a, R: 'a> Column<'a, R> {
    /// The columns that programs get of each target: the beginnings of their names, and their
    /// values.
    pub(super) fn of_targets<const N: usize>(
        targets: &[Target],
        parts: [(&'static str, OfTarget<'a, R>); N],
    ) -> impl Iterator<Item = Self> {
        targets.iter().flat_map(move |&target| {
            parts.map(|(name, value)| {
                let key = format!("{name}_{}", target.key());
                Self::new(key, move |row| value(row, target)).only_csv()
            })
        })
    }

    /// The columns that people see on the page.
    pub(super) fn page_of_targets(targets: &[Target], value: OfTarget<'a, R>) -> impl Iterator<Item = Self> {
        targets.iter().map(move |&target| {
            let title = target.title();
            let capital = capitalised(&title);
            Self::shown(move |row| value(row, target)).page(capital)
        })
    }

    /// The columns that people see where there is little room.
    pub(super) fn short_of_targets(targets: &[Target], value: OfTarget<'a, R>) -> impl Iterator<Item = Self> {
        targets.iter().map(move |&target| Self::shown(move |row| value(row, target)).short(target.title()))
    }
}
