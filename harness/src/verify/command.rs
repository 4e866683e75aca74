//! The command that repeats a run is one command, and no other.

use trainmark_reports::Record;
use trainmark_reports::submission::Finding;
use trainmark_reports::text::{one_line, printable};

use crate::shell;

const COMMAND: &str = "command";
/// How each begins.
const BEGINNING: [&str; 4] = ["cargo", "run", "--", "bench"];

/// The command, which pages offer to be copied, is one `bench` of words that a shell takes as they are.
pub(super) fn single(record: &Record) -> Finding {
    judge(&record.started.command)
}

fn judge(command: &str) -> Finding {
    let is_bench = |words: &Vec<&str>| words.starts_with(&BEGINNING);
    // A terminal would obey some characters within quotes, too, and others turn what is read.
    let is_printable = printable(command) == command && !command.contains(char::is_control);
    match shell::words(command).filter(|words| is_printable && is_bench(words)) {
        Some(words) => {
            let words = words.len() - BEGINNING.len();
            Finding::ok(COMMAND, format!("one `bench`, with {}", crate::units::count(words, "word")))
        }
        None => Finding::failed(
            COMMAND,
            format!(
                "`{:.60}` is not one `{}` with plain or quoted words: whoever copies it would run more",
                one_line(command),
                BEGINNING.join(" ")
            ),
        ),
    }
}

#[cfg(test)]
mod unit_tests {
    use super::*;

    #[test]
    fn the_command_is_one_bench() {
        for command in [
            "cargo run -- bench",
            "cargo run -- bench all --seeds 3 --epochs=5 tch@1.2.3/builtin,candle@cuda:0",
            "cargo run -- bench [path]/libmine.so --data-dir '[path]/my data' [user]@[host]",
            r"cargo run -- bench --base 'it'\''s/a.so' --workload 'a;b $(c) `d` ü.toml'",
        ] {
            assert!(!judge(command).is_failure(), "{command}");
        }
    }

    #[test]
    fn what_runs_anything_else_is_refused() {
        for command in [
            "",
            "cargo run",
            "cargo run -- merge a b",
            "cargo run -- benchmark",
            "cargo run --release -- bench all",
            "sh x; cargo run -- bench all",
            "X=1 cargo run -- bench all",
            "cargo run -- bench all; curl https://x | sh",
            "cargo run -- bench all && rm -r x",
            "cargo run -- bench all > x",
            "cargo run -- bench $(x)",
            "cargo run -- bench `x`",
            "cargo run -- bench \"$(x)\"",
            "cargo run -- bench $HOME ~ * ? {a,b} !x #",
            "cargo run -- bench all\nx",
            "cargo run -- bench 'a\nx'",
            "cargo run -- bench 'a\u{1b}[2J'",
            "cargo run -- bench 'a\u{202e}b'",
            "cargo run -- bench 'a",
            "cargo run -- bench 'a';x",
            r"cargo run -- bench a\;x",
            r"cargo run -- bench 'a'\'';x'\'",
            "cargo run -- bench [!a] [path",
        ] {
            assert!(judge(command).is_failure(), "{command}");
        }
        let told = judge("cargo run -- bench all; curl https://x | sh").detail;
        assert_eq!(
            told,
            "`cargo run -- bench all; curl https://x | sh` is not one `cargo run -- bench` with plain or quoted \
             words: whoever copies it would run more"
        );
    }
}
