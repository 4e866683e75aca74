//! Reading a record: whole lines only, and of every cell and seed one run.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::{EVENTS_FILE, StoreError};
use crate::record::{
    Begun, Cell, EpochRecord, Event, Outcome, Purpose, Round, RunOutcome, RunRecord, SCHEMA, Started,
};

/// A record as it was read: every cell and seed has at most one run.
///
/// Where a run was repeated, the later attempt that ended stands; where none
/// ended, the latest attempt stands as an interrupted run. So no epoch of a cell
/// and seed is there twice, and a failure is forgotten only for a later result.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Plan, data set, machine and command.
    pub started: Started,
    /// The rounds, in the order of their beginning.
    pub rounds: Vec<Round>,
    /// The runs that stand, for whatever purpose, as they began.
    pub begun: Vec<Begun>,
    /// The epochs of the runs that stand.
    pub epochs: Vec<EpochRecord>,
    /// The runs that stand, in the order of their beginning. One that has no end
    /// in the record is there as [`RunOutcome::Interrupted`].
    pub runs: Vec<RunRecord>,
    /// The runs that were made once more, which enter no median: [`Purpose::Repeat`] and
    /// [`Purpose::Drift`].
    pub repeats: Vec<Repeat>,
    /// Times at which a process continued the benchmark, in Unix seconds.
    pub resumed: Vec<f64>,
    /// How the last process ended; `None` when it was killed or still runs.
    pub outcome: Option<Outcome>,
    /// Wall seconds of all processes that ended by themselves.
    pub seconds: f64,
}

/// A run that was made once more, with its epochs.
#[derive(Debug, Clone, PartialEq)]
pub struct Repeat {
    /// How it ended.
    pub run: RunRecord,
    /// Its epochs, in order.
    pub epochs: Vec<EpochRecord>,
}

impl Record {
    /// Reads the record of a run folder, which may be growing. A torn last line
    /// is left out.
    ///
    /// # Errors
    /// As [`super::RunStore::reopen`], the lock excepted.
    pub fn read(folder: &Path) -> Result<Self, StoreError> {
        read(folder).map(|(record, _)| record)
    }

    /// Whether a run needs no repetition on resume: it trained all its epochs,
    /// the backend declined it, or it computes another function. A run that
    /// failed, timed out, ran out of memory or was interrupted is tried again.
    pub fn is_done(&self, cell: &Cell, seed: u64) -> bool {
        self.has_result(cell, seed, Purpose::Sample)
    }

    /// The same of a run for any purpose.
    pub fn has_result(&self, cell: &Cell, seed: u64, purpose: Purpose) -> bool {
        use RunOutcome::{NotConformant, Ok, Unsupported};
        let runs = self.runs.iter().chain(self.repeats.iter().map(|repeat| &repeat.run));
        let mut tries = runs.filter(|run| run.purpose == purpose && run.seed == seed && run.cell == *cell);
        tries.any(|run| matches!(run.outcome, Ok | Unsupported | NotConformant))
    }

    /// The runs of a cell, in the order of their beginning.
    pub fn runs_of(&self, cell: &Cell) -> impl Iterator<Item = &RunRecord> {
        self.runs.iter().filter(move |run| run.cell == *cell)
    }

    /// Whether the runs of a cell count. One that computes another function makes the cell's
    /// others doubtful, so that then none does.
    pub fn is_ranked(&self, cell: &Cell) -> bool {
        self.runs_of(cell).all(|run| run.outcome != RunOutcome::NotConformant)
    }

    /// The runs of a cell that all numbers are made of: those that trained all their epochs,
    /// where the cell [is ranked](Self::is_ranked).
    pub fn ranked_runs(&self, cell: &Cell) -> impl Iterator<Item = &RunRecord> {
        self.tried_runs(cell).filter(|run| run.outcome == RunOutcome::Ok)
    }

    /// The runs of a cell of which it is counted how many reached a target: those that were
    /// tried, whether or not they trained all their epochs, where the cell
    /// [is ranked](Self::is_ranked).
    pub fn tried_runs(&self, cell: &Cell) -> impl Iterator<Item = &RunRecord> {
        let is_ranked = self.is_ranked(cell);
        self.runs_of(cell).filter(move |run| is_ranked && run.outcome.is_tried())
    }

