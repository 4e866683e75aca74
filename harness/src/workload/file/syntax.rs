//! What is wrong with a text that is no TOML, in the terms of a workload's file.

use super::{Mistake, line_of, shown};

impl Mistake {
    /// What the parser of TOML has found at this byte. Text without quotes and a decimal comma are told as such.
    pub(super) fn of_syntax(text: &str, byte: usize, found: &str) -> Self {
        let (line, start) = line_at(text, byte);
        let key = line.split_once('=').map(|(key, _)| key.trim()).filter(|key| is_key(key));
        let what = match (decimal_comma(line), bare_word(line, byte - start)) {
            (Some(parts), _) => {
                let [whole, rest] = parts.map(shown);
                format!("`{whole},{rest}` has a comma; a number is written with a point: {whole}.{rest}")
            }
            (None, Some(word)) if is_unquoted(word, found) => {
                format!("`{}` is no number, and text needs quotes: \"{0}\"", shown(word))
            }
            (None, None) if has_no_value(line) => "nothing stands behind the =".to_owned(),
            _ => shown(found),
        };
        let what = key.map_or(what.clone(), |key| format!("{}: {what}", shown(key)));
        Self { line: line_of(text, byte), what }
    }
}

/// Whether what the parser has found means that quotes are missing: it takes `two` for the beginning of `true`, and
/// `none` for that of `nan`.
fn is_unquoted(word: &str, found: &str) -> bool {
    let is_word = word.starts_with(char::is_alphabetic);
    found.starts_with("string values must be quoted") || (is_word && found.starts_with("invalid "))
}

/// The line with this byte, and the byte that it begins with.
fn line_at(text: &str, byte: usize) -> (&str, usize) {
    let start = text.as_bytes().iter().take(byte).rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    (text[start..].lines().next().unwrap_or_default(), start)
}

fn is_key(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    !text.is_empty() && text.chars().all(is_part)
}

/// Both parts of a number behind `=` that has a comma for a point.
fn decimal_comma(line: &str) -> Option<[&str; 2]> {
    let value = line.split_once('=')?.1.split('#').next()?.trim();
    let (whole, rest) = value.split_once(',')?;
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    (is_number(whole) && is_number(rest)).then_some([whole, rest])
}

fn has_no_value(line: &str) -> bool {
    let value = line.split_once('=').and_then(|(_, value)| value.split('#').next());
    value.is_some_and(|value| value.trim().is_empty())
}

/// What stands around a byte of the line between the marks of TOML.
fn bare_word(line: &str, byte: usize) -> Option<&str> {
    let (before, behind) = line.split_at_checked(byte)?;
    let start = before.rfind(['=', ',', '[']).map_or(0, |mark| mark + 1);
    let end = behind.find([',', ']', '#']).map_or(line.len(), |mark| byte + mark);
    Some(line[start..end].trim()).filter(|word| !word.is_empty() && !word.contains('"'))
}

#[cfg(test)]
mod tests {
    use crate::workload::Workload;

    fn told(text: &str) -> String {
        Workload::from_toml(text).unwrap_err().to_string()
    }

    #[test]
    fn text_without_quotes_and_a_decimal_comma_are_told_with_the_field() {
        let unquoted = |word: &str| format!("`{word}` is no number, and text needs quotes: \"{word}\"");
        for (text, expected) in [
            ("name = two", format!("line 1: name: {}", unquoted("two"))),
            ("name = none # mine", format!("line 1: name: {}", unquoted("none"))),
            ("name = \"two\"\ninput = 1×28×28\n", format!("line 2: input: {}", unquoted("1×28×28"))),
            ("name = my net", format!("line 1: name: {}", unquoted("my net"))),
            ("layers = [flatten, linear 10]", format!("line 1: layers: {}", unquoted("flatten"))),
            ("layers = [\n  \"relu\",\n  flatten,\n]", format!("line 3: {}", unquoted("flatten"))),
            ("learning_rate = fast", format!("line 1: learning_rate: {}", unquoted("fast"))),
            (
                "learning_rate = 0,5",
                "line 1: learning_rate: `0,5` has a comma; a number is written with a point: 0.5".to_owned(),
            ),
        ] {
            assert_eq!(told(text), expected);
        }
        for text in ["name =", "name = # mine\n", "name =\ninput = 1"] {
            assert_eq!(told(text), "line 1: name: nothing stands behind the =", "{text}");
        }
        // Anything else is told in the parser's words.
        assert!(
            told("name = \"two").starts_with("line 1: name: invalid basic string"),
            "{}",
            told("name = \"two")
        );
        assert!(told("layers = [\"relu\" \"tanh\"]").starts_with("line 1: layers: missing comma"));
        assert!(told("learning_rate = .5").starts_with("line 1: learning_rate: invalid mantissa"));
        assert!(told("name").starts_with("line 1: key with no value"));
    }
}
