//! Watches one worker: what it says, how long it takes, how much memory it holds, how it ends.

use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::process::{Input, WorkerProcess};
use super::{Ending, Executor};
use crate::failure::{Failure, FailureKind};
use crate::machine::control_group::{self, ControlGroup};
use crate::process::{self as processes, MemoryWatch, Stopwatch};
use crate::worker::dialogue::Dialogue;
use crate::worker::protocol::{Job, Listener, Message};
use crate::{machine, units};

/// How often a worker's limits are looked at.
const PERIOD: Duration = Duration::from_millis(20);
/// How long a worker may take to end that says nothing any more: a large one is unmapped slowly.
const PATIENCE_WITH_THE_DYING: Duration = Duration::from_secs(5);
/// How long a signal to all processes may take to be heard here, too.
const PATIENCE_WITH_SIGNALS: Duration = Duration::from_millis(500);
/// How long what a worker has said at last may take to be heard: the machine may be busy.
const PATIENCE_WITH_LAST_WORDS: Duration = Duration::from_secs(2);

pub(super) struct Watch<'w> {
    executor: &'w Executor,
    worker: &'w mut WorkerProcess,
    dialogue: Dialogue,
    /// Since it has said something.
    silence: Stopwatch,
    /// Since then, where its process has ended meanwhile.
    quiet: Option<Stopwatch>,
    memory: MemoryWatch,
    /// Processes that the kernel had killed for want of memory when the job began.
    memory_kills: Option<u64>,
    /// Most memory that the worker was seen to hold together with processes that it has started.
    peak_of_family: Option<u64>,
    looked: Instant,
}

impl<'w> Watch<'w> {
    pub(super) fn begin(executor: &'w Executor, job: &Job, worker: &'w mut WorkerProcess) -> Self {
        Self {
            executor,
            worker,
            dialogue: Dialogue::about(job),
            silence: Stopwatch::start(),
            quiet: None,
            memory: MemoryWatch::start(executor.limits.memory),
            memory_kills: control_group::memory_kills(),
            peak_of_family: None,
            looked: Instant::now(),
        }
    }

    /// Hears the worker out.
    ///
    /// # Errors
    /// Where `heard` fails.
    pub(super) fn until_the_end(mut self, heard: Listener<'_>) -> anyhow::Result<Ending> {
        loop {
            let ending = match self.worker.receive(PERIOD) {
                Input::Message(message, bytes) => self.take(message, bytes, heard)?,
                Input::Garbled(line) => Some(Ending::Failed(self.garbled(&line))),
                Input::Nothing => self.has_ended_quietly().then(|| Ending::Failed(self.ended())),
                Input::Closed => Some(Ending::Failed(self.await_end())),
            };
            if let Some(ending) = ending.or_else(|| self.check_limits().err().map(Ending::Failed)) {
                return Ok(ending);
            }
        }
    }

    /// Has a message heard that can be true; the ending, where it is the last word.
    fn take(
        &mut self,
        message: Message,
        bytes: usize,
        heard: Listener<'_>,
    ) -> anyhow::Result<Option<Ending>> {
        if let Err(why) = self.dialogue.take(&message, bytes) {
            return Ok(Some(Ending::Failed(Failure::new(FailureKind::Failed, why))));
        }
        self.silence = Stopwatch::start();
        self.quiet = None;
        match message {
            Message::Done(mut done) => {
                done.peak_rss_bytes = done.peak_rss_bytes.max(self.peak_of_family);
                Ok(Some(Ending::Done(done)))
            }
            Message::Failed(failure) => Ok(Some(Ending::Failed(failure))),
            message => heard(&message).map(|()| None),
        }
    }

    /// Whether it has ended and nothing more is heard of it though its channel is open, as a
    /// process that a plugin has started may keep it. What it has said at last may still be on
    /// its way.
    fn has_ended_quietly(&mut self) -> bool {
        if !self.worker.process.ends_within(Duration::ZERO) {
            return false;
        }
        self.quiet.get_or_insert_with(Stopwatch::start).tick() > PATIENCE_WITH_LAST_WORDS
    }

    fn garbled(&self, line: &str) -> Failure {
        let call = self.dialogue.call();
        let reason = format!("something wrote onto the worker's event channel during {call}: {line}");
        Failure::new(FailureKind::Failed, reason)
    }

