//! The run folder: `events.jsonl`, which only grows, `env.json`, `logs/`, and the
//! files that are made from the record.

mod error;
mod read;

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

pub use error::StoreError;

use crate::files;
use crate::lock::{Locked, lock};
use crate::record::{Event, Record, Started};

/// Name of the record in a run folder.
pub const EVENTS_FILE: &str = "events.jsonl";
/// Name of the folder of worker logs in a run folder.
pub const LOGS_FOLDER: &str = "logs";
/// Name of the file that tells of the machine in a run folder.
pub(crate) const ENVIRONMENT_FILE: &str = "env.json";
/// Name of the lock file. It stays behind, empty: removing it would let a third process lock a
/// new file while a second still waits for the old one. The record is not locked itself: on
/// Windows a lock keeps readers out too, and a record may be read while it grows.
const LOCK_FILE: &str = ".lock";
/// A process that is just being started holds a copy of all open files until it becomes its
/// program, so that a lock may outlive its owner by an instant.
const LOCK_TRIES: u32 = 10;
/// Name of the link to the newest run folder.
pub(crate) const LATEST: &str = "latest";
/// Letters of a run's name at most: file systems take 255, and a pack's name has more behind it.
pub(crate) const LONGEST_NAME: usize = 200;

/// A run folder that is open for writing. One process at a time can have it.
#[derive(Debug)]
pub struct RunStore {
    folder: PathBuf,
    events: File,
    /// Length of the whole lines.
    length: u64,
    /// Keeps other writers out.
    _lock: File,
    has_lock: bool,
    /// Whether its lines lie in other records, too, which are on the disk.
    is_copy: bool,
}

impl RunStore {
    /// Makes the run folder `parent/id` with the record's first line and these files, by name,
    /// and points `parent/latest` to it (where the file system has no symbolic links, it
    /// does not). The folder appears with all of that in it, or not at all.
    ///
    /// # Errors
    /// When the folder already holds something, `id` is not a plain name, or the
    /// file system refuses.
    pub fn create(
        parent: &Path,
        id: &str,
        started: &Started,
        files: &[(&str, Vec<u8>)],
    ) -> Result<Self, StoreError> {
        let store = Self::create_beside(parent, id, started, files)?;
        point_latest(parent, id);
        Ok(store)
    }

    /// As [`RunStore::create`], but `parent/latest` stays: for what is no new benchmark.
    ///
    /// # Errors
    /// As [`RunStore::create`].
    pub fn create_beside(
        parent: &Path,
        id: &str,
        started: &Started,
        files: &[(&str, Vec<u8>)],
    ) -> Result<Self, StoreError> {
        check_name(id)?;
        fs::create_dir_all(parent).map_err(|cause| StoreError::io("create", parent, cause))?;
        let made = files::temporary_folder(parent);
        let made = made.map_err(|cause| StoreError::io("write into", parent, cause))?;
        let mut store = Self::begin(made.path(), started, files)?;
        let folder = parent.join(id);
        fs::rename(made.path(), &folder).map_err(|cause| match cause.kind() {
            ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists | ErrorKind::NotADirectory => {
                StoreError::Exists { folder: folder.clone() }
            }
            _ => StoreError::io("create", &folder, cause),
        })?;
        // It is no longer there to be removed.
        let _ = made.keep();
        store.folder = folder;
        Ok(store)
    }

    /// Fills a folder that is not yet in its place.
    fn begin(folder: &Path, started: &Started, files: &[(&str, Vec<u8>)]) -> Result<Self, StoreError> {
        let (lock, has_lock) = lock_folder(folder)?;
        let logs = folder.join(LOGS_FOLDER);
        fs::create_dir(&logs).map_err(|cause| StoreError::io("create", &logs, cause))?;
        replace_file(&folder.join(ENVIRONMENT_FILE), &environment_json(started)?)?;
        for (name, bytes) in files {
            replace_file(&folder.join(name), bytes)?;
        }
        let events = open_events(folder)?;
        let mut store =
            Self { events, folder: folder.to_path_buf(), length: 0, _lock: lock, has_lock, is_copy: false };
        store.append(&Event::Started(started.clone()))?;
        Ok(store)
    }

