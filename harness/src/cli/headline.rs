//! The answer to the reader's question, above the tables of `bench` and `report`.

use trainmark_reports::summary::group;
use trainmark_reports::text::one_line;
use trainmark_reports::words::Headline;
use trainmark_reports::{Record, summarize};

use crate::grid;

/// Columns of a line that is easily read, and of a terminal too narrow to break lines for.
const WIDTH: usize = 100;
const NARROWEST: usize = 40;

/// Its sentences, each from a line of its own on.
pub(super) fn text(record: &Record) -> String {
    let headline = Headline::of(record, &group(summarize(record)));
    let terminal = grid::terminal_width().filter(|width| *width >= NARROWEST);
    let width = terminal.map_or(WIDTH, |width| width.min(WIDTH));
    let told = headline.lines().map(|line| wrapped(&one_line(line), width) + "\n");
    format!("\n{}", told.collect::<String>())
}

/// Text in lines of at most so many characters, as far as its words are shorter.
fn wrapped(text: &str, width: usize) -> String {
    let mut lines = String::new();
    let mut column = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        let is_first = column == 0;
        let fits = column + 1 + length <= width;
        lines.push_str(match (is_first, fits) {
            (true, _) => "",
            (false, true) => " ",
            (false, false) => "\n",
        });
        lines.push_str(word);
        column = if is_first || !fits { length } else { column + 1 + length };
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words() {
        let long = "x".repeat(WIDTH + 1);
        let text = format!("{} {} {long} end", "a".repeat(60), "b".repeat(39));
        let expected = format!("{} {}\n{long}\nend", "a".repeat(60), "b".repeat(39));
        assert_eq!(wrapped(&text, WIDTH), expected);
        assert_eq!(wrapped("a short one", WIDTH), "a short one");
    }
}
