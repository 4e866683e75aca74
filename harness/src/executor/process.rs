//! A worker process with its socket and its log.

use std::io::{BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use anyhow::Context;

use super::library_path::LibraryPath;
use super::threads::Threads;
use crate::process::{BoundedFile, Process, Program};
use crate::worker;
use crate::worker::protocol::{Job, Message};

/// Bytes of a worker's log.
const LOG_LIMIT: usize = 1 << 20;
/// Longest line that is taken for a message; a plugin that finds the socket and
/// writes into it without end must not fill the harness's memory.
const LONGEST_MESSAGE: usize = 8 << 20;
/// Messages that wait to be heard; a worker that says more waits itself.
const WAITING_MESSAGES: usize = 16;

/// What came from the worker.
pub(super) enum Input {
    /// A message, and the bytes that it took.
    Message(Message, usize),
    /// A line that is no message.
    Garbled(String),
    /// Nothing within the time asked for.
    Nothing,
    /// The worker closed its end.
    Closed,
}

pub(super) struct WorkerProcess {
    pub(super) process: Process,
    messages: Receiver<Input>,
    /// Whether it has said its last word, so that it only has to end.
    is_done: bool,
    /// Kept open: its end tells the worker that the harness is gone.
    _socket: UnixStream,
}

impl WorkerProcess {
    pub(super) fn start(
        program: &Program,
        job: &Job,
        threads: Threads<'_>,
        log: &Path,
    ) -> anyhow::Result<Self> {
        let (ours, theirs) = UnixStream::pair().context("cannot make a socket for the worker")?;
        let log = BoundedFile::create(log, LOG_LIMIT)
            .with_context(|| format!("cannot create the log {}", log.display()))?;
        let mut command = program.command();
        command.arg(worker::COMMAND).stdin(OwnedFd::from(theirs));
        set_environment(&mut command, threads);
        let process = Process::start_guard(command, Some(log))
            .with_context(|| format!("cannot start a worker from {}", program.path().display()))?;
        let mut socket = ours.try_clone()?;
        let mut line = serde_json::to_vec(job).context("cannot encode a job")?;
        line.push(b'\n');
        // A worker that is gone already is reported with its cause of death.
        let _ = socket.write_all(&line);
        Ok(Self { process, messages: read_messages(ours)?, is_done: false, _socket: socket })
    }

    pub(super) fn receive(&mut self, patience: Duration) -> Input {
        match self.messages.recv_timeout(patience) {
            Ok(input) => {
                self.is_done |= matches!(&input, Input::Message(message, _) if message.is_last());
                input
            }
            Err(RecvTimeoutError::Timeout) => Input::Nothing,
            Err(RecvTimeoutError::Disconnected) => Input::Closed,
        }
    }

    /// Ends the worker and everything that it has started: at once, unless it has said its
    /// last word. One that is too large or too late would go on being so meanwhile.
    pub(super) fn end(&mut self) {
        if self.is_done {
            // Then it ends by itself; its destructors are the framework's, and may hang.
            self.process.ends_within(Duration::from_millis(500));
        }
        self.process.end();
    }
}

/// Sets what a process that loads a plugin must find in its environment.
fn set_environment(command: &mut Command, threads: Threads<'_>) {
    threads.set(command);
    LibraryPath::here().set(command);
    // As the management library numbers them, else `cuda:1` may be another one here and there.
    command.env("CUDA_DEVICE_ORDER", "PCI_BUS_ID");
}

fn read_messages(socket: UnixStream) -> anyhow::Result<Receiver<Input>> {
    let (sender, receiver) = sync_channel(WAITING_MESSAGES);
    let read = move || {
        let mut reader = BufReader::new(socket);
        loop {
            let mut line = Vec::new();
            let mut limited = std::io::Read::take(&mut reader, LONGEST_MESSAGE as u64);
            match limited.read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {
                    let input = match serde_json::from_slice(&line) {
                        Ok(message) => Input::Message(message, line.len()),
                        Err(_) => garbled(&line),
                    };
                    if sender.send(input).is_err() {
                        return;
                    }
                }
            }
        }
    };
    std::thread::Builder::new().spawn(read).context("cannot start a thread that listens to a worker")?;
    Ok(receiver)
}

fn garbled(line: &[u8]) -> Input {
    let text: String = String::from_utf8_lossy(line).chars().take(120).collect();
    Input::Garbled(text.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::worker::protocol::Done;

    /// Whether a worker that says this goes on for another 0.3 s after it was heard.
    fn goes_on_after(said: &str) -> bool {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (program, flag) = (folder.path().join("worker"), folder.path().join("flag"));
        fs::write(folder.path().join("said"), said).expect("writable");
        let script =
            format!("#!/bin/sh\ncd '{}'\ncat said >&0\nsleep 0.3\ntouch flag\n", folder.path().display());
        fs::write(&program, script).expect("writable");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it is ours");
        let job = Job::Describe { library: "absent".into() };
        let mut worker =
            WorkerProcess::start(&Program::at(program), &job, Threads::ONE, &folder.path().join("log"))
                .expect("there is a shell");
        while matches!(worker.receive(Duration::from_secs(10)), Input::Nothing) {}
        worker.end();
        flag.exists()
    }

    #[test]
    fn only_a_worker_that_has_said_its_last_word_is_waited_for() {
        let done = serde_json::to_string(&Message::Done(Box::<Done>::default())).expect("it can be encoded");
        assert!(goes_on_after(&format!("{done}\n")));
        assert!(!goes_on_after("garbled\n"));
        assert!(!goes_on_after(&format!(
            "{}\n",
            serde_json::to_string(&Message::Returned).expect("so can this")
        )));
    }
}
