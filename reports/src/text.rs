//! Text that others wrote, such as a backend, a log or a record that was sent, where people read it.

use std::borrow::Cow;

/// Text on one line: control characters and line breaks become spaces, and marks that turn the
/// direction of what follows are left out.
pub fn one_line(text: &str) -> String {
    let lines = text.split(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'));
    let lines = lines.map(|part| part.trim_matches(|c: char| c.is_whitespace() || turns_direction(c)));
    let line = lines.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    if line.contains(turns_direction) { line.replace(turns_direction, "") } else { line }
}

/// A text that begins with a capital letter.
pub(crate) fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(characters).collect()
}

/// Text of several lines as a terminal may get it: escapes and other control characters would
/// move the cursor, change colours or retitle the window, and marks of direction would show
/// words in another order; a replacement character stands in their place.
pub fn printable(text: &str) -> Cow<'_, str> {
    let is_harmful = |c: char| (c.is_control() && !matches!(c, '\n' | '\t')) || turns_direction(c);
    match text.contains(is_harmful) {
        true => Cow::Owned(text.replace(is_harmful, "\u{fffd}")),
        false => Cow::Borrowed(text),
    }
}

/// Whether a character changes the direction of others, unseen.
fn turns_direction(character: char) -> bool {
    matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "\u{202e}a\x1b[31mb\r\u{2066}\nc\u{9b}2J\u{2028}d\x07";

    #[test]
    fn nothing_of_another_reaches_a_terminal_but_what_is_seen() {
        assert_eq!(one_line(HOSTILE), "a [31mb c 2J d");
        assert_eq!(
            printable(HOSTILE),
            "\u{fffd}a\u{fffd}[31mb\u{fffd}\u{fffd}\nc\u{fffd}2J\u{2028}d\u{fffd}"
        );
        for plain in ["", "größer – 数字 👩‍💻", "a\n\tb\n"] {
            assert!(matches!(printable(plain), Cow::Borrowed(same) if same == plain));
        }
    }
}
