//! The files as they were packed, and the record's lines.

use std::path::Path;

use super::super::manifest::sha256;
use super::super::pack::check_packable;
use super::super::{Contents, Finding, Manifest, Submission, excerpt};
use super::Subject;
use crate::number::count;
use crate::record::SCHEMA;
use crate::store::{self, EVENTS_FILE};
use crate::text::one_line;
use crate::{files, html, operations};

const FILES: &str = "files";
const RECORD: &str = "record";

/// Every file of a pack has the hash that its manifest gives, and there is no other.
pub(super) fn unchanged(submission: &Submission) -> Finding {
    let manifest = match submission.manifest() {
        None => {
            if submission.is_pack() {
                return Finding::failed(FILES, format!("a pack without {}: make it anew", Manifest::FILE));
            }
            let told = "a run folder, not a pack: no hash was written of its files";
            return linked(submission)
                .map_or_else(|| Finding::not_judged(FILES, told), |link| Finding::failed(FILES, link));
        }
        Some(Err(error)) => return Finding::failed(FILES, format!("{}: {error}", Manifest::FILE)),
        Some(Ok(manifest)) => manifest,
    };
    let mut wrong = Vec::new();
    for (name, hash) in &manifest.files {
        match files::read_within(submission.folder(), name, files::RECORD_LIMIT) {
            Ok(bytes) if sha256(&bytes) == *hash => {}
            Ok(_) => wrong.push(format!("{name} was changed after it was packed")),
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    let held = names(submission.folder(), Path::new(""));
    let strange = held.iter().filter(|name| *name != Manifest::FILE && !manifest.files.contains_key(*name));
    wrong.extend(strange.map(|name| format!("{name} was put beside what was packed")));
    let foreign = manifest.files.keys().filter(|name| !Contents::may_hold(name));
    wrong.extend(foreign.map(|name| format!("{} is no file that is ever packed", excerpt(name))));
    if manifest.schema != Manifest::SCHEMA {
        wrong.push(format!(
            "{} has schema {}, this trainmark reads {}",
            Manifest::FILE,
            manifest.schema,
            Manifest::SCHEMA
        ));
    }
    let unchecked =
        [html::FILE, operations::FILE].into_iter().filter(|name| manifest.files.contains_key(*name));
    let unchecked: Vec<&str> = unchecked.collect();
    let mut told = format!("{} as packed", count(manifest.files.len(), "file"));
    if !unchecked.is_empty() {
        told += &format!("; not held against the record: {}", unchecked.join(", "));
    }
    Finding::of(FILES, &wrong, told)
}

/// A link could show any file of this machine as one of the run's.
fn linked(submission: &Submission) -> Option<String> {
    let held = names(submission.folder(), Path::new(""));
    let name = held.into_iter().find(|name| files::is_link(&submission.folder().join(name)))?;
    Some(format!("{name} is a link, which is not followed"))
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

/// The record is of one benchmark with a name that a folder may have, its last line is whole, and its benchmark
/// has come to its end.
pub(super) fn whole(subject: &Subject<'_>) -> Finding {
    let record = subject.record;
    let mut wrong: Vec<String> =
        check_packable(record).err().iter().map(|error| one_line(&error.to_string())).collect();
    let lines = files::read_within(subject.submission.folder(), EVENTS_FILE, files::RECORD_LIMIT)
        .map(|bytes| bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).count());
    if lines.is_ok_and(|lines| lines != subject.events.len()) {
        wrong.push("its last line is torn".to_owned());
    }
    if record.outcome.is_none_or(|outcome| outcome == crate::record::Outcome::Interrupted) {
        wrong.push(format!("the benchmark is {}: `bench --resume` continues it", record.outcome_words()));
    }
    let packed = subject.submission.manifest().and_then(Result::ok);
    if packed.is_some_and(|manifest| manifest.run_id != record.started.run_id) {
        wrong.push(format!("{} names another run", Manifest::FILE));
    }
    let strange = record.runs.iter().find(|run| run.end.log.as_ref().is_some_and(|log| !store::is_log(log)));
    wrong.extend(strange.map(|run| format!("{} seed {}: its log is none of the run's", run.cell, run.seed)));
    let told =
        format!("schema {SCHEMA}, {}, {}", count(subject.events.len(), "line"), record.outcome_words());
    Finding::of(RECORD, &wrong, told)
}
