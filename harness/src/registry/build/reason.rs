//! Why a build failed, in one line: found in what it printed.

use trainmark_reports::text::one_line;

/// Longest reason, in characters; the log has the rest.
const LONGEST: usize = 300;

/// The first error that a build's output tells of, with what makes it specific;
/// else its last line.
pub(super) fn first_error(text: &str) -> String {
    // Some tools colour whatever they are told.
    let text = anstream::adapter::strip_str(text).to_string();
    let lines: Vec<&str> = text.lines().collect();
    let reason = lines
        .iter()
        .position(|line| is_error(line))
        .map(|first| explained(&lines, first))
        .or_else(|| last_line(&lines).map(str::to_owned))
        .unwrap_or_else(|| "it printed nothing".to_owned());
    shortened(&one_line(&reason))
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    let kept: String = text.chars().take(LONGEST - 1).collect();
    format!("{kept}…")
}

fn last_line<'t>(lines: &[&'t str]) -> Option<&'t str> {
    lines.iter().rev().map(|line| line.trim()).find(|line| !line.is_empty())
}

/// Whether a compiler, cargo, pip, Python or a panic begins an error here.
fn is_error(line: &str) -> bool {
    let line = line.trim();
    let begins = line.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("error"))
        && line[5..].starts_with([':', '[', ' ']);
    let within =
        [": error: ", ": fatal error: ", ": undefined reference to ", "ld: cannot find ", "panicked at "];
    begins || is_traceback(line) || within.iter().any(|part| line.contains(part))
}

fn is_traceback(line: &str) -> bool {
    line.starts_with("Traceback (most recent call last)")
}

/// The error that begins at `first`, with the cause that it keeps further down.
fn explained(lines: &[&str], first: usize) -> String {
    let line = without_cargo_prefix(lines[first].trim());
    let rest = &lines[first + 1..];
    if let Some(package) = line.strip_prefix("error: failed to run custom build command for `") {
        let package = package.split([' ', '`']).next().unwrap_or_default();
        if let Some(message) = build_script_message(rest) {
            return format!("build script of {package}: {message}");
        }
    }
    if is_traceback(line) {
        let error = rest.iter().find(|line| !line.trim().is_empty() && !line.starts_with(' '));
        return error.map_or(line, |error| error.trim()).to_owned();
    }
    if line.contains("panicked at ") {
        return next_text(rest).unwrap_or(line).to_owned();
    }
    if line.starts_with("error: linking with ")
        && let Some(note) = linker_message(rest)
    {
        let linking = line.split(": exit status").next().unwrap_or(line);
        return format!("{linking}: {note}");
    }
    if let Some(cause) = innermost_cause(rest) {
        return format!("{line}: {cause}");
    }
    if let Some(place) = rest.first().and_then(|next| next.trim().strip_prefix("--> ")) {
        return format!("{line} ({})", place.trim());
    }
    match next_text(rest) {
        Some(next) if line.ends_with(':') => format!("{line} {next}"),
        _ => line.to_owned(),
    }
}

/// What a compiler said to a build script comes as `warning: package@1.0.0: …`.
fn without_cargo_prefix(line: &str) -> &str {
    let said = line.strip_prefix("warning: ").and_then(|line| line.split_once(": "));
    said.filter(|(package, _)| package.contains('@')).map_or(line, |(_, said)| said)
}

fn next_text<'t>(lines: &[&'t str]) -> Option<&'t str> {
    lines.iter().map(|line| line.trim()).find(|line| !line.is_empty())
}

/// The error in what a build script printed, which cargo shows indented below
/// its own error; else how it ended.
fn build_script_message(lines: &[&str]) -> Option<String> {
    let end = lines.iter().position(|line| line.starts_with("error") || line.starts_with("warning"));
    let lines = &lines[..end.unwrap_or(lines.len())];
    let printed = lines.iter().position(|line| line.trim() == "--- stderr").map(|at| &lines[at + 1..]);
    let printed: Vec<&str> =
        printed.unwrap_or_default().iter().map(|line| line.strip_prefix("  ").unwrap_or(line)).collect();
    match printed.iter().position(|line| is_error(line)) {
        Some(first) => {
            let message = explained(&printed, first);
            Some(message.trim_start_matches("Error: ").trim_start_matches("error: ").to_owned())
        }
        None => last_line(&printed).map(str::to_owned).or_else(|| innermost_cause(lines)),
    }
}

/// The last `Caused by:` of an error, which is the first cause.
fn innermost_cause(lines: &[&str]) -> Option<String> {
    let mut cause = None;
    for (index, line) in lines.iter().enumerate() {
        if is_error(line) || line.trim().starts_with("--- std") {
            break;
        }
        if line.trim() == "Caused by:" {
            cause = next_text(&lines[index + 1..]);
        }
    }
    let cause = cause?;
    // The command line that is quoted there would fill a screen.
    match cause.strip_prefix("process didn't exit successfully: ") {
        Some(ending) => {
            let ending = ending.rsplit_once(" (").map_or(ending, |(_, ending)| ending.trim_end_matches(')'));
            Some(format!("its process ended with {ending}"))
        }
        None => Some(cause.to_owned()),
    }
}

