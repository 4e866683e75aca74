//! A table in the terminal.

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use trainmark_reports::formats::Grid;

/// A line below the header is all the ruling that a few rows need.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─'));

/// Columns of the narrowest terminal that cells are broken for: elsewhere its own wrapping is
/// better than a letter in each line.
const NARROWEST: u16 = 40;

/// A table with a line below its header, numbers to the right: all columns but `words`.
pub(crate) fn drawn(grid: &Grid, words: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(STYLE);
    // A terminal that does not tell its width tells zero.
    if table.width().is_some_and(|width| width >= NARROWEST) {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    table.set_header(&grid.header);
    table.add_rows(&grid.rows);
    for (index, name) in grid.header.iter().enumerate().skip(1) {
        if let Some(column) = table.column_mut(index).filter(|_| !words.contains(&name.as_str())) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}
