//! A table in the terminal.

use std::io::IsTerminal;

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, Width};
use trainmark_reports::formats::Grid;

/// A line below the header is all the ruling that a few rows need.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─'));

/// Blanks around each cell.
const PADDING: usize = 2;

/// A table with a line below its header, numbers to the right: all columns but `words`. Where
/// the terminal is too narrow for it, cells are broken between words; where that is not enough,
/// each row is a list.
pub(crate) fn drawn(grid: &Grid, words: &[&str]) -> String {
    drawn_within(grid, words, terminal_width())
}

/// Columns of the terminal that standard output goes to. `None`: it is none, or neither it nor
/// `COLUMNS` tells, and lines are as long as they are.
pub(crate) fn terminal_width() -> Option<usize> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    let told = Table::new().width().map(usize::from).filter(|width| *width > 0);
    told.or_else(|| std::env::var("COLUMNS").ok()?.parse().ok()).filter(|width| *width > 0)
}

fn drawn_within(grid: &Grid, words: &[&str], width: Option<usize>) -> String {
    let Some(width) = width.filter(|&width| total(&widths(grid, longest_line)) > width) else {
        return table(grid, words).to_string();
    };
    for grid in [grid.clone(), with_broken_names(grid)] {
        if let Some(widths) = fitted(&grid, width) {
            return broken(&grid, words, &widths).to_string();
        }
    }
    stacked(grid)
}

fn table(grid: &Grid, words: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(STYLE);
    table.set_header(&grid.header);
    table.add_rows(&grid.rows);
    for (index, name) in grid.header.iter().enumerate().skip(1) {
        if let Some(column) = table.column_mut(index).filter(|_| !words.contains(&name.as_str())) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// A table whose columns are so wide.
fn broken(grid: &Grid, words: &[&str], widths: &[usize]) -> Table {
    let mut table = table(grid, words);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(total(widths)).unwrap_or(u16::MAX));
    let fixed = |width: &usize| Width::Fixed(u16::try_from(width + PADDING).unwrap_or(u16::MAX));
    table.set_constraints(widths.iter().map(|width| ColumnConstraint::Absolute(fixed(width))));
    table
}

/// Widths of columns that are within `width` together and break no word; `None` where there
/// are none.
fn fitted(grid: &Grid, width: usize) -> Option<Vec<usize>> {
    let (wished, mut widths) = (widths(grid, longest_line), widths(grid, longest_word));
    let mut spare = width.checked_sub(total(&widths))?;
    // The column that lacks least has the next place: as few as can be are broken.
    while spare > 0
        && let Some(column) = least_lacking(&wished, &widths)
    {
        widths[column] += 1;
        spare -= 1;
    }
    Some(widths)
}

/// `None` where all have what they wish.
fn least_lacking(wished: &[usize], widths: &[usize]) -> Option<usize> {
    let lacks = wished.iter().zip(widths).map(|(wished, width)| wished.saturating_sub(*width));
    lacks.enumerate().filter(|(_, lack)| *lack > 0).min_by_key(|(_, lack)| *lack).map(|(column, _)| column)
}

/// The greatest measure of each column's cells and header.
fn widths(grid: &Grid, measure: fn(&str) -> usize) -> Vec<usize> {
    let of_column = |column: usize| {
        let cells = grid.rows.iter().filter_map(move |row| row.get(column));
        cells.chain(&grid.header[column..=column]).map(|cell| measure(cell)).max().unwrap_or_default()
    };
    (0..grid.header.len()).map(of_column).collect()
}

fn total(widths: &[usize]) -> usize {
    widths.iter().map(|width| width + PADDING).sum()
}

fn longest_line(cell: &str) -> usize {
    cell.lines().map(|line| line.chars().count()).max().unwrap_or_default()
}

fn longest_word(cell: &str) -> usize {
    cell.split_whitespace().map(|word| word.chars().count()).max().unwrap_or_default()
}

/// The implementation of a cell below its backend.
fn with_broken_names(grid: &Grid) -> Grid {
    let mut grid = grid.clone();
    for name in grid.rows.iter_mut().filter_map(|row| row.first_mut()) {
        *name = name.replacen('/', "/\n", 1);
    }
    grid
}

/// Each row as a list of its columns.
fn stacked(grid: &Grid) -> String {
    let names = grid.header.iter().skip(1).map(|name| in_one_line(name)).collect::<Vec<_>>();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or_default();
    let mut lines = Vec::new();
    for row in &grid.rows {
        lines.extend(row.first().map(|name| in_one_line(name)));
        let values = row.iter().skip(1).map(|value| in_one_line(value));
        lines.extend(names.iter().zip(values).map(|(name, value)| format!("  {name:<width$}  {value}")));
    }
    lines.join("\n")
}

fn in_one_line(cell: &str) -> String {
    cell.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        let texts = |row: &[&str]| row.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        let rows: [&[&str]; 2] = [
            &["handwritten/builtin@cpu", "2.02", "1.00×", "4.05 s", "0.8200", "64 MiB", "2 of 2"],
            &[
                "tch/primitive@cpu",
                "12.34",
                "6.11× [5.90, 6.32]",
                "not reached (0 of 2)",
                "0.8123",
                "310 MiB",
                "2 of 2",
            ],
        ];
        Grid {
            title: "lenet-bn on cpu".to_owned(),
            header: texts(&["cell", "s/epoch", "relative", "train ≥ 0.8", "test acc", "memory", "runs"]),
            rows: rows.map(texts).into(),
        }
    }

    fn width_of(text: &str) -> usize {
        text.lines().map(|line| line.chars().count()).max().unwrap_or_default()
    }

    #[test]
    fn a_line_is_as_long_as_it_is_where_no_width_is_known() {
        let whole = drawn_within(&grid(), &[], None);
        assert_eq!(whole.lines().count(), 4, "{whole}");
        assert_eq!(drawn_within(&grid(), &[], Some(width_of(&whole))), whole);
    }

    #[test]
    fn no_terminal_is_so_narrow_that_a_word_is_broken() {
        let grid = grid();
        let words: Vec<&str> = grid.rows.iter().flatten().flat_map(|cell| cell.split([' ', '/'])).collect();
        for width in 1..120 {
            let text = drawn_within(&grid, &[], Some(width));
            assert!(words.iter().all(|word| text.contains(word)), "at {width}:\n{text}");
            assert!(width < 40 || width_of(&text) <= width, "at {width}:\n{text}");
        }
    }

    #[test]
    fn where_it_is_narrow_cells_are_broken_and_rows_are_lists() {
        insta::assert_snapshot!("grid-80", drawn_within(&grid(), &[], Some(80)));
        insta::assert_snapshot!("grid-40", drawn_within(&grid(), &[], Some(40)));
    }
}