/// What the linker itself said, among rustc's notes.
fn linker_message<'t>(lines: &[&'t str]) -> Option<&'t str> {
    let end = lines.iter().position(|line| line.starts_with("error")).unwrap_or(lines.len());
    let notes = lines[..end].iter().map(|line| line.trim().trim_start_matches("= note: ").trim());
    let said = ["error: ", "undefined reference to ", "cannot find "];
    notes.filter(|note| !note.starts_with('"')).find(|note| said.iter().any(|part| note.contains(part)))
}

#[cfg(test)]
mod tests {
    use super::first_error;

    /// What cargo, compilers and Python really printed, and the reason in it.
    const CASES: [(&str, &str); 17] = [
        (include_str!("logs/missing-cc.log"), "error: linker `cc` not found"),
        (
            include_str!("logs/offline-no-match.log"),
            "error: no matching package named `quick-xml-nope` found",
        ),
        (
            include_str!("logs/offline-not-downloaded.log"),
            "error: failed to download `fastrand v2.0.0`: attempting to make an HTTP request, but --offline was \
             specified",
        ),
        (
            include_str!("logs/build-script-panic.log"),
            "build script of mine: Cannot find a libtorch install, you can either set LIBTORCH or use \
             LIBTORCH_USE_PYTORCH=1",
        ),
        (
            include_str!("logs/build-script-error.log"),
            "build script of mine: Os { code: 2, kind: NotFound, message: \"No such file or directory\" }",
        ),
        (include_str!("logs/cargo-error.log"), "error: mine@0.1.0: no libtorch 2.11.0 here"),
        (
            include_str!("logs/compile-error.log"),
            "error[E0425]: cannot find value `missing` in this scope (src/lib.rs:1:21)",
        ),
        (
            include_str!("logs/link-error.log"),
            "error: linking with `cc` failed: rust-lld: error: unable to find library -lnosuchthing",
        ),
        (include_str!("logs/cc-rs-error.log"), "a.c:1:10: fatal error: nope.h: No such file or directory"),
        (
            include_str!("logs/cc-rs-missing.log"),
            "build script of mine: error occurred in cc-rs: failed to find tool \"moon-cc\": No such file or \
             directory (os error 2)",
        ),
        (
            include_str!("logs/killed.log"),
            "error: could not compile `mine` (lib): its process ended with signal: 9, SIGKILL: kill",
        ),
        (include_str!("logs/bad-manifest.log"), "error: unclosed table, expected `]` (Cargo.toml:7:14)"),
        (
            include_str!("logs/c-compiler.log"),
            "p2.c:1:21: error: ‘b’ undeclared (first use in this function)",
        ),
        (include_str!("logs/c-linker.log"), "p3.c:(.text+0x5): undefined reference to `nosuch'"),
        (include_str!("logs/make.log"), "plugin.c:1:10: fatal error: nope.h: No such file or directory"),
        (
            include_str!("logs/pip.log"),
            "ERROR: Could not find a version that satisfies the requirement torch==2.11.0 (from versions: none)",
        ),
        (include_str!("logs/python.log"), "ModuleNotFoundError: No module named 'torchx'"),
    ];

    #[test]
    fn the_reason_that_a_person_needs_is_found() {
        for (log, reason) in CASES {
            assert_eq!(first_error(log), reason, "in {log}");
        }
    }

    #[test]
    fn without_an_error_it_is_the_last_line() {
        assert_eq!(first_error("start\nsh: 1: moon-cc: not found\n\n"), "sh: 1: moon-cc: not found");
        assert_eq!(first_error(" \n"), "it printed nothing");
        let crates = "   Compiling error-code v1\n   Compiling errors v2\n";
        assert_eq!(first_error(crates), "Compiling errors v2", "a crate's name is no error");
    }

    #[test]
    fn colours_hide_no_error() {
        let log = "\u{1b}[1m\u{1b}[32m   Compiling\u{1b}[0m mine\n\u{1b}[31;1merror\u{1b}[0m: \u{1b}[1modd\u{1b}[0m\n\
                   and so on\n";
        assert_eq!(first_error(log), "error: odd");
        let log = "a.c:1:2: \u{1b}[01;31m\u{1b}[Kfatal error: \u{1b}[m\u{1b}[Kno.h: No such file\ncompilation terminated.\n";
        assert_eq!(first_error(log), "a.c:1:2: fatal error: no.h: No such file");
    }

    #[test]
    fn a_reason_is_short_and_one_line() {
        let reason = first_error(&format!("error: \u{1b}[31m{}", "é".repeat(5000)));
        assert_eq!(reason.chars().count(), super::LONGEST);
        assert!(!reason.contains('\u{1b}'), "{reason}");
    }
}
