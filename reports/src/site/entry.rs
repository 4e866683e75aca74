//! A run of a site: verified, packed and published.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Making, RUNS};
use crate::record::Record;
use crate::store;
use crate::submission::{Contents, Finding, Submission};

/// A run that is shown.
pub(super) struct Entry {
    pub(super) run_id: String,
    pub(super) record: Record,
    /// What its verification has found.
    pub(super) findings: Vec<Finding>,
    /// Its files with their sizes in bytes, the pack last.
    pub(super) files: Vec<(String, u64)>,
    /// Whether the maintainers made it.
    pub(super) is_own: bool,
}

/// The check that a run folder need not pass: what it finds is left out of what is published.
const NAMES: &str = "names";

impl Entry {
    /// Verifies a run, and writes what is published of it into the site.
    ///
    /// # Errors
    /// Why it is not shown, in one line.
    pub(super) fn publish(
        dir: &Path,
        source: &Path,
        out: &Path,
        making: &Making<'_>,
        others: &[Self],
    ) -> Result<Self, String> {
        let path = dir.join(source);
        let told = |error: String| error.replace(&format!("{}/", dir.display()), "");
        let submission = Submission::open(&path).map_err(|error| told(error.to_string()))?;
        let mut findings = (making.verify)(&submission);
        if submission.manifest().is_none() {
            findings.retain(|finding| finding.check != NAMES);
        }
        if let Some(failed) = findings.iter().find(|finding| finding.is_failure()) {
            return Err(format!("{}: {}", failed.check, failed.detail));
        }
        let contents =
            Contents::of(submission.folder(), making.anonymizer).map_err(|error| told(error.to_string()))?;
        let run_id = contents.manifest.run_id.clone();
        if others.iter().any(|other| other.run_id == run_id) {
            return Err(format!("a run of the name {run_id} is shown already"));
        }
        let folder = out.join(RUNS).join(&run_id);
        let files = write(&folder, &contents)
            .map_err(|error| format!("cannot write {}: {error}", folder.display()))?;
        let record = Record::read(&folder).map_err(|error| error.to_string())?;
        Ok(Self { run_id, record, findings, files, is_own: false })
    }

    pub(super) fn unix_time(&self) -> f64 {
        self.record.started.unix_time
    }
}

fn write(folder: &Path, contents: &Contents) -> Result<Vec<(String, u64)>, Box<dyn std::error::Error>> {
    let mut files = Vec::new();
    let mut put = |name: &str, bytes: &[u8]| -> Result<(), Box<dyn std::error::Error>> {
        let path: PathBuf = folder.join(name);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        store::replace_file(&path, bytes)?;
        files.push((name.to_owned(), bytes.len() as u64));
        Ok(())
    };
    for (name, bytes) in &contents.files {
        put(name, bytes)?;
    }
    put(&contents.file_name(), &contents.archive()?)?;
    Ok(files)
}
