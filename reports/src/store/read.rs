//! Reading a record: whole lines only, and of every cell, seed and purpose one run.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::{EVENTS_FILE, StoreError};
use crate::files;
use crate::record::{Cell, Epoch, Event, OfRun, Purpose, Record, Run, RunOutcome, SCHEMA, Started};

impl Record {
    /// Reads the record of a run folder, which may be growing. A torn last line
    /// is left out.
    ///
    /// # Errors
    /// As [`super::RunStore::reopen`], the lock excepted.
    pub fn read(folder: &Path) -> Result<Self, StoreError> {
        read(folder).map(|(record, _)| record)
    }

    /// Reads its first line alone: plan, machine and command.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_started(folder: &Path) -> Result<Started, StoreError> {
        let path = folder.join(EVENTS_FILE);
        let file = files::open_regular(&path).map_err(|cause| StoreError::io("read", &path, cause))?;
        let mut line = Vec::new();
        BufReader::new(file.take(files::RECORD_LIMIT))
            .read_until(b'\n', &mut line)
            .map_err(|cause| StoreError::io("read", &path, cause))?;
        let (events, _) = parse(&path, &line)?;
        Ok(collect(&path, events)?.started)
    }

    /// Reads it with every event, the first of which is [`Event::Started`]: all attempts at a
    /// run, those that do not stand too.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_with_events(folder: &Path) -> Result<(Self, Vec<Event>), StoreError> {
        let (path, events, _) = read_events(folder)?;
        Ok((collect(&path, events.clone())?, events))
    }
}

/// The record and the length in bytes of its whole lines.
pub(super) fn read(folder: &Path) -> Result<(Record, u64), StoreError> {
    let (path, events, length) = read_events(folder)?;
    Ok((collect(&path, events)?, length as u64))
}

fn read_events(folder: &Path) -> Result<(PathBuf, Vec<Event>, usize), StoreError> {
    let path = folder.join(EVENTS_FILE);
    let bytes = files::read(&path, files::RECORD_LIMIT).map_err(|cause| match cause.kind() {
        std::io::ErrorKind::NotFound => StoreError::NotARun { folder: folder.to_path_buf() },
        _ => StoreError::io("read", &path, cause),
    })?;
    let (events, length) = parse(&path, &bytes)?;
    Ok((path, events, length))
}

/// The events of the whole lines, and how many bytes those are.
fn parse(path: &Path, bytes: &[u8]) -> Result<(Vec<Event>, usize), StoreError> {
    let mut events = Vec::new();
    let mut length = 0;
    while let Some(end) = bytes[length..].iter().position(|&byte| byte == b'\n') {
        let line = &bytes[length..length + end];
        if events.is_empty() {
            check_schema(path, line)?;
        }
        match serde_json::from_slice(line) {
            Ok(event) => events.push(event),
            Err(_) if length + end + 1 == bytes.len() => break,
            Err(cause) => return Err(invalid(path, events.len() + 1, cause.to_string())),
        }
        length += end + 1;
    }
    Ok((events, length))
}

/// Another schema may not even parse, so only its number is looked at.
fn check_schema(path: &Path, line: &[u8]) -> Result<(), StoreError> {
    let Ok(head) = serde_json::from_slice::<serde_json::Value>(line) else { return Ok(()) };
    match head.get("schema").and_then(serde_json::Value::as_u64) {
        Some(found) if found != u64::from(SCHEMA) => {
            let writer = head.pointer("/environment/trainmark").and_then(serde_json::Value::as_str);
            let writer = writer.unwrap_or("of that schema").to_owned();
            Err(StoreError::Schema { path: path.to_path_buf(), found, writer })
        }
        _ => Ok(()),
    }
}

