//! A folder of run folders, as a history or a site of them reads it: a plain folder, or the working
//! tree of a Git repository. Nothing is written there, and no index kept: the folder alone decides.

mod folders;
mod reading;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use crate::record::{Record, Started};
use crate::store::StoreError;

/// The runs below a folder. Paths are relative to it; that of the folder itself is empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Collection<T = Record> {
    /// The runs that could be read, in the order of their beginning.
    pub runs: Vec<CollectedRun<T>>,
    /// What is or may be a run folder and cannot be read, such as a record of another schema, with
    /// the reason on one line; by path.
    pub unreadable: Vec<(PathBuf, String)>,
    /// Folders that hold a run which another one holds as well, with that one, which is among
    /// `runs`; by path.
    pub copies: Vec<(PathBuf, PathBuf)>,
}

/// A run folder.
#[derive(Debug, Clone, PartialEq)]
pub struct CollectedRun<T = Record> {
    /// Where it lies.
    pub path: PathBuf,
    /// Its record, or what was made of it.
    pub record: T,
}

/// What tells one run from another, wherever it lies: names are the users' to give, and two machines
/// may begin at the same time.
#[derive(Debug, Clone, PartialEq)]
struct Identity {
    unix_time: f64,
    run_id: String,
    cpu: String,
}

impl Identity {
    fn of(started: &Started) -> Self {
        Self {
            unix_time: started.unix_time,
            run_id: started.run_id.clone(),
            cpu: started.environment.cpu.clone(),
        }
    }
}

impl Collection {
    /// Reads every run folder below `folder`, or `folder` itself where it is one.
    ///
    /// A folder that holds an `events.jsonl` is a run folder, and nothing below it is looked at. Links
    /// to folders (such as `latest`) are not followed, and folders whose names begin with a `.` (such
    /// as `.git`) are passed over. A run that lies there twice is taken once.
    ///
    /// # Errors
    /// When `folder` cannot be read.
    pub fn read(folder: &Path) -> Result<Self, StoreError> {
        Self::read_with(folder, |record| record)
    }
}

impl<T: Send> Collection<T> {
    /// As [`Collection::read`], but of each record is kept only what `make` makes of it: hundreds of
    /// whole ones need hundreds of megabytes.
    ///
    /// # Errors
    /// As [`Collection::read`].
    pub fn read_with(folder: &Path, make: impl Fn(Record) -> T + Sync) -> Result<Self, StoreError> {
        let found = folders::find(folder)?;
        let mut collection = Self { runs: Vec::new(), unreadable: found.unreadable, copies: Vec::new() };
        let mut read = Vec::new();
        for (path, result) in reading::all(folder, found.runs, make) {
            match result {
                Ok((identity, record)) => read.push((identity, CollectedRun { path, record })),
                Err(error) => collection.unreadable.push((path, error.within(folder))),
            }
        }
        collection.unreadable.sort();
        collection.take(read);
        Ok(collection)
    }

    /// Orders the runs by their beginning, and takes each once.
    fn take(&mut self, mut read: Vec<(Identity, CollectedRun<T>)>) {
        read.sort_by(|(one, at), (other, beside)| {
            let by_start = one.unix_time.total_cmp(&other.unix_time);
            let by_name = || (&one.run_id, &at.path).cmp(&(&other.run_id, &beside.path));
            by_start.then_with(by_name)
        });
        let mut last: Option<Identity> = None;
        for (identity, run) in read {
            match self.runs.last() {
                Some(taken) if last.as_ref() == Some(&identity) => {
                    self.copies.push((run.path, taken.path.clone()));
                }
                _ => {
                    self.runs.push(run);
                    last = Some(identity);
                }
            }
        }
        self.copies.sort();
    }
}
