//! A table as rows of words, for a terminal or for Markdown.

use serde::Serialize;

use super::markdown::escape;
use crate::record::{Cell, Record};
use crate::summary::Group;
use crate::table::{self, Table};

/// A table whose first column names the row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Grid {
    /// What it shows, such as `lenet-bn on cpu`.
    pub title: String,
    /// The names of its columns.
    pub header: Vec<String>,
    /// Its rows, each as long as the header.
    pub rows: Vec<Vec<String>>,
}

impl Grid {
    /// The cells of a group, the lowest median first, each by a name that the caller gives it.
    pub fn ranking(
        record: &Record,
        group: &Group<'_>,
        title: String,
        label: impl Fn(&Cell) -> String,
    ) -> Self {
        Self::of(title, &table::ranking(record, group, label))
    }

    /// The columns that have a short title.
    fn of<R>(title: String, table: &Table<'_, R>) -> Self {
        let mut grid = Self { title, header: Vec::new(), rows: vec![Vec::new(); table.rows.len()] };
        for column in &table.columns {
            let Some((short, values)) = column.short.as_ref().zip(column.values(&table.rows)) else {
                continue;
            };
            grid.header.push(short.to_string());
            for (row, value) in grid.rows.iter_mut().zip(values) {
                row.push(value.told_in_short());
            }
        }
        grid
    }

    /// The table in Markdown, with its title as a heading. All columns but the first
    /// and those that are words keep to the right.
    pub fn markdown(&self, words: &[&str]) -> String {
        let rule: Vec<&str> = self
            .header
            .iter()
            .enumerate()
            .map(|(place, name)| if place == 0 || words.contains(&name.as_str()) { "---" } else { "--:" })
            .collect();
        let mut text = format!("### {}\n\n{}|{}|\n", escape(&self.title), line(&self.header), rule.join("|"));
        text.extend(self.rows.iter().map(|row| line(row)));
        text
    }
}

fn line(fields: &[String]) -> String {
    let fields: Vec<String> = fields.iter().map(|field| escape(field)).collect();
    format!("| {} |\n", fields.join(" | "))
}
