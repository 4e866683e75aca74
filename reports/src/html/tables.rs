//! The report's tables, as text and as numbers to sort by.

use serde::Serialize;

use crate::record::Record;
use crate::summary::Group;
use crate::table::{self, Showing, Value};
use crate::words::marks_in_words;

/// A table whose first column names the row.
#[derive(Serialize)]
pub(super) struct PageTable {
    pub(super) id: String,
    pub(super) caption: String,
    pub(super) columns: Vec<PageColumn>,
    pub(super) rows: Vec<Vec<Entry>>,
    pub(super) sortable: bool,
}

#[derive(Serialize)]
pub(super) struct PageColumn {
    pub(super) name: String,
    pub(super) numeric: bool,
    /// Hidden until the reader asks for all columns.
    pub(super) extra: bool,
}

/// A table's entry; a number sorts by `key`, a text by itself.
#[derive(Serialize)]
pub(super) struct Entry {
    text: String,
    key: Option<f64>,
}

impl From<Value<'_>> for Entry {
    fn from(value: Value<'_>) -> Self {
        Self { text: value.told(), key: value.sort_key() }
    }
}

pub(super) fn word(text: impl Into<String>) -> Entry {
    Entry { text: text.into(), key: None }
}

pub(super) fn columns(names: &[(&str, bool)]) -> Vec<PageColumn> {
    names.iter().map(|&(name, numeric)| PageColumn { name: name.to_owned(), numeric, extra: false }).collect()
}

/// Every cell with its medians.
pub(super) fn cells(record: &Record, groups: &[Group<'_>]) -> PageTable {
    let caption = "Medians over the runs of a cell, and in brackets its own 95% intervals; against the lowest, paired by \
                   seed; accuracy and loss after the last epoch, and of how many seeds where not all were trained to \
                   the end; targets as training seconds, and how many runs reached them where not all did";
    let mut page = PageTable::of("cells-table", caption, &table::cells_of_groups(record, groups));
    let texts: Vec<&str> = page.rows.iter().flatten().map(|entry| entry.text.as_str()).collect();
    let marks = marks_in_words(&texts.join("\n"));
    page.caption += format!(". {marks}").trim_end_matches([' ', '.']);
    page
}

/// Every run.
pub(super) fn runs(record: &Record, groups: &[Group<'_>]) -> PageTable {
    let caption = "Every run, in the order of running; targets as epochs";
    PageTable::of("runs-table", caption, &table::samples(record, groups))
}

impl PageTable {
    /// The columns that have a title.
    fn of<R>(id: &str, caption: &str, table: &table::Table<'_, R>) -> Self {
        let (id, caption) = (id.to_owned(), caption.to_owned());
        let rows = table.rows.iter().map(|_| Vec::new()).collect();
        let mut page = Self { id, caption, columns: Vec::new(), rows, sortable: true };
        for column in &table.columns {
            let Some((title, values)) = column.title.as_ref().zip(column.values(&table.rows)) else {
                continue;
            };
            let entries: Vec<Entry> = values.into_iter().map(Entry::from).collect();
            match entries.split_first() {
                Some((first, others))
                    if column.showing == Showing::WhereDifferent
                        && others.iter().all(|other| other.text == first.text) =>
                {
                    page.caption += &format!("; {} {}", title.to_lowercase(), first.text);
                }
                _ => page.push(column, title, entries),
            }
        }
        page
    }

    fn push<R>(&mut self, column: &table::Column<'_, R>, title: &str, entries: Vec<Entry>) {
        self.columns.push(PageColumn {
            name: title.to_owned(),
            numeric: !column.is_words,
            extra: column.showing == Showing::OnDemand,
        });
        for (row, entry) in self.rows.iter_mut().zip(entries) {
            row.push(entry);
        }
    }
}
