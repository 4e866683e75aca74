//! The tables of a record. A column is defined once: its name for programs, its titles for
//! people, and how a row's value is had. Every output walks the columns that have a name in it:
//!
//! - CSV those with a key ([`Column::new`]), JSON too unless it has them in another shape
//!   ([`Column::only_csv`]);
//! - the page those with a title ([`Column::page`]);
//! - Markdown, the terminal and whatever else has little room those with a short title
//!   ([`Column::short`]).

mod cell;
mod epoch;
mod identity;
mod operation;
mod run;
mod target;
#[cfg(test)]
mod tests;
mod value;

use std::borrow::Cow;

pub(crate) use cell::{CellRow, cells, cells_of_groups, ranking};
pub(crate) use epoch::{epochs, repeats};
pub(crate) use operation::operations;
pub(crate) use run::{runs, samples};
pub(crate) use value::Value;

/// Columns and rows.
pub(crate) struct Table<'a, R> {
    pub(crate) columns: Vec<Column<'a, R>>,
    pub(crate) rows: Vec<R>,
}

/// A column of a table whose rows are `R`.
pub(crate) struct Column<'a, R> {
    /// Its name for programs.
    pub(crate) key: Option<Cow<'static, str>>,
    /// Whether JSON has it under its key.
    pub(crate) is_in_json: bool,
    /// Its title on the page.
    pub(crate) title: Option<Cow<'static, str>>,
    /// Its title where there is little room.
    pub(crate) short: Option<Cow<'static, str>>,
    /// Whether its values are words, which keep to the left.
    pub(crate) is_words: bool,
    pub(crate) showing: Showing,
    value: Box<dyn Fn(&R) -> Value<'a> + 'a>,
}

/// When people see a column that has a title.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Showing {
    Always,
    /// On the page only when the reader asks for all columns.
    OnDemand,
    /// Where some row has a value.
    WhereAny,
    /// On the page where rows differ; else the caption says it.
    WhereDifferent,
}

/// Why a row on the CPU has nothing of a graphics processor.
const ON_THE_CPU: &str = "on the CPU";

impl<'a, R> Column<'a, R> {
    /// A column that programs get.
    fn new(key: impl Into<Cow<'static, str>>, value: impl Fn(&R) -> Value<'a> + 'a) -> Self {
        Self { key: Some(key.into()), is_in_json: true, ..Self::shown(value) }
    }

    /// A column for people.
    fn shown(value: impl Fn(&R) -> Value<'a> + 'a) -> Self {
        Self {
            key: None,
            is_in_json: false,
            title: None,
            short: None,
            is_words: false,
            showing: Showing::Always,
            value: Box::new(value),
        }
    }

    fn only_csv(self) -> Self {
        Self { is_in_json: false, ..self }
    }

    fn page(self, title: impl Into<Cow<'static, str>>) -> Self {
        Self { title: Some(title.into()), ..self }
    }

    fn short(self, title: impl Into<Cow<'static, str>>) -> Self {
        Self { short: Some(title.into()), ..self }
    }

    fn words(self) -> Self {
        Self { is_words: true, ..self }
    }

    fn showing(self, showing: Showing) -> Self {
        Self { showing, ..self }
    }

    /// A row's value.
    pub(crate) fn value(&self, row: &R) -> Value<'a> {
        (self.value)(row)
    }

    /// All values, where people see the column in a table of these rows.
    pub(crate) fn values(&self, rows: &[R]) -> Option<Vec<Value<'a>>> {
        let values: Vec<Value<'a>> = rows.iter().map(|row| self.value(row)).collect();
        (self.showing != Showing::WhereAny || !values.iter().all(Value::is_absent)).then_some(values)
    }
}

/// Columns but for those of some names.
fn without<'a, R>(mut columns: Vec<Column<'a, R>>, names: &[&str]) -> Vec<Column<'a, R>> {
    columns.retain(|column| column.key.as_ref().is_none_or(|key| !names.contains(&&**key)));
    columns
}
