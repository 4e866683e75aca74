//! Runs the processes that measure a cell: a crash or a hang costs one operation,
//! and the others are measured by the next process.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use trainmark::data;
use trainmark::executor::{describe, set_environment};
use trainmark::interrupt::Interrupt;
use trainmark_reports::operations::{OperationCell, OperationResult};
use trainmark_reports::record::RunOutcome;

use super::cells::ChosenCell;
use super::choice::Mode;
use super::measure::{Event, JOB, Job};

/// Longest time for one operation, loading the library and opening its models included.
const PATIENCE: Duration = Duration::from_secs(300);

/// Measures the operations of a cell; fewer of them where it is interrupted.
pub(crate) fn measure(
    chosen: &ChosenCell,
    dataset: &data::Prepared,
    mode: Mode,
    interrupt: &Interrupt,
) -> anyhow::Result<OperationCell> {
    let (cell, library) = (&chosen.ready.cell, &chosen.ready.library);
    let mut measured = OperationCell {
        backend: cell.backend.clone(),
        implementation: cell.implementation.clone(),
        device: cell.device.clone(),
        threads: cell.threads,
        framework: library.info.framework.clone(),
        library_hash: library.hash.clone(),
        results: Vec::new(),
    };
    let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
    let mut job = Job {
        backend: cell.backend.clone(),
        library: library.path.clone(),
        implementation: cell.implementation.clone(),
        device: cell.device.to_string(),
        threads: cell.threads,
        dataset: dataset.clone(),
        operations: chosen.operations.clone(),
        events: folder.path().join("events.jsonl"),
        is_recorded: mode == Mode::Record,
    };
    while !job.operations.is_empty() {
        let (results, under_way, end) = run(&job, folder.path(), interrupt)?;
        let is_stuck = results.is_empty() && under_way.is_none();
        measured.results.extend(results);
        if interrupt.is_set() {
            break;
        }
        measured.results.extend(under_way.map(|operation| failed(operation, &end)));
        job.operations.retain(|name| measured.result(name).is_none());
        if is_stuck {
            // It failed before any operation, and would again.
            measured.results.extend(job.operations.drain(..).map(|operation| failed(operation, &end)));
        }
    }
    Ok(measured)
}

/// Why a process ended before its last word.
struct End {
    outcome: RunOutcome,
    reason: String,
}

fn failed(operation: String, end: &End) -> OperationResult {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    println!("{operation}: {}: {}", end.outcome.name(), end.reason);
    OperationResult {
        operation,
        outcome: end.outcome,
        reason: Some(end.reason.clone()),
        time: None,
        unix_time: now.map_or(0.0, |time| time.as_secs_f64().round()),
    }
}

/// Runs one process: what it measured, what it was at when it ended, and how that was.
fn run(
    job: &Job,
    folder: &Path,
    interrupt: &Interrupt,
) -> anyhow::Result<(Vec<OperationResult>, Option<String>, End)> {
    let path = folder.join("job.json");
    fs::write(&path, serde_json::to_vec(job)?).context("cannot write a job")?;
    fs::write(&job.events, "").context("cannot write into a temporary folder")?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(std::env::args_os().skip(1)).env(JOB, &path).stdin(Stdio::null());
    set_environment(&mut command, job.threads);
    let mut child = command.spawn().context("cannot start a process that measures")?;
    let end = wait(&mut child, &job.events, interrupt)?;
    let (mut results, mut under_way) = (Vec::new(), None);
    // A last line that is torn was not finished.
    let events = fs::read_to_string(&job.events).context("cannot read the events")?;
    for event in events.lines().filter_map(|line| serde_json::from_str(line).ok()) {
        match event {
            Event::Begun(operation) => under_way = Some(operation),
            Event::Ended(result) => {
                under_way = None;
                results.push(result);
            }
        }
    }
    Ok((results, under_way, end))
}

/// Waits for the end, but no longer than [`PATIENCE`] for the next event.
fn wait(child: &mut Child, events: &Path, interrupt: &Interrupt) -> anyhow::Result<End> {
    let (mut since, mut length) = (Instant::now(), 0);
    loop {
        if let Some(status) = child.try_wait().context("cannot wait for a process that measures")? {
            let reason = format!("the process {}", describe(status));
            return Ok(End { outcome: RunOutcome::Failed, reason });
        }
        let now = fs::metadata(events).map_or(0, |file| file.len());
        if now != length {
            (since, length) = (Instant::now(), now);
        }
        // An interrupted one is not judged by its end.
        if since.elapsed() > PATIENCE || interrupt.is_set() {
            child.kill().context("cannot end a process that measures")?;
            child.wait().context("cannot wait for a process that measures")?;
            let reason = format!("it took longer than {} s and was stopped", PATIENCE.as_secs());
            return Ok(End { outcome: RunOutcome::TimedOut, reason });
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
