//! One file of a run folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::anonymous::Anonymizer;
use super::manifest::{Manifest, sha256};
use super::{SubmissionError, archive};
use crate::number::count;
use crate::record::{Environment, Event, Record, Round, distinct};
use crate::store::{self, EVENTS_FILE};
use crate::{csv, files, html, operations};

/// What was packed.
#[derive(Debug)]
pub struct Packed {
    /// The pack.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// What it holds.
    pub contents: Contents,
}

/// What a pack of a run holds.
#[derive(Debug)]
pub struct Contents {
    /// Their hashes, and what was left out.
    pub manifest: Manifest,
    /// The files by their paths in the pack, the manifest aside.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The record as it is packed.
    pub record: Record,
    /// How many paths and names were replaced.
    pub replaced: usize,
}

/// Packs a run folder into `<run_id>.tar.gz` in `parent`.
///
/// # Errors
/// As [`Contents::of`], and where the file cannot be written.
pub fn pack(folder: &Path, parent: &Path, anonymizer: &Anonymizer) -> Result<Packed, SubmissionError> {
    let contents = Contents::of(folder, anonymizer)?;
    let path = parent.join(contents.file_name());
    let packed = contents.archive()?;
    files::replace(&path, &packed).map_err(|cause| SubmissionError::io("write", &path, cause))?;
    Ok(Packed { bytes: packed.len() as u64, path, contents })
}

/// Whether a record may be handed in at all: it is of one benchmark, and has a name that a folder may have.
///
/// # Errors
/// Where it is of several, or is named otherwise.
pub(super) fn check_packable(record: &Record) -> Result<(), SubmissionError> {
    let run_id = &record.started.run_id;
    if !record.started.merged.is_empty() {
        return Err(SubmissionError::Merged { run_id: run_id.clone() });
    }
    Ok(store::check_name(run_id)?)
}

impl Contents {
    /// Of a run folder: its record, what is made of it, and its logs, each without names and private paths.
    /// All that is made of the record is made anew.
    ///
    /// # Errors
    /// Where the record cannot be read, is of several benchmarks, or has a name that no folder may have.
    pub fn of(folder: &Path, anonymizer: &Anonymizer) -> Result<Self, SubmissionError> {
        let (record, events) = Record::read_with_events(folder)?;
        check_packable(&record)?;
        let run_id = record.started.run_id.clone();
        let mut packing =
            Packing { folder, anonymizer, files: BTreeMap::new(), left_out: Vec::new(), replaced: 0 };
        packing.take_logs(&record);
        packing.take_record(&run_id, events)?;
        packing.take_operations()?;
        let record = packing.make_files()?;
        packing.name_what_stays()?;
        let Packing { files, left_out, replaced, .. } = packing;
        let mut manifest = Manifest { schema: Manifest::SCHEMA, run_id, left_out, ..Manifest::default() };
        manifest.trainmark = env!("CARGO_PKG_VERSION").to_owned();
        manifest.files = files.iter().map(|(name, bytes)| (name.clone(), sha256(bytes))).collect();
        Ok(Self { manifest, files, record, replaced })
    }

    /// Whether a file of this name is ever in a pack.
    pub(super) fn may_hold(name: &str) -> bool {
        let made = [EVENTS_FILE, Manifest::FILE, store::ENVIRONMENT_FILE, html::FILE, operations::FILE];
        made.contains(&name) || csv::FILES.contains(&name) || store::is_log(name)
    }

    /// SHA-256 of the record, in hexadecimal digits, by which it is known from others of its name.
    pub fn record_hash(&self) -> Option<&str> {
        self.manifest.files.get(EVENTS_FILE).map(String::as_str)
    }

    /// Takes out a file that the pack can do without.
    pub(crate) fn leave_out(&mut self, name: &str) {
        self.files.remove(name);
        self.manifest.files.remove(name);
    }

    /// The name of their pack.
    pub fn file_name(&self) -> String {
        format!("{}.tar.gz", self.manifest.run_id)
    }

    /// The bytes of their pack.
    ///
    /// # Errors
    /// When they cannot be packed, which is a bug.
    pub fn archive(&self) -> Result<Vec<u8>, SubmissionError> {
        let run_id = &self.manifest.run_id;
        let manifest = serde_json::to_vec_pretty(&self.manifest)
            .map_err(|cause| SubmissionError::Encode { run_id: run_id.clone(), cause })?;
        let files = self.files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
        archive::write(run_id, files.chain([(Manifest::FILE, manifest.as_slice())]))
            .map_err(|cause| SubmissionError::io("pack", Path::new(&self.file_name()), cause))
    }
}

/// A pack that is being filled.
struct Packing<'p> {
    folder: &'p Path,
    anonymizer: &'p Anonymizer,
    files: BTreeMap<String, Vec<u8>>,
    left_out: Vec<String>,
    replaced: usize,
}