fn collect(path: &Path, events: Vec<Event>) -> Result<Record, StoreError> {
    let mut events = events.into_iter().zip(1..);
    let mut record = match events.next() {
        Some((Event::Started(started), _)) => Record::new(started),
        Some(_) => return Err(invalid(path, 1, "the first event is not `started`".to_owned())),
        None => return Err(StoreError::Empty { path: path.to_path_buf() }),
    };
    let mut attempts = Attempts::default();
    let mut nodes: HashMap<u64, String> = HashMap::new();
    for (event, line) in events {
        match event {
            Event::Started(_) => return Err(invalid(path, line, "a second `started`".to_owned())),
            Event::Round(round) => {
                if let Some(node) = &round.node {
                    nodes.insert(round.seed, node.name.clone());
                }
                record.rounds.push(round);
            }
            Event::Begun(begun) => {
                let attempt = attempts.start(&begun);
                attempt.run.node = nodes.get(&begun.seed).cloned();
                attempt.run.begun = Some(begun.what);
            }
            Event::Epoch(epoch) => {
                epoch.what.check().map_err(|cause| invalid(path, line, cause))?;
                attempts.of_epoch(&epoch).run.epochs.push(epoch.what);
            }
            Event::Ended(ended) => {
                let attempt = attempts.current(&ended, |attempt| !attempt.has_end);
                (attempt.run.end, attempt.has_end) = (ended.what.end, true);
            }
            Event::Audited(audited) => {
                if let Some(attempt) = attempts.ended(&audited) {
                    attempt.run.take_audit(audited.what);
                }
            }
            Event::Resumed { unix_time } => {
                record.resumed.push(unix_time);
                record.outcome = None;
            }
            Event::Finished { outcome, seconds, peak } => {
                record.outcome = Some(outcome);
                record.last_peak = peak;
                record.seconds += seconds;
            }
        }
    }
    record.runs = attempts.standing();
    record.take_environment_of_nodes();
    Ok(record)
}

fn invalid(path: &Path, line: usize, cause: String) -> StoreError {
    StoreError::Invalid { path: path.to_path_buf(), line, cause }
}

/// One try at a run.
struct Attempt {
    run: Run,
    has_end: bool,
}

impl Attempt {
    /// An interruption, or a budget without room, says nothing of the run, so it never displaces an end that
    /// does; and what was trained well once is not untrained by a later failure.
    fn rank(&self) -> u8 {
        match self.run.end.outcome {
            RunOutcome::Ok => 2,
            outcome if outcome.is_not_made() => 0,
            _ => 1,
        }
    }
}

#[derive(Default)]
struct Attempts {
    all: Vec<Attempt>,
    /// Index of the latest attempt at a run.
    latest: HashMap<(Cell, u64, Purpose), usize>,
}

impl Attempts {
    fn of_epoch(&mut self, epoch: &OfRun<Epoch>) -> &mut Attempt {
        self.current(epoch, |attempt| {
            let last = attempt.run.epochs.last();
            !attempt.has_end && last.is_none_or(|last| last.number < epoch.what.number)
        })
    }

    /// The latest attempt if the line can belong to it, else a new one: a
    /// record is read sensibly even if a `begun` is missing.
    fn current<T>(&mut self, line: &OfRun<T>, belongs: impl Fn(&Attempt) -> bool) -> &mut Attempt {
        match self.latest.get(&(line.cell.clone(), line.seed, line.purpose)) {
            Some(&index) if belongs(&self.all[index]) => &mut self.all[index],
            _ => self.start(line),
        }
    }

    /// The latest attempt, if it has ended.
    fn ended<T>(&mut self, line: &OfRun<T>) -> Option<&mut Attempt> {
        let index = self.latest.get(&(line.cell.clone(), line.seed, line.purpose))?;
        Some(&mut self.all[*index]).filter(|attempt| attempt.has_end)
    }

    fn start<T>(&mut self, line: &OfRun<T>) -> &mut Attempt {
        let index = self.all.len();
        self.latest.insert((line.cell.clone(), line.seed, line.purpose), index);
        let run = Run::new(line.cell.clone(), line.seed, line.purpose);
        self.all.push(Attempt { run, has_end: false });
        &mut self.all[index]
    }

    /// Of every cell, seed and purpose the attempt that stands: the last one with a result,
    /// else the last that ended, else the last.
    fn standing(self) -> Vec<Run> {
        let mut stands: HashMap<(&Cell, u64, Purpose), usize> = HashMap::new();
        for (index, attempt) in self.all.iter().enumerate() {
            let Run { cell, seed, purpose, .. } = &attempt.run;
            let standing = stands.entry((cell, *seed, *purpose)).or_insert(index);
            if self.all[*standing].rank() <= attempt.rank() {
                *standing = index;
            }
        }
        let stands: HashSet<usize> = stands.into_values().collect();
        let attempts = self.all.into_iter().enumerate();
        attempts.filter(|(index, _)| stands.contains(index)).map(|(_, attempt)| attempt.run).collect()
    }
}
