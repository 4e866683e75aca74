//! A table as rows of words, for a terminal or for Markdown.

use serde::Serialize;

use super::markdown::escape;

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
    /// The table in Markdown, with its title as a heading. All columns but the first
    /// and those that are words keep to the right.
    pub fn markdown(&self, words: &[&str]) -> String {
        let line = |fields: &[String]| {
            let fields: Vec<String> = fields.iter().map(|field| escape(field)).collect();
            format!("| {} |\n", fields.join(" | "))
        };
        let is_left = |(index, name): (usize, &String)| index == 0 || words.contains(&name.as_str());
        let rule: Vec<&str> = self
            .header
            .iter()
            .enumerate()
            .map(|column| if is_left(column) { "---" } else { "--:" })
            .collect();
        let mut text = format!("### {}\n\n{}|{}|\n", escape(&self.title), line(&self.header), rule.join("|"));
        text.extend(self.rows.iter().map(|row| line(row)));
        text
    }
}
