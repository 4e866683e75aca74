//! Names of people, machines and places, found and left out.

use serde_json::Value;

use super::identifiers::device_identifiers;
use crate::shell;

/// Folders that every system has, and that tell of nobody.
const COMMON: [&str; 9] =
    ["/usr/", "/lib/", "/lib64/", "/bin/", "/sbin/", "/etc/", "/proc/", "/dev/", "/sys/"];
/// Folders of people, which are private wherever they stand.
const HOMES: [&str; 2] = ["/home/", "/Users/"];
/// What stands before a path.
const BEFORE: [char; 16] =
    ['"', '\'', '`', '=', '(', '[', '<', '>', ',', ';', ':', '|', '{', '@', '\u{201c}', '\u{2018}'];
/// What ends one.
const BEHIND: [char; 14] = ['"', '\'', '`', ',', ';', ':', '(', ')', '<', '>', '[', ']', '{', '}'];
/// What stands in place of a path's folders.
const PLACE: &str = "[path]";
/// What stands in place of a graphics processor's identifier.
const DEVICE: &str = "[gpu]";
/// Keys whose values people and programs have written freely; in others a name is a part of the format.
const FREE: [&str; 8] =
    ["command", "reason", "log_tail", "warnings", "text", "no_gpu", "variables", "cuda_visible_devices"];
/// Options that name a folder of the machine and change nothing that is measured: in a command that others
/// repeat there is no such folder.
const FOLDER_OPTIONS: [&str; 2] = ["--out", "--data-dir"];
/// The key of the command that repeats a run.
const COMMAND: &str = "command";
/// Shorter names are parts of too many words.
const SHORTEST_NAME: usize = 3;

/// The paths in a text that begin at the root of a file system, or in somebody's home, but for those that
/// are alike everywhere.
pub fn private_paths(text: &str) -> Vec<&str> {
    let mut paths = Vec::new();
    let mut place = 0;
    while let Some(found) = text[place..].find('/') {
        let start = place + found;
        if text[start + 1..].starts_with('/') {
            // As in `file:///`: of several the last begins a path.
            place = start + 1;
            continue;
        }
        let path = path_at(text, start);
        place = start + path.len().max(1);
        if is_private(text, start, path) {
            paths.push(path);
        }
    }
    paths
}

/// What could be a path from there on.
fn path_at(text: &str, start: usize) -> &str {
    let rest = &text[start..];
    let end = rest.find(|c: char| c.is_whitespace() || c.is_control() || BEHIND.contains(&c));
    rest[..end.unwrap_or(rest.len())].trim_end_matches(['.', '/'])
}

fn is_private(text: &str, start: usize, path: &str) -> bool {
    if HOMES.iter().any(|home| path.len() > home.len() && path.starts_with(home)) {
        return true;
    }
    let before = &text[..start];
    let is_beginning = before.chars().next_back().is_none_or(|c| c.is_whitespace() || BEFORE.contains(&c));
    let is_of_file = before.ends_with("://");
    let mut parts = path.split('/').skip(1);
    let has_folder = parts.next().is_some_and(|part| !part.is_empty()) && parts.next().is_some();
    let is_common = COMMON.iter().any(|folder| path.starts_with(folder));
    (is_beginning || is_of_file) && has_folder && !is_common
}