    /// Opens a run folder to continue it, with what it holds so far. A last line
    /// that a kill or a full disk left unfinished is cut off first.
    ///
    /// # Errors
    /// When another process is writing to it, when it has another schema, or when
    /// a line other than the last is damaged.
    pub fn reopen(folder: &Path) -> Result<(Self, Record), StoreError> {
        let path = folder.join(EVENTS_FILE);
        if !path.is_file() {
            return Err(StoreError::NotARun { folder: folder.to_path_buf() });
        }
        let (lock, has_lock) = lock_folder(folder)?;
        let (record, length) = read::read(folder)?;
        let events = open_events(folder)?;
        events.set_len(length).map_err(|cause| StoreError::io("truncate", &path, cause))?;
        Ok((
            Self { folder: folder.to_path_buf(), events, length, _lock: lock, has_lock, is_copy: false },
            record,
        ))
    }

    /// Whether another process writes to a run folder now. Where the file system has no locks nobody is
    /// seen.
    pub fn is_held(folder: &Path) -> bool {
        folder.join(LOCK_FILE).is_file() && matches!(lock_folder(folder), Err(StoreError::Locked { .. }))
    }

    /// Appends one line to the record. The ends of epochs, runs and processes are
    /// on the disk when this returns.
    ///
    /// # Errors
    /// When the event could not be read back, or the file system refuses; then
    /// the record ends with its last whole line.
    pub fn append(&mut self, event: &Event) -> Result<(), StoreError> {
        let path = self.folder.join(EVENTS_FILE);
        let unfit =
            |cause: serde_json::Error| StoreError::Event { path: path.clone(), cause: cause.to_string() };
        let mut line = serde_json::to_vec(event).map_err(unfit)?;
        // An infinite number becomes `null`; better no line than an unreadable record.
        serde_json::from_slice::<Event>(&line).map_err(unfit)?;
        line.push(b'\n');
        if let Err(cause) = self.write_line(&line, event) {
            // Shrinking works on a full disk too; where it does not, `reopen` mends.
            let _ = self.events.set_len(self.length);
            return Err(StoreError::io("write", &path, cause));
        }
        self.length += line.len() as u64;
        Ok(())
    }

    fn write_line(&mut self, line: &[u8], event: &Event) -> std::io::Result<()> {
        self.events.write_all(line)?;
        match event {
            Event::Epoch(_) | Event::Ended(_) | Event::Audited(_) if self.is_copy => self.events.flush(),
            Event::Round(_) | Event::Begun(_) | Event::Resumed { .. } => self.events.flush(),
            Event::Started(_)
            | Event::Epoch(_)
            | Event::Ended(_)
            | Event::Audited(_)
            | Event::Finished { .. } => self.events.sync_data(),
        }
    }

    /// From now on lines are copied from other records: what a crash loses of them is copied again, so
    /// that no line need be waited for.
    pub fn copy_lines(&mut self) {
        self.is_copy = true;
    }

    /// Whether other writers are kept out: not where the file system has no locks.
    pub fn has_lock(&self) -> bool {
        self.has_lock
    }

    /// The run folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its folder for worker logs.
    pub fn logs(&self) -> PathBuf {
        self.folder.join(LOGS_FOLDER)
    }
}

fn open_events(folder: &Path) -> Result<File, StoreError> {
    let path = folder.join(EVENTS_FILE);
    files::open_own(&path, true).map_err(|cause| StoreError::io("open", &path, cause))
}