    /// Says how a worker ended that said no last word.
    fn ended(&mut self) -> Failure {
        let status = self.worker.process.end();
        if status.is_some_and(|status| status.signal() == Some(Signal::TERM.as_raw()))
            && let Some(interrupted) = self.interrupted_with_all()
        {
            return interrupted;
        }
        let (how, call) = (processes::describe(status), self.dialogue.call());
        if status.is_some_and(|status| status.signal() == Some(Signal::KILL.as_raw()))
            && control_group::memory_kills() > self.memory_kills
        {
            return Failure::new(FailureKind::OutOfMemory, killed_by_kernel(call));
        }
        let mut reason = format!("the worker {how} during {call}");
        // Until then nobody's code but trainmark's has run, which says last what it could not do.
        if !self.dialogue.has_begun() {
            let last = self.worker.process.last_line();
            if !last.is_empty() {
                reason = format!("{reason}: {last}");
            }
        }
        Failure::new(FailureKind::Failed, reason)
    }

    /// Whoever ends a job or a session asks all of its processes at once, and the worker may be gone
    /// before this one has heard of it.
    fn interrupted_with_all(&self) -> Option<Failure> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE_WITH_SIGNALS {
            if let Err(interrupted) = self.executor.interrupt.check() {
                return Some(interrupted.into());
            }
            std::thread::sleep(PERIOD);
        }
        None
    }

    /// The same, once it has ended. Its limits hold until it has.
    fn await_end(&mut self) -> Failure {
        let mut dying = Stopwatch::start();
        while dying.tick() < PATIENCE_WITH_THE_DYING {
            if self.worker.process.ends_within(PERIOD) {
                return self.ended();
            }
            if let Err(failure) = self.check_limits() {
                return failure;
            }
        }
        let call = self.dialogue.call();
        let reason = format!("the worker closed its event channel during {call} but did not end");
        Failure::new(FailureKind::Failed, reason)
    }

    fn check_limits(&mut self) -> Result<(), Failure> {
        self.silence.tick();
        self.executor.interrupt.check()?;
        // One that says much is not looked at each time.
        if self.looked.elapsed() < PERIOD {
            return Ok(());
        }
        self.looked = Instant::now();
        self.check_time()?;
        self.check_memory()
    }

    fn check_time(&mut self) -> Result<(), Failure> {
        let limits = self.executor.limits;
        let call = self.dialogue.call();
        let is_calling = self.dialogue.is_calling();
        let limit = if is_calling { limits.call } else { limits.between_calls };
        if self.silence.counted() <= limit {
            return if self.silence.counted() > limits.call { self.check_that_it_runs() } else { Ok(()) };
        }
        let seconds = limit.as_secs_f64();
        let reason = if is_calling {
            format!("{call} took longer than {seconds} s and was stopped (--timeout)")
        } else {
            format!("the worker said nothing for {seconds} s after {call} and was stopped")
        };
        Err(Failure::new(FailureKind::TimedOut, reason))
    }

    /// One that stands still computes nothing between two calls, either.
    fn check_that_it_runs(&mut self) -> Result<(), Failure> {
        if !self.worker.process.family().is_some_and(|family| family.is_stopped()) {
            return Ok(());
        }
        let (call, seconds) = (self.dialogue.call(), self.executor.limits.call.as_secs_f64());
        let reason =
            format!("after {call} the worker stood still, stopped by a signal, for {seconds} s (--timeout)");
        Err(Failure::new(FailureKind::TimedOut, reason))
    }

    fn check_memory(&mut self) -> Result<(), Failure> {
        let Some(family) = self.worker.process.family() else { return Ok(()) };
        let Some(used) = family.rss_bytes() else { return Ok(()) };
        if family.is_large() {
            self.peak_of_family = self.peak_of_family.max(Some(used));
        }
        let mut passed = self.memory.passed_by(used, machine::usable_memory_bytes);
        if passed.is_some() && family.is_large() {
            let used = family.pss_bytes().unwrap_or(used);
            passed = self.memory.passed_by(used, machine::usable_memory_bytes);
        }
        let Some(passed) = passed else { return Ok(()) };
        let call = self.dialogue.call();
        let reason = format!("the worker used {passed} during {call} and was stopped (--memory-limit)");
        Err(Failure::new(FailureKind::OutOfMemory, reason))
    }
}

/// Memory ran out before the worker had used more than it may.
fn killed_by_kernel(call: &str) -> String {
    let limit = ControlGroup::of_memory().and_then(|group| group.memory_limit_bytes());
    let of_what = match limit {
        Some(bytes) => format!("the container's {} of memory", units::bytes(bytes)),
        None => "the machine's memory".to_owned(),
    };
    format!("the kernel killed the worker during {call}: {of_what} ran out")
}