/// Replaces names of people, machines and places.
#[derive(Debug, Clone, Default)]
pub struct Anonymizer {
    /// Folders by their whole names, which may hold blanks, the longest first.
    folders: Vec<String>,
    /// Names, each with what stands in its place.
    names: Vec<(String, &'static str)>,
    /// Names that are left as they are.
    too_short: Vec<String>,
}

impl Anonymizer {
    /// Of folders, such as the user's home, and of names with what stands in their places, such as
    /// `[user]`. What is too short to be told from other words is left alone.
    pub fn new(
        folders: impl IntoIterator<Item = String>,
        names: impl IntoIterator<Item = (String, &'static str)>,
    ) -> Self {
        let mut folders: Vec<String> = folders.into_iter().filter(|folder| folder.len() > 1).collect();
        folders.sort_by_key(|folder| std::cmp::Reverse(folder.len()));
        let is_long = |(name, _): &(String, &str)| name.chars().count() >= SHORTEST_NAME;
        let (names, others): (Vec<_>, Vec<_>) = names.into_iter().partition(is_long);
        let too_short = others.into_iter().map(|(name, _)| name).filter(|name| !name.is_empty());
        let too_short = crate::record::distinct(too_short);
        Self { folders, names, too_short }
    }

    /// Names that are too short to be told from other words, and stay.
    pub fn too_short(&self) -> &[String] {
        &self.too_short
    }

    /// With further names.
    pub(super) fn and_names(mut self, names: impl IntoIterator<Item = (String, &'static str)>) -> Self {
        self.names.extend(names.into_iter().filter(|(name, _)| name.chars().count() >= SHORTEST_NAME));
        self
    }

    /// A text without private paths and identifiers of devices, and how many of them there were.
    pub fn without_paths(&self, text: &str) -> (String, usize) {
        let mut text = text.to_owned();
        for folder in &self.folders {
            // A path without blanks, which is found as any other.
            text = text.replace(&format!("{folder}/"), "/home/user/");
        }
        let found: Vec<String> = private_paths(&text).into_iter().map(str::to_owned).collect();
        for path in &found {
            text = text.replacen(path.as_str(), &shortened(path), 1);
        }
        let devices: Vec<String> = device_identifiers(&text).into_iter().map(str::to_owned).collect();
        for device in &devices {
            text = text.replacen(device.as_str(), DEVICE, 1);
        }
        (text, found.len() + devices.len())
    }

    /// The same without names, too.
    pub fn without_names(&self, text: &str) -> (String, usize) {
        let (mut text, mut count) = self.without_paths(text);
        for (name, instead) in &self.names {
            let (without, found) = replace_word(&text, name, instead);
            (text, count) = (without, count + found);
        }
        (text, count)
    }

    /// Every string of a JSON value without private paths; what people wrote without names, too.
    /// Returns how many were replaced.
    pub fn clear(&self, value: &mut Value) -> usize {
        self.clear_within(value, false)
    }

    fn clear_within(&self, value: &mut Value, is_free: bool) -> usize {
        match value {
            Value::String(text) => {
                let (cleared, count) =
                    if is_free { self.without_names(text) } else { self.without_paths(text) };
                *text = cleared;
                count
            }
            Value::Array(values) => values.iter_mut().map(|one| self.clear_within(one, is_free)).sum(),
            Value::Object(fields) => fields
                .iter_mut()
                .map(|(key, one)| {
                    let count = self.clear_within(one, is_free || FREE.contains(&key.as_str()));
                    if let (COMMAND, Value::String(command)) = (key.as_str(), one) {
                        *command = without_folders(command);
                    }
                    count
                })
                .sum(),
            _ => 0,
        }
    }
}

/// A path without its folders; without anything where its last part may be somebody's name.
fn shortened(path: &str) -> String {
    match path.rsplit_once('/') {
        Some((folders, last)) if folders.matches('/').count() >= 2 => format!("{PLACE}/{last}"),
        _ => PLACE.to_owned(),
    }
}

/// A command without the options that name a folder whose name was left out; one that is no plain list of
/// words as it is.
fn without_folders(command: &str) -> String {
    let Some(words) = shell::words(command) else { return command.to_owned() };
    let mut kept: Vec<&str> = Vec::new();
    for word in words {
        let is_value = kept.last().is_some_and(|before| FOLDER_OPTIONS.contains(before));
        let unquoted = word.trim_start_matches('\'');
        let has_value = unquoted.split_once('=').is_some_and(|(name, _)| FOLDER_OPTIONS.contains(&name));
        match word.contains(PLACE) {
            true if is_value => drop(kept.pop()),
            true if has_value => {}
            _ => kept.push(word),
        }
    }
    kept.join(" ")
}

/// Replaces a word where it stands by itself, in capitals or not, and counts.
fn replace_word(text: &str, word: &str, instead: &str) -> (String, usize) {
    let is_within = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    // Of the same length: letters beyond ASCII stay.
    let (lower, word) = (text.to_ascii_lowercase(), word.to_ascii_lowercase());
    let (mut replaced, mut rest, mut count) = (String::new(), text, 0);
    while let Some(place) = lower[text.len() - rest.len()..].find(&word) {
        let (before, found) = rest.split_at(place);
        let (found, behind) = found.split_at(word.len());
        let previous = before.chars().next_back().or(replaced.chars().next_back());
        replaced.push_str(before);
        if is_within(previous) || is_within(behind.chars().next()) {
            replaced.push_str(found);
        } else {
            replaced.push_str(instead);
            count += 1;
        }
        rest = behind;
    }
    replaced.push_str(rest);
    (replaced, count)
}

#[cfg(test)]
mod unit_tests {
    use super::*;

    #[test]
    fn private_paths_are_found_and_common_ones_are_not() {
        let found = |text| private_paths(text).join(" ");
        assert_eq!(found("cannot open /home/ann/run/lib.so: no such file"), "/home/ann/run/lib.so");
        assert_eq!(found("cc -I/home/ann/include '/srv/ci/a.c'"), "/home/ann/include /srv/ci/a.c");
        assert_eq!(
            found("file:///data/x/y and LD=/opt/mine/lib, (/tmp/a)"),
            "/data/x/y /opt/mine/lib /tmp/a"
        );
        assert_eq!(found("at /Users/ann/x.rs:12"), "/Users/ann/x.rs");
        for common in [
            "/usr/bin/cc failed",
            "1.2 s/epoch, and/or 3/4/5",
            "https://example.org/home",
            "backends/candle/src/lib.rs",
            "[path]/lib.so",
            "/epoch",
            "a / b",
            "//",
        ] {
            assert_eq!(found(common), "", "{common}");
        }
    }

    #[test]
    fn a_library_keeps_its_name_and_a_home_does_not() {
        let anonymizer = Anonymizer::new(
            ["/home/al ice".to_owned(), "/".to_owned()],
            [("alice".to_owned(), "[user]"), ("al".to_owned(), "[user]"), ("box7".to_owned(), "[host]")],
        );
        let told = |text| anonymizer.without_names(text).0;
        assert_eq!(told("bench '/home/al ice/my.so'"), "bench '[path]/my.so'");
        assert_eq!(told("in /home/bob, /home/bob/x/y.log"), "in [path], [path]/y.log");
        assert_eq!(told("alice@box7 of malice and alice_2, all"), "[user]@[host] of malice and alice_2, all");
        assert_eq!(told("Alice at BOX7, Malice"), "[user] at [host], Malice");
        assert_eq!(told("GPU-8f3c2a10-11: lost, GPU-8f3c2a10-1111"), "[gpu]: lost, [gpu]");
        assert_eq!(anonymizer.without_names("/home/bob/a/b and alice").1, 2);
        assert_eq!(anonymizer.too_short(), ["al"]);
    }

    #[test]
    fn a_command_that_others_repeat_names_no_folder_of_the_machine() {
        let anonymizer = Anonymizer::new([], []);
        let told = |command: &str| {
            let mut value = serde_json::json!({ "command": command });
            anonymizer.clear(&mut value);
            value["command"].as_str().unwrap().to_owned()
        };
        assert_eq!(
            told("bench tch --out /srv/me/runs --seeds 3 --data-dir=/srv/me/data"),
            "bench tch --seeds 3"
        );
        for quoted in ["--out '/srv/me/my runs'", "'--out=/srv/me/my runs'"] {
            assert_eq!(told(&format!("bench {quoted} tch")), "bench tch");
        }
        assert_eq!(told("bench tch --out runs --outer /srv/a/b"), "bench tch --out runs --outer [path]/b");
    }

    #[test]
    fn names_go_where_people_write_and_paths_everywhere() {
        let anonymizer = Anonymizer::new([], [("test".to_owned(), "[user]")]);
        let mut value = serde_json::json!({
            "checks": [{ "name": "prediction: test logits", "detail": "in /home/test/a" }],
            "command": "bench test",
            "environment": { "settings": { "variables": { "A": "test" } } },
        });
        assert_eq!(anonymizer.clear(&mut value), 3);
        assert_eq!(
            value.to_string(),
            r#"{"checks":[{"detail":"in [path]/a","name":"prediction: test logits"}],"command":"bench [user]","environment":{"settings":{"variables":{"A":"[user]"}}}}"#
        );
    }
}
