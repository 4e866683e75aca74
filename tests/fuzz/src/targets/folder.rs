//! A run folder with all its files, and what is made of it beside another.

use std::fs;
use std::path::Path;

use trainmark::bench::BenchRequest;
use trainmark_reports::{Record, compare, index, write_all};

use super::assert_one_line;

/// What parts the files in a target's bytes; in none of them it means anything.
const SEPARATOR: u8 = 0xFF;
const NAMES: [&str; 3] = ["run/events.jsonl", "run/request.json", "operations.json"];

pub(super) fn run(bytes: &[u8]) {
    let parts = bytes.splitn(NAMES.len(), |&byte| byte == SEPARATOR);
    let files: Vec<(&str, &[u8])> = NAMES.into_iter().zip(parts).collect();
    with(&files, |runs| {
        let folder = runs.join("run");
        if let Err(error) = BenchRequest::read(&folder) {
            assert_one_line(&error);
        }
        index::write(runs).unwrap_or_else(|error| panic!("the list of runs: {error}"));
        let Ok(record) = Record::read(&folder) else { return };
        let _ = write_all(&folder, &record);
        if let Ok(comparison) = compare::compare(&record, &record, false) {
            compare::markdown(&comparison, None);
        }
    });
}

/// Does something with a folder of these files.
pub(super) fn with(files: &[(&str, &[u8])], run: impl FnOnce(&Path)) {
    // In memory, where the system has such a place: thousands are made per second.
    let place = Path::new("/dev/shm");
    let place = if place.is_dir() { place.to_owned() } else { std::env::temp_dir() };
    let folder = tempfile::tempdir_in(place).unwrap_or_else(|error| panic!("a temporary folder: {error}"));
    for (name, bytes) in files {
        let path = folder.path().join(name);
        let parent = path.parent().unwrap_or(folder.path());
        let written = fs::create_dir_all(parent).and_then(|()| fs::write(&path, bytes));
        written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    run(folder.path());
}
