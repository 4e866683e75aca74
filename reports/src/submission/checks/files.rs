//! The files as they were packed, and the record's lines.

use std::path::Path;

use super::super::manifest::sha256;
use super::super::{Finding, Manifest, Submission};
use super::Subject;
use crate::files;
use crate::number::count;
use crate::record::SCHEMA;
use crate::store::{self, EVENTS_FILE};

const FILES: &str = "files";
const RECORD: &str = "record";

/// Every file of a pack has the hash that its manifest gives, and there is no other.
pub(super) fn unchanged(submission: &Submission) -> Finding {
    let manifest = match submission.manifest() {
        None => {
            return Finding::not_judged(FILES, "a run folder, not a pack: no hash was written of its files");
        }
        Some(Err(error)) => return Finding::failed(FILES, format!("{}: {error}", Manifest::FILE)),
        Some(Ok(manifest)) => manifest,
    };
    let mut wrong = Vec::new();
    for (name, hash) in &manifest.files {
        let path = Path::new(name);
        let is_within = path.is_relative() && !name.split('/').any(|part| part == "..");
        let read = files::read(&submission.folder().join(path), files::RECORD_LIMIT);
        match read {
            Ok(bytes) if is_within && sha256(&bytes) == *hash => {}
            Ok(_) => wrong.push(format!("{name} was changed after it was packed")),
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    let held = names(submission.folder(), Path::new(""));
    let strange = held.iter().filter(|name| *name != Manifest::FILE && !manifest.files.contains_key(*name));
    wrong.extend(strange.map(|name| format!("{name} was put beside what was packed")));
    Finding::of(FILES, &wrong, format!("{} as packed", count(manifest.files.len(), "file")))
}

/// Every file below a folder, by its path.
fn names(folder: &Path, below: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for path in store::entries(&folder.join(below)).unwrap_or_default() {
        let name = below.join(path.file_name().unwrap_or_default());
        if path.is_dir() && !files::is_link(&path) {
            found.extend(names(folder, &name));
        } else {
            found.push(name.to_string_lossy().into_owned());
        }
    }
    found.sort();
    found
}

/// The record's last line is whole, and its benchmark has come to its end.
pub(super) fn whole(subject: &Subject<'_>) -> Finding {
    let record = subject.record;
    let mut wrong = Vec::new();
    let path = subject.submission.folder().join(EVENTS_FILE);
    let lines = files::read(&path, files::RECORD_LIMIT)
        .map(|bytes| bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).count());
    if lines.is_ok_and(|lines| lines != subject.events.len()) {
        wrong.push("its last line is torn".to_owned());
    }
    if record.outcome.is_none_or(|outcome| outcome == crate::record::Outcome::Interrupted) {
        wrong.push(format!("the benchmark is {}: `bench --resume` continues it", record.outcome_words()));
    }
    let told =
        format!("schema {SCHEMA}, {}, {}", count(subject.events.len(), "line"), record.outcome_words());
    Finding::of(RECORD, &wrong, told)
}
