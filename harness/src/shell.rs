//! Words of a command that the user is to repeat.

use std::path::Path;

/// A word as a shell reads it back: as it is where it is plain, else in single quotes.
pub fn quoted(word: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_./:=,@+%".contains(character);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
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
    fn plain_words_stay_as_they_are() {
        for word in ["handwritten/builtin@cuda:0", "--epochs=2", "laptop=reports/runs/a", "a,b"] {
            assert_eq!(quoted(word), word);
        }
        assert_eq!(quoted_path(Path::new("/a b/c")), "'/a b/c'");
    }
}