    /// The epochs of one run, in order.
    pub fn epochs_of(&self, cell: &Cell, seed: u64) -> Vec<&EpochRecord> {
        // The seed first: it tells apart at once what cells do only after several names.
        self.epochs.iter().filter(|epoch| epoch.seed == seed && epoch.cell == *cell).collect()
    }

    /// The plan's cells, then any other that has a run.
    pub fn cells(&self) -> Vec<&Cell> {
        let mut cells: Vec<&Cell> = Vec::new();
        for cell in self.started.plan.cells.iter().chain(self.runs.iter().map(|run| &run.cell)) {
            if !cells.contains(&cell) {
                cells.push(cell);
            }
        }
        cells
    }
}

/// Every event of a run folder, the first of which is [`Event::Started`]: all attempts
/// at a run, those that do not stand too.
///
/// # Errors
/// As [`Record::read`].
pub fn events(folder: &Path) -> Result<Vec<Event>, StoreError> {
    let (path, events, _) = read_events(folder)?;
    collect(&path, events.clone())?;
    Ok(events)
}

/// The record and the length in bytes of its whole lines.
pub(super) fn read(folder: &Path) -> Result<(Record, u64), StoreError> {
    let (path, events, length) = read_events(folder)?;
    let record = collect(&path, events)?;
    Ok((record, length as u64))
}