/// Takes a folder, which exists, for one writer. Returns the lock, and whether it is one: some
/// file systems know none.
fn lock_folder(folder: &Path) -> Result<(File, bool), StoreError> {
    let path = folder.join(LOCK_FILE);
    let file = files::open_own(&path, false).map_err(|cause| StoreError::io("open", &path, cause))?;
    match lock(&file, |tries| tries < LOCK_TRIES) {
        Locked::Held => Ok((file, true)),
        Locked::Unknown => Ok((file, false)),
        Locked::ByAnother => Err(StoreError::Locked { folder: folder.to_path_buf() }),
    }
}

/// `latest` is a convenience: where it cannot be made, [`latest`] falls back on
/// the names, and the run goes on.
fn point_latest(parent: &Path, id: &str) {
    let made = tempfile::Builder::new().prefix(".latest-").make_in(parent, |temporary| {
        #[cfg(unix)]
        return std::os::unix::fs::symlink(id, temporary);
        #[cfg(windows)]
        return std::os::windows::fs::symlink_dir(id, temporary);
        #[cfg(not(any(unix, windows)))]
        return Err(std::io::ErrorKind::Unsupported.into());
    });
    // Where it cannot take its place, the temporary link is removed.
    drop(made.map(|link| link.into_temp_path().persist(parent.join(LATEST))));
}

/// Whether a name that a record gives for a log is one of its run's logs.
pub(crate) fn is_log(name: &str) -> bool {
    files::is_within(name) && Path::new(name).starts_with(LOGS_FOLDER)
}

/// Refuses what is no plain folder name, or has another meaning.
///
/// # Errors
/// Naming it.
pub(crate) fn check_name(id: &str) -> Result<(), StoreError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let is_length = (1..=LONGEST_NAME).contains(&id.len());
    match !is_length || id.starts_with('.') || id == LATEST || !id.chars().all(plain) {
        true => Err(StoreError::Name { id: id.to_owned() }),
        false => Ok(()),
    }
}

/// The content of [`ENVIRONMENT_FILE`]: the machine, of a merged run all of them.
///
/// # Errors
/// When it cannot be encoded.
pub(crate) fn environment_json(started: &Started) -> Result<Vec<u8>, StoreError> {
    let json = match started.merged.is_empty() {
        true => serde_json::to_vec_pretty(&started.environment),
        false => serde_json::to_vec_pretty(&started.merged),
    };
    json.map_err(|cause| StoreError::Event { path: ENVIRONMENT_FILE.into(), cause: cause.to_string() })
}

/// The run that `parent/latest` points to, else the last by name.
///
/// # Errors
/// When there is no run, or `parent` cannot be read.
pub fn latest(parent: &Path) -> Result<PathBuf, StoreError> {
    if let Ok(target) = fs::read_link(parent.join(LATEST)) {
        let folder = parent.join(target);
        if folder.join(EVENTS_FILE).is_file() {
            return Ok(folder);
        }
    }
    list(parent)?.pop().ok_or_else(|| StoreError::NoRuns { parent: parent.to_path_buf() })
}

/// The run folders in `parent`, by name, which begins with the time: the oldest
/// first. None when `parent` does not exist.
///
/// # Errors
/// When `parent` cannot be read.
pub fn list(parent: &Path) -> Result<Vec<PathBuf>, StoreError> {
    if matches!(parent.try_exists(), Ok(false)) {
        return Ok(Vec::new());
    }
    let mut folders = entries(parent)?;
    folders.retain(|path| {
        path.file_name().is_some_and(|name| name != LATEST) && path.join(EVENTS_FILE).is_file()
    });
    folders.sort();
    Ok(folders)
}

/// What is in a folder.
pub(crate) fn entries(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let entries = fs::read_dir(folder).and_then(|entries| {
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<Vec<PathBuf>>>()
    });
    entries.map_err(|cause| StoreError::io("read", folder, cause))
}

/// [`files::replace`], so that a reader sees the old or the new file, never a half.
pub(crate) fn replace_file(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    files::replace(path, bytes).map_err(|cause| StoreError::io("write", path, cause))
}

#[cfg(test)]
mod tests;
