//! A run of a site: verified, packed and published.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Making, RUNS};
use crate::record::Record;
use crate::store;
use crate::submission::{Contents, Finding, Submission};
use crate::{csv, html};

/// A run that is shown.
pub(super) struct Entry {
    pub(super) run_id: String,
    /// Where it was found, below the folder of the runs.
    pub(super) source: PathBuf,
    /// SHA-256 of its record as it is published.
    pub(super) record_hash: String,
    pub(super) record: Record,
    /// What its verification has found.
    pub(super) findings: Vec<Finding>,
    /// Its files with their sizes in bytes, the pack last.
    pub(super) files: Vec<(String, u64)>,
    /// Whether the maintainers made it.
    pub(super) is_own: bool,
}

impl Entry {
    pub(super) fn unix_time(&self) -> f64 {
        self.record.started.unix_time
    }
}

/// A run of which no check has failed, with what would be published of it.
pub(super) struct Verified {
    findings: Vec<Finding>,
    contents: Contents,
    /// SHA-256 of its record as it was handed in.
    own_hash: String,
}

/// The check that a run folder need not pass: what it finds is left out of what is published.
const NAMES: &str = "names";

impl Verified {
    /// Verifies a run.
    ///
    /// # Errors
    /// Why it is not shown, in one line.
    pub(super) fn of(dir: &Path, source: &Path, making: &Making<'_>) -> Result<Self, String> {
        let path = dir.join(source);
        let told = |error: String| error.replace(&format!("{}/", dir.display()), "");
        let submission = Submission::open(&path).map_err(|error| told(error.to_string()))?;
        let mut findings = (making.verify)(&submission);
        if !submission.is_pack() {
            findings.retain(|finding| finding.check != NAMES);
        }
        if let Some(failed) = findings.iter().find(|finding| finding.is_failure()) {
            return Err(format!("{}: {}", failed.check, failed.detail));
        }
        let contents =
            Contents::of(submission.folder(), making.anonymizer).map_err(|error| told(error.to_string()))?;
        let own_hash = submission.record_hash().map_err(|error| told(error.to_string()))?;
        Ok(Self { findings, contents, own_hash })
    }

    pub(super) fn run_id(&self) -> &str {
        &self.contents.manifest.run_id
    }

    /// SHA-256 of its record as it would be published.
    pub(super) fn record_hash(&self) -> &str {
        self.contents.record_hash().unwrap_or_default()
    }

    /// Whether this is the hash of its record, as it was handed in or as it would be published.
    pub(super) fn has_hash(&self, hash: &str) -> bool {
        [self.own_hash.as_str(), self.record_hash()].iter().any(|own| own.eq_ignore_ascii_case(hash))
    }

    /// Writes what is published of it into the site.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub(super) fn publish(mut self, source: &Path, out: &Path, is_own: bool) -> Result<Entry, String> {
        let (run_id, record_hash) = (self.run_id().to_owned(), self.record_hash().to_owned());
        let folder = out.join(RUNS).join(&run_id);
        let files = write(&folder, &mut self.contents)
            .map_err(|error| format!("cannot write {}: {error}", folder.display()))?;
        let (source, findings, record) = (source.to_path_buf(), self.findings, self.contents.record);
        Ok(Entry { run_id, source, record_hash, record, findings, files, is_own })
    }
}

/// Whether a file is put beside the pack: what a browser or a table is opened with. The record and the logs,
/// many times as large, are in the pack alone.
fn is_opened_at_once(name: &str) -> bool {
    name == html::FILE || csv::FILES.contains(&name)
}

/// Writes what is opened at once, and the pack, in which the report is left out that lies beside it.
fn write(folder: &Path, contents: &mut Contents) -> Result<Vec<(String, u64)>, Box<dyn std::error::Error>> {
    let mut files = Vec::new();
    let mut put = |name: &str, bytes: &[u8]| -> Result<(), Box<dyn std::error::Error>> {
        let path: PathBuf = folder.join(name);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        store::replace_file(&path, bytes)?;
        files.push((name.to_owned(), bytes.len() as u64));
        Ok(())
    };
    for (name, bytes) in contents.files.iter().filter(|(name, _)| is_opened_at_once(name)) {
        put(name, bytes)?;
    }
    contents.leave_out(html::FILE);
    put(&contents.file_name(), &contents.archive()?)?;
    Ok(files)
}