impl Packing<'_> {
    /// The logs that the record names, as far as they are plain files in its folder.
    fn take_logs(&mut self, record: &Record) {
        let names: BTreeSet<&String> = record.runs.iter().filter_map(|run| run.end.log.as_ref()).collect();
        for name in names {
            if !store::is_log(name) || files::leads_by_a_link(self.folder, Path::new(name)) {
                self.left_out.push(format!("{name}: not a file in the run's logs"));
                continue;
            }
            match files::read(&self.folder.join(name), files::TEXT_LIMIT) {
                Ok(bytes) => {
                    let text = String::from_utf8_lossy(&bytes);
                    let (text, replaced) = self.anonymizer.without_names(&text);
                    self.replaced += replaced;
                    self.files.insert(name.clone(), text.into_bytes());
                }
                Err(error) => self.left_out.push(format!("{name}: {error}")),
            }
        }
    }

    fn take_record(&mut self, run_id: &str, events: Vec<Event>) -> Result<(), SubmissionError> {
        let mut text = Vec::new();
        let nodes = node_names(&events);
        let anonymizer = self.anonymizer.clone().and_names(nodes.iter().map(|name| (name.clone(), "[node]")));
        for mut event in events {
            match &mut event {
                Event::Started(started) => self.leave_out_identifiers(&mut started.environment),
                Event::Round(Round { node: Some(node), .. }) => {
                    // By numbers rounds of one node are still known as such.
                    let place = nodes.iter().position(|name| *name == node.name).unwrap_or_default();
                    (node.name, node.job) = (format!("node-{}", place + 1), "job".to_owned());
                    self.leave_out_identifiers(&mut node.environment);
                }
                _ => {}
            }
            let event = self.cleared(&event, &anonymizer);
            let line = event.and_then(|event| serde_json::to_vec(&event));
            text.extend(line.map_err(|cause| SubmissionError::Encode { run_id: run_id.to_owned(), cause })?);
            text.push(b'\n');
        }
        self.files.insert(EVENTS_FILE.to_owned(), text);
        Ok(())
    }

    /// What tells one graphics processor from all others tells whose it is.
    fn leave_out_identifiers(&mut self, environment: &mut Environment) {
        let known = environment.gpus.iter_mut().filter_map(|gpu| gpu.uuid.take()).count();
        if known > 0 {
            self.left_out.push(format!("the unique identifiers of {}", count(known, "graphics processor")));
        }
    }

    fn cleared(&mut self, event: &Event, anonymizer: &Anonymizer) -> serde_json::Result<Event> {
        let mut value = serde_json::to_value(event)?;
        self.replaced += anonymizer.clear(&mut value);
        serde_json::from_value(value)
    }

    fn take_operations(&mut self) -> Result<(), SubmissionError> {
        let path = self.folder.join(operations::FILE);
        if !path.is_file() {
            return Ok(());
        }
        let bytes = files::read_within(self.folder, operations::FILE, files::RECORD_LIMIT)
            .map_err(|cause| SubmissionError::io("read", &path, cause))?;
        let Ok(text) = String::from_utf8(bytes) else {
            self.left_out.push(format!("{}: no text", operations::FILE));
            return Ok(());
        };
        // As text: decimal numbers may change when they are written again.
        let (text, replaced) = self.anonymizer.without_paths(&text);
        self.replaced += replaced;
        self.files.insert(operations::FILE.to_owned(), text.into_bytes());
        Ok(())
    }

    /// The CSV files, `env.json` and the report, of the record as it is packed, which is returned.
    fn make_files(&mut self) -> Result<Record, SubmissionError> {
        let scratch = tempfile::tempdir()
            .map_err(|cause| SubmissionError::io("make a folder in", &std::env::temp_dir(), cause))?;
        // A folder within, since what lies beside a run folder may be taken for its own.
        let folder = scratch.path().join("run");
        let io = |cause| SubmissionError::io("write", &folder, cause);
        fs::create_dir(&folder).map_err(io)?;
        for name in [EVENTS_FILE, operations::FILE] {
            self.files.get(name).map_or(Ok(()), |bytes| fs::write(folder.join(name), bytes)).map_err(io)?;
        }
        let record = Record::read(&folder)?;
        let of_run = operations::of_run(&folder, &record)?;
        let mut tables = Vec::new();
        for (name, text) in csv::files(&record, of_run.as_ref())? {
            tables.push(name);
            self.files.insert(name.to_owned(), text.into_bytes());
        }
        let page = html::render_beside_tables(&record, of_run.as_ref(), tables)?;
        self.files.insert(html::FILE.to_owned(), page.into_bytes());
        self.files.insert(store::ENVIRONMENT_FILE.to_owned(), store::environment_json(&record.started)?);
        Ok(record)
    }

    /// Every other file of the folder.
    fn name_what_stays(&mut self) -> Result<(), SubmissionError> {
        let mut names: Vec<String> = store::entries(self.folder)?
            .iter()
            .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
            .filter(|name| !self.files.contains_key(name) && name != "logs" && name != Manifest::FILE)
            .collect();
        names.sort();
        self.left_out.extend(names.iter().map(|name| format!("{name}: not part of what is checked")));
        Ok(())
    }
}

/// The names of the nodes of a cluster, each once.
fn node_names(events: &[Event]) -> Vec<String> {
    let nodes = events.iter().filter_map(|event| match event {
        Event::Round(round) => round.node.as_ref(),
        _ => None,
    });
    distinct(nodes.map(|node| node.name.clone()))
}
