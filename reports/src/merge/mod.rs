//! Several runs as one record: of several machines, or of several backends that were
//! run one after the other.
//!
//! Cells keep apart by the label of their machine ([`Cell::machine`]), so nothing is
//! pooled over machines. A merged record is a record: it can be reported on, compared,
//! and merged again.

mod error;
mod started;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};

pub use error::MergeError;

use crate::files;
use crate::record::{Cell, Event, Outcome, Purpose, Record, RunEnd, Started};
use crate::store::{RunStore, StoreError};

/// Longest log that is copied, in bytes; trainmark bounds those of its workers far below.
const LOG_LIMIT: u64 = 64 << 20;

/// A run that is to be merged.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// The label of its machine; `None`: by its processor, or kept where it is a merged run.
    pub machine: Option<String>,
    /// Its run folder.
    pub folder: PathBuf,
    /// What stands in its record.
    pub record: Record,
    /// Its events, the first of which is [`Event::Started`].
    pub events: Vec<Event>,
}

/// How the merged record is called, and how and when it was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Naming {
    /// Name of its run folder.
    pub run_id: String,
    /// Command line that makes it again.
    pub command: String,
    /// Seconds since the Unix epoch.
    pub unix_time: f64,
}

/// A merged record before it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Merged {
    /// Its first line.
    pub started: Started,
    /// All further lines.
    pub events: Vec<Event>,
    /// Logs to be copied: from where, and to where within the run folder.
    pub logs: Vec<(PathBuf, String)>,
}

impl Source {
    /// Reads a run folder.
    ///
    /// # Errors
    /// As [`Record::read`].
    pub fn read(machine: Option<String>, folder: PathBuf) -> Result<Self, StoreError> {
        let (record, events) = Record::read_with_events(&folder)?;
        Ok(Self { machine, folder, record, events })
    }

    /// The label of its machine, where it is of one.
    fn label(&self) -> String {
        self.machine.clone().unwrap_or_else(|| started::label(&self.record.started.environment))
    }

    /// One of its cells, as it is called beside those of other machines.
    fn placed(&self, cell: &Cell) -> Cell {
        let machine = cell.machine.clone().unwrap_or_else(|| self.label());
        Cell { machine: Some(machine), ..cell.clone() }
    }
}

/// Merges runs, the first of which comes first in every table.
///
/// # Errors
/// Where the runs must not stand in one record: [`MergeError`].
pub fn merge(sources: &[Source], naming: Naming) -> Result<Merged, MergeError> {
    let started = started::merge(sources, naming)?;
    check_duplicates(sources)?;
    let mut merged = Merged { started, events: Vec::new(), logs: Vec::new() };
    for (source, number) in sources.iter().zip(1..) {
        merged.add(source, number);
    }
    if let Some(outcome) = outcome(sources) {
        let seconds = sources.iter().map(|source| source.record.seconds).sum();
        merged.events.push(Event::Finished { outcome, seconds, peak: None });
    }
    Ok(merged)
}

impl Merged {
    /// Makes the run folder `parent/id`, in which `id` is the record's name.
    ///
    /// # Errors
    /// As [`RunStore::create`], and where a log cannot be copied.
    pub fn write(&self, parent: &Path) -> Result<PathBuf, StoreError> {
        let mut store = RunStore::create_beside(parent, &self.started.run_id, &self.started, &[])?;
        for event in &self.events {
            store.append(event)?;
        }
        let folder = store.folder().to_path_buf();
        let mut copied = HashSet::new();
        for (from, to) in self.logs.iter().filter(|(_, to)| copied.insert(to)) {
            let to = folder.join(to);
            let made = to.parent().map_or(Ok(()), std::fs::create_dir_all);
            made.and_then(|()| files::copy_new(from, &to, LOG_LIMIT))
                .map_err(|cause| StoreError::io("copy", from, cause))?;
        }
        Ok(folder)
    }

    fn add(&mut self, source: &Source, number: usize) {
        let cells = &source.record.started.plan.cells;
        // Where the source's cells stand in the merged plan.
        let places: Vec<Option<usize>> = cells
            .iter()
            .map(|cell| source.placed(cell))
            .map(|cell| self.started.plan.cells.iter().position(|other| *other == cell))
            .collect();
        for event in &source.events {
            let mut event = event.clone();
            match &mut event {
                Event::Started(_) | Event::Finished { .. } | Event::Resumed { .. } => continue,
                Event::Round(round) => {
                    for indices in [&mut round.order, &mut round.left_out, &mut round.timing] {
                        let known = indices.iter().filter_map(|&index| places.get(index).copied().flatten());
                        *indices = known.collect();
                    }
                }
                Event::Begun(begun) => begun.cell = source.placed(&begun.cell),
                Event::Epoch(epoch) => epoch.cell = source.placed(&epoch.cell),
                Event::Audited(audited) => audited.cell = source.placed(&audited.cell),
                Event::Ended(run) => {
                    run.cell = source.placed(&run.cell);
                    self.move_log(source, number, &mut run.what.end);
                }
            }
            self.events.push(event);
        }
    }

    /// Logs of several runs may have the same name: each run gets a folder.
    fn move_log(&mut self, source: &Source, number: usize, run: &mut RunEnd) {
        let Some(log) = &run.log else { return };
        let path = Path::new(log);
        // A record may come from anywhere, and must not make this copy any other file.
        let is_within = path.components().all(|part| matches!(part, Component::Normal(_)));
        let name = path.strip_prefix(crate::store::LOGS_FOLDER).ok().and_then(Path::to_str);
        let from = source.folder.join(path);
        let is_own = is_within && from.is_file() && !files::leads_by_a_link(&source.folder, path);
        let Some(name) = name.filter(|_| is_own) else {
            run.log = None;
            return;
        };
        let to = format!("{}/{number}/{name}", crate::store::LOGS_FOLDER);
        self.logs.push((from, to.clone()));
        run.log = Some(to);
    }
}

/// Refuses two samples of the same cell and seed on the same machine: which one stands?
fn check_duplicates(sources: &[Source]) -> Result<(), MergeError> {
    let mut seen: Vec<HashSet<(Cell, u64, Purpose)>> = Vec::new();
    for source in sources {
        let runs = source.record.runs.iter();
        let keys: HashSet<_> = runs.map(|run| (source.placed(&run.cell), run.seed, run.purpose)).collect();
        for (earlier, other) in seen.iter().zip(sources) {
            // The least, so that the message is always the same.
            let both = keys.intersection(earlier).min_by_key(|(cell, seed, _)| (*seed, cell.to_string()));
            if let Some((cell, seed, _)) = both {
                return Err(MergeError::Duplicate {
                    cell: cell.to_string(),
                    seed: *seed,
                    folders: [other.folder.clone(), source.folder.clone()],
                });
            }
        }
        seen.push(keys);
    }
    Ok(())
}

/// The worst of all; `None` where one was killed or still runs.
fn outcome(sources: &[Source]) -> Option<Outcome> {
    let outcomes: Option<Vec<Outcome>> = sources.iter().map(|source| source.record.outcome).collect();
    let outcomes = outcomes?;
    let worst = [Outcome::Interrupted, Outcome::Budget, Outcome::Decided]
        .into_iter()
        .find(|worst| outcomes.contains(worst));
    Some(worst.unwrap_or(Outcome::Complete))
}
