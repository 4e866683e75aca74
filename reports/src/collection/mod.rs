//! A folder of run folders, as a history or a site of them reads it: a plain folder, or the working
//! tree of a Git repository. Nothing is written there, and no index kept: the folder alone decides.

mod folders;
mod reading;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};

use crate::files;
use crate::record::{Record, Started};
use crate::store::{EVENTS_FILE, StoreError};

/// The runs below a folder. Paths are relative to it; that of the folder itself is empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Collection<T = Record> {
    /// The runs that could be read, in the order of their beginning.
    pub runs: Vec<CollectedRun<T>>,
    /// What is or may be a run folder and cannot be read, such as a record of another schema, with
    /// the reason on one line; by path.
    pub unreadable: Vec<(PathBuf, String)>,
    /// Folders that hold the record which another one holds as well, with that one, which is among
    /// `runs`; by path.
    pub copies: Vec<(PathBuf, PathBuf)>,
    /// Runs of which there are several records, so that none of them is among `runs`.
    pub disputed: Vec<Disputed>,
    /// Packs, by path. They are not read.
    pub packs: Vec<PathBuf>,
}

/// Different records of one name and beginning: a name is anybody's to give, and nobody can say which of
/// them is the run.
#[derive(Debug, Clone, PartialEq)]
pub struct Disputed {
    /// The name.
    pub run_id: String,
    /// When it was started, in seconds since the Unix epoch.
    pub unix_time: f64,
    /// Where they lie.
    pub paths: Vec<PathBuf>,
}

impl fmt::Display for Disputed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paths: Vec<String> = self.paths.iter().map(|path| path.display().to_string()).collect();
        write!(
            f,
            "{}: there are different records of the name {}: none of them counts",
            paths.join(", "),
            self.run_id
        )
    }
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
    /// as `.git`) are passed over. A record that lies there twice is taken once, and of different ones of
    /// the same run none.
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
        let mut collection = Self { unreadable: found.unreadable, packs: found.packs, ..Self::default() };
        let mut read = Vec::new();
        for (path, result) in reading::all(folder, found.runs, make) {
            match result {
                Ok((identity, record)) => read.push((identity, CollectedRun { path, record })),
                Err(error) => collection.unreadable.push((path, error.within(folder))),
            }
        }
        collection.unreadable.sort();
        collection.take(folder, read);
        Ok(collection)
    }

    /// Orders the runs by their beginning, and takes each once.
    fn take(&mut self, folder: &Path, mut read: Vec<(Identity, CollectedRun<T>)>) {
        read.sort_by(|(one, at), (other, beside)| {
            let by_start = one.unix_time.total_cmp(&other.unix_time);
            let by_name =
                || (&one.run_id, &one.cpu, &at.path).cmp(&(&other.run_id, &other.cpu, &beside.path));
            by_start.then_with(by_name)
        });
        let mut read = read.into_iter().peekable();
        while let Some((identity, run)) = read.next() {
            let mut others = Vec::new();
            while let Some((_, other)) = read.next_if(|(other, _)| *other == identity) {
                others.push(other.path);
            }
            let is_copy = |other: &PathBuf| is_same_record(&folder.join(&run.path), &folder.join(other));
            if others.iter().all(is_copy) {
                self.copies.extend(others.into_iter().map(|other| (other, run.path.clone())));
                self.runs.push(run);
            } else {
                others.insert(0, run.path);
                let Identity { unix_time, run_id, .. } = identity;
                self.disputed.push(Disputed { run_id, unix_time, paths: others });
            }
        }
        self.copies.sort();
    }
}

/// Whether two run folders hold the same record, byte for byte.
fn is_same_record(one: &Path, other: &Path) -> bool {
    let read = |folder| files::read_within(folder, EVENTS_FILE, files::RECORD_LIMIT).ok();
    read(one).is_some_and(|bytes| read(other) == Some(bytes))
}

impl<T> Default for Collection<T> {
    fn default() -> Self {
        let (unreadable, copies, disputed, packs) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { runs: Vec::new(), unreadable, copies, disputed, packs }
    }
}
