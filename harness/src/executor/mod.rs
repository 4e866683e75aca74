//! Runs one job in a worker process and watches it: events, time limit, memory
//! limit, interruption, and what killed it.

mod library_path;
mod process;
mod program;
mod threads;

use std::path::Path;
use std::time::{Duration, Instant};

use trainmark_reports::csv::one_line;

use crate::failure::{Failure, FailureKind};
use crate::interrupt::Interrupt;
pub use crate::process::MemoryLimit;
use crate::process::{self as processes, MemoryWatch};
use crate::worker::protocol::{Done, Job, Listener, Message};

pub use library_path::LibraryPath;
use process::{Input, WorkerProcess};
pub use program::Program;
pub use threads::Threads;

/// How often a worker's limits are looked at.
const WATCH_PERIOD: Duration = Duration::from_millis(20);
/// How long a worker may take to end that says nothing any more: a large one is unmapped slowly.
const PATIENCE_WITH_THE_DYING: Duration = Duration::from_secs(5);

/// What a worker may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest time for one call of a plugin.
    pub call: Duration,
    /// Most resident memory.
    pub memory: MemoryLimit,
}

/// Starts workers.
#[derive(Debug, Clone)]
pub struct Executor {
    /// This program, which also is the worker.
    pub program: Program,
    /// What each worker may use.
    pub limits: Limits,
    /// Set by Ctrl-C.
    pub interrupt: Interrupt,
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// Everything was done.
    Done(Box<Done>),
    /// Something went wrong.
    Failed(Failure),
}

impl Executor {
    /// Runs a job with `threads` for the plugin; what the worker prints goes to
    /// `log`, what it says to `heard`.
    ///
    /// # Errors
    /// Where no worker could be started; a failing job is an [`Ending`].
    pub fn run(
        &self,
        job: &Job,
        threads: Threads<'_>,
        log: &Path,
        heard: Listener<'_>,
    ) -> anyhow::Result<Ending> {
        let mut worker = WorkerProcess::start(&self.program, job, threads, log)?;
        let ending = self.watch(&mut worker, heard);
        // Whatever a plugin has started must not disturb the next run.
        worker.end();
        let log_tail = worker.process.last_lines();
        match ending? {
            Ending::Failed(failure) => {
                // It may quote a plugin, whose words must not move a terminal's cursor.
                let reason = LibraryPath::here().explain(one_line(&failure.reason));
                Ok(Ending::Failed(Failure { reason, log_tail, ..failure }))
            }
            done => Ok(done),
        }
    }

    fn watch(&self, worker: &mut WorkerProcess, heard: Listener<'_>) -> anyhow::Result<Ending> {
        let mut call = Call { name: "start".to_owned(), since: Some(Instant::now()) };
        let mut memory = MemoryWatch::start(self.limits.memory);
        loop {
            match worker.receive(WATCH_PERIOD) {
                Input::Message(Message::Done(done)) => return Ok(Ending::Done(done)),
                Input::Message(Message::Failed(failure)) => return Ok(Ending::Failed(failure)),
                Input::Message(message) => {
                    match &message {
                        Message::Calling { call: name } => {
                            call = Call { name: name.clone(), since: Some(Instant::now()) }
                        }
                        // What is said after a call is the harness's own work.
                        _ => call.since = None,
                    }
                    heard(&message)?;
                }
                Input::Garbled(line) => {
                    let reason = format!(
                        "something wrote onto the worker's event channel during {}: {line}",
                        call.name
                    );
                    return Ok(Ending::Failed(Failure::new(FailureKind::Failed, reason)));
                }
                Input::Nothing => {}
                Input::Closed => return Ok(Ending::Failed(self.await_end(worker, &call, &mut memory))),
            }
            if let Err(failure) = self.check_limits(worker, &call, &mut memory) {
                return Ok(Ending::Failed(failure));
            }
        }
    }

    /// Says how a worker ended that said no last word. Its limits hold until it has.
    fn await_end(&self, worker: &mut WorkerProcess, call: &Call, memory: &mut MemoryWatch) -> Failure {
        let start = Instant::now();
        while start.elapsed() < PATIENCE_WITH_THE_DYING {
            if worker.process.ends_within(WATCH_PERIOD) {
                let how = processes::describe(worker.process.end());
                return Failure::new(FailureKind::Failed, format!("the worker {how} during {}", call.name));
            }
            if let Err(failure) = self.check_limits(worker, call, memory) {
                return failure;
            }
        }
        let reason = format!("the worker closed its event channel during {} but did not end", call.name);
        Failure::new(FailureKind::Failed, reason)
    }

    fn check_limits(
        &self,
        worker: &WorkerProcess,
        call: &Call,
        memory: &mut MemoryWatch,
    ) -> Result<(), Failure> {
        self.interrupt.check()?;
        if call.since.is_some_and(|since| since.elapsed() > self.limits.call) {
            let seconds = self.limits.call.as_secs_f64();
            let reason = format!("{} took longer than {seconds} s and was stopped (--timeout)", call.name);
            return Err(Failure::new(FailureKind::TimedOut, reason));
        }
        let Some(passed) =
            worker.process.memory().and_then(|used| memory.passed_by(used, crate::machine::memory_bytes))
        else {
            return Ok(());
        };
        let reason =
            format!("the worker used {passed} during {} and was stopped (--memory-limit)", call.name);
        Err(Failure::new(FailureKind::OutOfMemory, reason))
    }
}

/// The last call of the plugin, and since when it is under way if it is.
struct Call {
    name: String,
    since: Option<Instant>,
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_worker_that_has_closed_its_channel_is_held_to_its_limits() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let program = folder.path().join("worker");
        fs::write(&program, "#!/bin/sh\nexec 0</dev/null\nsleep 30\n").expect("writable");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it is ours");
        let limits = Limits { call: Duration::from_millis(300), memory: MemoryLimit::NONE };
        let program = Program::at(program);
        let executor = Executor { program, limits, interrupt: Interrupt::default() };
        let job = Job::Describe { library: "absent".into() };
        let ending = executor.run(&job, Threads::ONE, &folder.path().join("log"), &mut |_| Ok(()));
        match ending.expect("there is a shell") {
            Ending::Failed(failure) => assert_eq!(failure.kind, FailureKind::TimedOut, "{failure:?}"),
            Ending::Done(done) => panic!("it has done nothing: {done:?}"),
        }
    }
}
