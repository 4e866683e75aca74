//! Reads the record of a round, or of audits, while another process writes it.

use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use trainmark_reports::record::{Event, Outcome};
use trainmark_reports::{RunStore, files};

/// Most bytes that are read at once; the rest is read the next time.
const MOST_BYTES: u64 = 16 << 20;

/// A record that is open and has changed within this time is being written.
const FRESH: Duration = Duration::from_secs(60);

/// A record that is followed.
#[derive(Debug)]
pub(super) struct Follower {
    path: PathBuf,
    /// Bytes of the lines that were read.
    position: u64,
    /// Lines that are to be passed on, but were in an earlier process.
    known: usize,
    /// How its last process ended; `None` while none has.
    pub(super) outcome: Option<Outcome>,
    /// Runs that have ended in it.
    pub(super) ended: usize,
}

impl Follower {
    /// Of the record in a folder, of which so many lines were passed on before.
    pub(super) fn new(folder: &Path, known: usize) -> Self {
        let path = folder.join(trainmark_reports::EVENTS_FILE);
        Self { path, position: 0, known, outcome: None, ended: 0 }
    }

    /// Whether a process seems to write the record: it is open, and is locked or has changed just now.
    pub(super) fn is_growing(&self) -> bool {
        let Some(folder) = self.path.parent().filter(|_| self.outcome.is_none()) else { return false };
        let changed = fs::metadata(&self.path).and_then(|file| file.modified());
        // A clock may be behind that of the file's server.
        let is_fresh = |changed: SystemTime| changed.elapsed().map_or(true, |age| age < FRESH);
        changed.is_ok_and(is_fresh) || RunStore::is_held(folder)
    }

    /// The events of the lines that have come since. None where there is no record yet.
    ///
    /// # Errors
    /// Where the record cannot be read, or holds a line that is none.
    pub(super) fn news(&mut self) -> anyhow::Result<Vec<Event>> {
        let bytes = match self.read() {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            // A file server may not answer for a moment.
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", self.path.display())),
        };
        let mut events = Vec::new();
        let mut rest = &bytes[..];
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            match serde_json::from_slice::<Event>(&rest[..end]) {
                Ok(event) => events.extend(self.take(event)),
                // Two processes have written at once, or a disk was full: what is whole counts.
                Err(_) if end + 1 == rest.len() => break,
                Err(error) => {
                    return Err(error)
                        .with_context(|| format!("{} holds a line that is none", self.path.display()));
                }
            }
            self.position += end as u64 + 1;
            rest = &rest[end + 1..];
        }
        Ok(events)
    }

    fn read(&self) -> std::io::Result<Vec<u8>> {
        // Opened anew each time: that makes a file server's client look.
        let mut file = files::open_regular(&self.path)?;
        let mut bytes = Vec::new();
        if file.metadata()?.len() > self.position {
            file.seek(SeekFrom::Start(self.position))?;
            file.take(MOST_BYTES).read_to_end(&mut bytes)?;
        }
        Ok(bytes)
    }

    /// The event, if it is to be passed on, and was not before.
    fn take(&mut self, event: Event) -> Option<Event> {
        match &event {
            Event::Finished { outcome, .. } => self.outcome = Some(*outcome),
            Event::Resumed { .. } => self.outcome = None,
            Event::Ended(run) => self.ended += usize::from(!run.what.end.outcome.is_not_made()),
            _ => {}
        }
        let is_passed_on = is_of_rounds(&event);
        if is_passed_on && self.known > 0 {
            self.known -= 1;
            return None;
        }
        is_passed_on.then_some(event)
    }
}

/// Whether a line is one that the head writes into the benchmark's record.
pub(super) fn is_of_rounds(event: &Event) -> bool {
    match event {
        Event::Round(_) | Event::Begun(_) | Event::Epoch(_) | Event::Ended(_) | Event::Audited(_) => true,
        Event::Started(_) | Event::Resumed { .. } | Event::Finished { .. } => false,
    }
}

/// The seed of a line of a round; `None` of others.
pub(super) fn seed_of(event: &Event) -> Option<u64> {
    match event {
        Event::Round(round) => Some(round.seed),
        Event::Begun(run) => Some(run.seed),
        Event::Epoch(run) => Some(run.seed),
        Event::Ended(run) => Some(run.seed),
        Event::Audited(_) | Event::Started(_) | Event::Resumed { .. } | Event::Finished { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Write;

    use super::*;

    fn append(folder: &Path, text: &str) {
        let path = folder.join(trainmark_reports::EVENTS_FILE);
        let file = OpenOptions::new().create(true).append(true).open(path);
        file.unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn round(seed: u64) -> String {
        format!("{{\"event\":\"round\",\"seed\":{seed},\"order\":[]}}\n")
    }

    #[test]
    fn a_record_grows_that_is_open_and_has_just_changed_or_is_locked() {
        let folder = tempfile::tempdir().unwrap();
        let mut follower = Follower::new(folder.path(), 0);
        assert!(!follower.is_growing(), "there is none");
        append(folder.path(), &round(1));
        assert!(follower.is_growing());
        let record = std::fs::File::open(folder.path().join(trainmark_reports::EVENTS_FILE)).unwrap();
        record.set_modified(SystemTime::now() - 2 * FRESH).unwrap();
        assert!(!follower.is_growing());
        let lock = std::fs::File::create(folder.path().join(".lock")).unwrap();
        assert!(!follower.is_growing());
        lock.lock().unwrap();
        assert!(follower.is_growing());
        append(folder.path(), "{\"event\":\"finished\",\"outcome\":\"complete\",\"seconds\":1.0}\n");
        follower.news().unwrap();
        assert!(!follower.is_growing());
    }

    #[test]
    fn every_line_is_heard_once_and_whole() {
        let folder = tempfile::tempdir().unwrap();
        let mut follower = Follower::new(folder.path(), 0);
        let mut news = || {
            let events = follower.news().unwrap();
            (events.iter().filter_map(seed_of).collect::<Vec<_>>(), follower.outcome)
        };
        assert_eq!(news(), (vec![], None));
        let (head, tail) = (round(2), round(3));
        append(folder.path(), &format!("{}{}{}", round(1), head, &tail[..9]));
        assert_eq!(news(), (vec![1, 2], None));
        append(folder.path(), &tail[9..]);
        append(folder.path(), "{\"event\":\"finished\",\"outcome\":\"interrupted\",\"seconds\":1.0}\n");
        assert_eq!(news(), (vec![3], Some(Outcome::Interrupted)));
        append(folder.path(), "{\"event\":\"resumed\",\"unix_time\":1.0}\n");
        assert_eq!(news(), (vec![], None));
        // A later head has heard two of them.
        let mut later = Follower::new(folder.path(), 2);
        assert_eq!(later.news().unwrap().iter().filter_map(seed_of).collect::<Vec<_>>(), [3]);
    }
}
