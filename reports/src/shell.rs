//! Words of a command that the user is to repeat.

use std::path::Path;

/// A word as a shell reads it back: as it is where it is plain, else in single quotes.
pub fn quoted(word: &str) -> String {
    if !word.is_empty() && word.chars().all(is_plain_character) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// The words of a line as [`quoted`] writes them, each with its quotes, and between two of them a blank; in a plain
/// one may stand what a pack has in place of a name, such as `[path]`. `None` where a shell would do with the line
/// anything else than split it into these.
pub fn words(line: &str) -> Option<Vec<&str>> {
    let (mut words, mut rest) = (Vec::new(), line);
    loop {
        let (word, behind) = rest.split_at(match rest.starts_with('\'') {
            true => quoted_length(rest)?,
            false => rest.find(' ').unwrap_or(rest.len()),
        });
        if !word.starts_with('\'') && !is_plain(word) {
            return None;
        }
        words.push(word);
        match behind.strip_prefix(' ') {
            Some(next) => rest = next,
            None => return behind.is_empty().then_some(words),
        }
    }
}

/// How many bytes the word in single quotes has that a line begins with.
fn quoted_length(line: &str) -> Option<usize> {
    let mut length = 1;
    loop {
        length += line[length..].find('\'')? + 1;
        // A quote within is one between two quoted pieces.
        match line[length..].strip_prefix(r"\''") {
            Some(_) => length += r"\''".len(),
            None => return Some(length),
        }
    }
}

/// Whether a word needs no quotes, but for what a pack has in place of names.
fn is_plain(word: &str) -> bool {
    let is_of_plain = |part: &str| part.chars().all(is_plain_character);
    let is_placed = |part: &str| {
        part.split_once(']').is_some_and(|(name, behind)| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase()) && is_of_plain(behind)
        })
    };
    let mut parts = word.split('[');
    !word.is_empty() && parts.next().is_none_or(is_of_plain) && parts.all(is_placed)
}

fn is_plain_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || "-_./:=,@+%".contains(character)
}

/// The same of a path.
pub fn quoted_path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        for word in ["", "a b", "it's", "$HOME", "a\nb", "ü", "*", "~", "laptop=a/b,c@d:1", "!x", "a\\b"] {
            let output = Command::new("sh").args(["-c", &format!("printf %s {}", quoted(word))]).output();
            assert_eq!(String::from_utf8_lossy(&output.expect("a shell").stdout), word);
        }
    }

    #[test]
    fn words_are_read_back_as_they_were_quoted() {
        let some = ["", "a b", "it's", "''", "a'", "'a", "$HOME", "a;b", "ü", "laptop=a/b,c@d:1", "a\\'b"];
        let quoted: Vec<String> = some.iter().map(|word| quoted(word)).collect();
        assert_eq!(words(&quoted.join(" ")).expect("its own"), quoted);
        assert_eq!(words("[path]/a.so [user]@[host]").expect("what a pack has").len(), 2);
        for other in
            ["a  b", " a", "a ", "a;b", "'a", "'a'b", "a'b'", "[a", "a]", "[]", "[A]", "[!a]", "a\tb", "a\\b"]
        {
            assert_eq!(words(other), None, "{other:?}");
        }
    }

    #[test]
    fn plain_words_stay_as_they_are() {
        for word in ["handwritten/builtin@cuda:0", "--epochs=2", "laptop=reports/runs/a", "a,b"] {
            assert_eq!(quoted(word), word);
        }
        assert_eq!(quoted_path(Path::new("/a b/c")), "'/a b/c'");
    }
}