fn read_events(folder: &Path) -> Result<(PathBuf, Vec<Event>, usize), StoreError> {
    let path = folder.join(EVENTS_FILE);
    let bytes = fs::read(&path).map_err(|cause| match cause.kind() {
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
            Err(cause) => {
                let (path, line, cause) = (path.to_path_buf(), events.len() + 1, cause.to_string());
                return Err(StoreError::Invalid { path, line, cause });
            }
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

/// A run's identity: its cell, seed and purpose.
type Key = (Cell, u64, Purpose);

/// One try at a run.
#[derive(Default)]
struct Attempt {
    begun: Option<Begun>,
    epochs: Vec<EpochRecord>,
    ended: Option<RunRecord>,
}

fn collect(path: &Path, events: Vec<Event>) -> Result<Record, StoreError> {
    let mut events = events.into_iter();
    let invalid = |line: usize, cause: &str| StoreError::Invalid {
        path: path.to_path_buf(),
        line,
        cause: cause.to_owned(),
    };
    let started = match events.next() {
        Some(Event::Started(started)) => started,
        Some(_) => return Err(invalid(1, "the first event is not `started`")),
        None => return Err(StoreError::Empty { path: path.to_path_buf() }),
    };
    let mut rounds = Vec::new();
    let (mut resumed, mut outcome, mut seconds) = (Vec::new(), None, 0.0);
    let mut attempts = Attempts::default();
    for (index, event) in events.enumerate() {
        match event {
            Event::Started(_) => return Err(invalid(index + 2, "a second `started`")),
            Event::Round(round) => rounds.push(round),
            Event::Begun(begun) => attempts.begin(begun),
            Event::Epoch(epoch) => {
                check_values(&epoch).map_err(|cause| invalid(index + 2, &cause))?;
                attempts.epoch(epoch);
            }
            Event::Ended(run) => attempts.end(*run),
            Event::Resumed { unix_time } => {
                resumed.push(unix_time);
                outcome = None;
            }
            Event::Finished { outcome: how, seconds: took } => {
                outcome = Some(how);
                seconds += took;
            }
        }
    }
    let Standing { begun, epochs, runs, repeats } = attempts.standing();
    Ok(Record { started, rounds, begun, epochs, runs, repeats, resumed, outcome, seconds })
}

/// Refuses numbers that no epoch can have: a table of them would be believed.
fn check_values(epoch: &EpochRecord) -> Result<(), String> {
    let EpochRecord { train_seconds, predict_seconds, train_accuracy, test_accuracy, .. } = *epoch;
    if !(train_seconds.is_finite() && train_seconds > 0.0) {
        return Err(format!("an epoch's train_seconds cannot be {train_seconds}"));
    }
    if !(predict_seconds.is_finite() && predict_seconds >= 0.0) {
        return Err(format!("an epoch's predict_seconds cannot be {predict_seconds}"));
    }
    for (name, accuracy) in [("train_accuracy", train_accuracy), ("test_accuracy", test_accuracy)] {
        if let Some(value) = accuracy.filter(|value| !(0.0..=1.0).contains(value)) {
            return Err(format!("an epoch's {name} cannot be {value}: it is a fraction of 1"));
        }
    }
    Ok(())
}

/// What stands of all attempts.
#[derive(Default)]
struct Standing {
    begun: Vec<Begun>,
    epochs: Vec<EpochRecord>,
    runs: Vec<RunRecord>,
    repeats: Vec<Repeat>,
}

#[derive(Default)]
struct Attempts {
    all: Vec<(Key, Attempt)>,
    /// Index of the latest attempt of a cell and seed.
    latest: HashMap<Key, usize>,
}

impl Attempts {
    fn begin(&mut self, begun: Begun) {
        let attempt = self.start((begun.cell.clone(), begun.seed, begun.purpose));
        attempt.begun = Some(begun);
    }

    fn epoch(&mut self, epoch: EpochRecord) {
        let follows = |attempt: &Attempt| {
            attempt.ended.is_none() && attempt.epochs.last().is_none_or(|last| last.epoch < epoch.epoch)
        };
        self.current((epoch.cell.clone(), epoch.seed, epoch.purpose), follows).epochs.push(epoch);
    }

    fn end(&mut self, run: RunRecord) {
        let open = |attempt: &Attempt| attempt.ended.is_none();
        let attempt = self.current((run.cell.clone(), run.seed, run.purpose), open);
        attempt.ended = Some(run);
    }

    /// The latest attempt if the event can belong to it, else a new one: a
    /// record is read sensibly even if a `begun` is missing.
    fn current(&mut self, key: Key, belongs: impl Fn(&Attempt) -> bool) -> &mut Attempt {
        match self.latest.get(&key) {
            Some(&index) if belongs(&self.all[index].1) => &mut self.all[index].1,
            _ => self.start(key),
        }
    }

    fn start(&mut self, key: Key) -> &mut Attempt {
        let index = self.all.len();
        self.latest.insert(key.clone(), index);
        self.all.push((key, Attempt::default()));
        &mut self.all[index].1
    }

    /// Of every cell and seed the attempt that stands: the last one with a result,
    /// else the last that ended, else the last.
    fn standing(self) -> Standing {
        let mut stands: HashMap<Key, usize> = HashMap::new();
        for (index, (key, attempt)) in self.all.iter().enumerate() {
            let earlier = stands.get(key).map(|&earlier| rank(&self.all[earlier].1));
            if earlier.is_none_or(|earlier| earlier <= rank(attempt)) {
                stands.insert(key.clone(), index);
            }
        }
        let mut standing = Standing::default();
        for (index, (key, attempt)) in self.all.into_iter().enumerate() {
            if stands.get(&key) != Some(&index) {
                continue;
            }
            let Attempt { begun, epochs, ended } = attempt;
            let run = ended.unwrap_or_else(|| without_end(key, begun.as_ref(), &epochs));
            standing.begun.extend(begun);
            if run.purpose == Purpose::Sample {
                standing.epochs.extend(epochs);
                standing.runs.push(run);
            } else {
                standing.repeats.push(Repeat { run, epochs });
            }
        }
        standing
    }
}

/// An interruption says nothing of the run, so it never displaces an end that
/// does; and what was trained well once is not untrained by a later failure.
fn rank(attempt: &Attempt) -> u8 {
    match attempt.ended.as_ref().map(|run| run.outcome) {
        Some(RunOutcome::Ok) => 2,
        Some(outcome) if outcome != RunOutcome::Interrupted => 1,
        _ => 0,
    }
}

fn without_end((cell, seed, purpose): Key, begun: Option<&Begun>, epochs: &[EpochRecord]) -> RunRecord {
    RunRecord {
        cell,
        seed,
        purpose,
        outcome: RunOutcome::Interrupted,
        reason: Some("its end is not in the record: trainmark was killed, or still runs".to_owned()),
        log_tail: None,
        log: None,
        epochs: epochs.len() as u32,
        load_seconds: None,
        open_seconds: None,
        first_epoch_extra_seconds: None,
        cold_start_seconds: None,
        peak_rss_bytes: None,
        cpu_seconds: None,
        load_average: begun.and_then(|begun| begun.load_average),
        frequency_mhz: None,
        gpu: None,
        targets: Vec::new(),
        conformance: None,
        framework: None,
        library_hash: None,
        first_batch_norm: None,
    }
}
