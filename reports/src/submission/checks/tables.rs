//! The CSV files and `env.json`, against the record that they are made of.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::Finding;
use super::Subject;
use crate::record::{Environment, Event, MergedRun};
use crate::store::ENVIRONMENT_FILE;
use crate::{csv, files, operations};

const TABLES: &str = "tables";

/// Every field of every CSV file is what the record gives.
pub(super) fn agree(subject: &Subject<'_>) -> Finding {
    let folder = subject.submission.folder();
    let made = operations::of_run(folder, subject.record)
        .and_then(|of_run| csv::files(subject.record, of_run.as_ref()));
    let made = match made {
        Ok(made) => made,
        Err(error) => return Finding::failed(TABLES, error.to_string()),
    };
    let mut wrong: Vec<String> = made
        .iter()
        .filter_map(|(name, text)| Some(format!("{name}{}", difference(folder, name, text)?)))
        .collect();
    let strange = csv::FILES
        .into_iter()
        .filter(|name| !made.iter().any(|(made, _)| made == name) && folder.join(name).exists());
    wrong.extend(strange.map(|name| format!("{name} is there, and the record gives none")));
    wrong.extend(environment(subject));
    let names: Vec<&str> = made.iter().map(|(name, _)| *name).collect();
    Finding::of(
        TABLES,
        &wrong,
        format!("{} and {ENVIRONMENT_FILE} are what the record gives", names.join(", ")),
    )
}

/// What a file has otherwise than what was made of the record. A column that one of them lacks is of another
/// version of trainmark.
fn difference(folder: &Path, name: &str, made: &str) -> Option<String> {
    let text = match files::read_within(folder, name, files::RECORD_LIMIT) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => return Some(format!(": {error}; `trainmark report` writes it")),
    };
    let (found, made) = match (rows(&text), rows(made)) {
        (Ok(found), Ok(made)) => (found, made),
        (Err(error), _) | (_, Err(error)) => return Some(format!(": {error}")),
    };
    if found.len() != made.len() {
        return Some(format!(" has {} rows, the record gives {}", found.len(), made.len()));
    }
    found.iter().zip(&made).zip(1..).find_map(|((found, made), row): (_, usize)| {
        let (column, found, made) = found.iter().find_map(|(column, value)| {
            let made = made.get(column)?;
            (value != made).then_some((column, value, made))
        })?;
        Some(format!(", row {row}: {column} is `{found}`, the record gives `{made}`"))
    })
}

/// The fields of each row by their columns.
fn rows(text: &str) -> Result<Vec<BTreeMap<String, String>>, ::csv::Error> {
    ::csv::Reader::from_reader(text.as_bytes()).deserialize().collect()
}

fn environment(subject: &Subject<'_>) -> Option<String> {
    let started = &subject.record.started;
    let folder = subject.submission.folder();
    let text = match files::read_within(folder, ENVIRONMENT_FILE, files::TEXT_LIMIT) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => return Some(format!("{ENVIRONMENT_FILE}: {error}")),
    };
    let is_same = match started.merged.is_empty() {
        // Of a benchmark on a cluster the file may be of the machine that it was begun on.
        true => serde_json::from_str::<Environment>(&text)
            .map(|found| found == started.environment || own_environment(subject.events) == Some(&found)),
        false => serde_json::from_str::<Vec<MergedRun>>(&text).map(|found| found == started.merged),
    };
    match is_same {
        Ok(true) => None,
        Ok(false) => Some(format!("{ENVIRONMENT_FILE} tells of another machine than the record")),
        Err(error) => Some(format!("{ENVIRONMENT_FILE}: {error}")),
    }
}

/// The machine of the record's first line.
fn own_environment(events: &[Event]) -> Option<&Environment> {
    events.iter().find_map(|event| match event {
        Event::Started(started) => Some(&started.environment),
        _ => None,
    })
}
