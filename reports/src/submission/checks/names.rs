//! No private path is left.

use serde_json::Value;

use super::super::identifiers::device_identifiers;
use super::super::{Finding, private_paths};
use super::Subject;
use crate::files;
use crate::number::count;
use crate::operations;
use crate::store::EVENTS_FILE;

const NAMES: &str = "names";

/// No text of the record, of its logs or of the times of operations holds a path of somebody's own. Names
/// alone nobody can know but their owners.
pub(super) fn none(subject: &Subject<'_>) -> Finding {
    let mut wrong = Vec::new();
    for (event, line) in subject.events.iter().zip(1..) {
        let strings = serde_json::to_value(event).map(|value| strings(&value)).unwrap_or_default();
        wrong.extend(found(EVENTS_FILE, line, &strings));
    }
    let folder = subject.submission.folder();
    let logs = subject.record.runs.iter().filter_map(|run| run.end.log.as_deref());
    let mut names: Vec<&str> = logs.chain([operations::FILE]).collect();
    names.sort_unstable();
    names.dedup();
    for name in &names {
        if let Ok(bytes) = files::read_within(folder, name, files::TEXT_LIMIT) {
            let text = String::from_utf8_lossy(&bytes);
            let mut lines = text.lines().zip(1..);
            wrong.extend(lines.find_map(|(text, line)| found(name, line, &[text.to_owned()])));
        }
    }
    let lines = count(subject.events.len(), "line");
    Finding::of(NAMES, &wrong, format!("no private path in {lines} and {}", count(names.len(), "file")))
}

/// Where a private path or identifier is, without what it is: what is found may be shown to anybody.
fn found(name: &str, line: usize, texts: &[String]) -> Option<String> {
    let what = if texts.iter().any(|text| !private_paths(text).is_empty()) {
        "a private path"
    } else if texts.iter().any(|text| !device_identifiers(text).is_empty()) {
        "a graphics processor's identifier"
    } else {
        return None;
    };
    Some(format!("{name}, line {line} names {what}: `trainmark pack` leaves it out"))
}

fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().flat_map(strings).collect(),
        Value::Object(fields) => fields.values().flat_map(strings).collect(),
        _ => Vec::new(),
    }
}
