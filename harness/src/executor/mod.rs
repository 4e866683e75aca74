//! Runs one job in a worker process and watches it: events, time limit, memory
//! limit, interruption, and what killed it.

mod library_path;
mod process;
mod threads;
mod watch;

use std::path::Path;
use std::time::Duration;

use trainmark_reports::text::one_line;

use crate::failure::Failure;
use crate::interrupt::Interrupt;
pub use crate::process::{MemoryLimit, Program};
use crate::worker::protocol::{Done, Job, Listener};

pub use library_path::LibraryPath;
use process::WorkerProcess;
pub use threads::{Threads, Waiting};
use watch::Watch;

/// What a worker may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest time for one call of a plugin.
    pub call: Duration,
    /// Longest silence between two calls, where the worker itself computes: the gate's reference
    /// takes seconds, on a slow machine minutes.
    pub between_calls: Duration,
    /// Most resident memory.
    pub memory: MemoryLimit,
}

impl Limits {
    /// Shortest limit of a silence between calls.
    const LEAST_BETWEEN_CALLS: Duration = Duration::from_secs(600);

    /// Those of workers whose calls may take so long.
    pub fn new(call: Duration, memory: MemoryLimit) -> Self {
        Self { call, between_calls: call.max(Self::LEAST_BETWEEN_CALLS), memory }
    }
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
        let ending = Watch::begin(self, job, &mut worker).until_the_end(heard);
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
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::time::Instant;

    use super::*;
    use crate::failure::FailureKind;
    use crate::worker::protocol::Message;

    const SHORT: Duration = Duration::from_millis(300);
    const LONG: Duration = Duration::from_secs(60);

    /// How a worker fails that is this script, and how long that took.
    fn failure_of(script: &str, call: Duration, between_calls: Duration) -> (Failure, Duration) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let program = folder.path().join("worker");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("writable");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it is ours");
        let limits = Limits { call, between_calls, memory: MemoryLimit::NONE };
        let program = Program::at(program);
        let executor = Executor { program, limits, interrupt: Interrupt::default() };
        let job = Job::Describe { library: "absent".into() };
        let start = Instant::now();
        let ending = executor.run(&job, Threads::ONE, &folder.path().join("log"), &mut |_| Ok(()));
        match ending.expect("there is a shell") {
            Ending::Failed(failure) => (failure, start.elapsed()),
            Ending::Done(done) => panic!("it has done nothing: {done:?}"),
        }
    }

    /// A line of a script that says this.
    fn says(message: &Message) -> String {
        format!("echo '{}' >&0", serde_json::to_string(message).expect("it can be encoded"))
    }

    fn calling(call: &str) -> String {
        says(&Message::Calling { call: call.to_owned() })
    }

    #[test]
    fn a_worker_that_has_closed_its_channel_is_held_to_its_limits() {
        let (failure, _) = failure_of("exec 0</dev/null\nsleep 30", SHORT, LONG);
        assert_eq!(failure.kind, FailureKind::TimedOut, "{failure:?}");
    }

    #[test]
    fn a_worker_that_has_ended_is_noticed_though_its_channel_is_open() {
        let script = format!("{}\nexec 3<&0\nsleep 30 &\nexit 4", calling("load"));
        let (failure, elapsed) = failure_of(&script, LONG, LONG);
        assert_eq!(failure.reason, "the worker exited with code 4 without finishing during load");
        assert!(elapsed < LONG / 4, "{elapsed:?}");
    }

    #[test]
    fn a_worker_that_cannot_begin_says_why() {
        let (failure, _) = failure_of("echo 'error: no more processes' >&2; exit 2", LONG, LONG);
        let how = "the worker exited with code 2 without finishing during start";
        assert_eq!(failure.reason, format!("{how}: error: no more processes"));
        let (failure, _) = failure_of(&format!("{}\necho mine; exit 2", calling("load")), LONG, LONG);
        assert!(!failure.reason.contains("mine"), "a plugin's words are in the log: {failure:?}");
    }

    #[test]
    fn silence_between_calls_has_a_limit_of_its_own() {
        let script = format!("{}\n{}\nsleep 30", calling("load"), says(&Message::Returned));
        let (failure, _) = failure_of(&script, LONG, SHORT);
        assert_eq!(failure.kind, FailureKind::TimedOut);
        assert_eq!(failure.reason, "the worker said nothing for 0.3 s after load and was stopped");
        let (failure, _) = failure_of(&format!("{}\nsleep 30", calling("load")), SHORT, LONG);
        assert_eq!(failure.reason, "load took longer than 0.3 s and was stopped (--timeout)");
        assert_eq!(Limits::new(SHORT, MemoryLimit::NONE).between_calls, Duration::from_secs(600));
        assert_eq!(Limits::new(20 * LONG, MemoryLimit::NONE).between_calls, 20 * LONG);
    }

    /// A worker that is not heard waits; what it says for ever is refused at last.
    #[test]
    fn a_flood_of_messages_is_a_failure() {
        let line = serde_json::to_string(&Message::Calling { call: "load".to_owned() }).expect("it is one");
        let (failure, elapsed) = failure_of(&format!("exec yes '{line}' >&0"), LONG, LONG);
        assert_eq!(failure.kind, FailureKind::Failed);
        assert_eq!(
            failure.reason,
            "the worker's message \"calling\" during load cannot be true: no job makes so many calls"
        );
        assert!(elapsed < LONG / 4, "{elapsed:?}");
    }

    #[test]
    fn a_message_that_cannot_be_true_is_a_failure() {
        let (failure, _) =
            failure_of(&format!("{}\nsleep 30", says(&Message::Done(Box::default()))), LONG, LONG);
        assert_eq!(
            failure.reason,
            "the worker's message \"done\" during start cannot be true: the job has hardly begun"
        );
    }
}
