//! Whatever is started: in a process group of its own, its output in a bounded log, and ended
//! with everything that it has started itself.

mod family;
mod guarded;
mod log;
mod memory;
mod program;
mod running;
mod stopwatch;

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdin, Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::interrupt::Interrupt;
pub(crate) use family::Family;
pub(crate) use log::BoundedFile;
use log::Log;
pub use memory::MemoryLimit;
pub(crate) use memory::MemoryWatch;
pub use program::Program;
pub(crate) use running::stopped;
pub(crate) use stopwatch::Stopwatch;

/// How often a process is looked at that is waited for.
const PACE: Duration = Duration::from_millis(5);
/// Time to tidy up after an interruption, such as to remove what was half downloaded.
const GRACE: Duration = Duration::from_secs(1);

/// A process and its group, which end when this is dropped.
pub(crate) struct Process {
    child: Child,
    log: Log,
    /// What it has started, where that is ended with it wherever it has gone.
    family: Option<Family>,
    /// How it ended, once nothing of its group is left.
    ended: Option<ExitStatus>,
    /// Its end tells a guard that the harness is gone.
    _lifeline: Option<ChildStdin>,
}

impl Process {
    /// Starts a program; what it prints goes to `log` where there is one.
    ///
    /// # Errors
    /// Where no process can be made.
    pub(crate) fn start(command: Command, log: Option<BoundedFile>) -> anyhow::Result<Self> {
        Self::start_with(command, log, false)
    }

    /// Starts a program that keeps together what it starts, and nothing else of its own.
    ///
    /// # Errors
    /// Where no process can be made.
    pub(crate) fn start_guard(command: Command, log: Option<BoundedFile>) -> anyhow::Result<Self> {
        Self::start_with(command, log, true)
    }

    fn start_with(mut command: Command, log: Option<BoundedFile>, is_guard: bool) -> anyhow::Result<Self> {
        let (output, writer) = std::io::pipe().context("cannot make a pipe for the output of a process")?;
        command.process_group(0).stdout(writer.try_clone()?).stderr(writer);
        let mut child = command.spawn()?;
        // The command holds copies of the pipe, whose end is awaited.
        drop(command);
        let lifeline = child.stdin.take();
        // Whatever fails from here on ends what has been started.
        let family = is_guard.then(|| Family::below(child.id()));
        let mut process = Self { child, log: Log::default(), family, ended: None, _lifeline: lifeline };
        process.number().into_iter().for_each(|number| running::add(number, is_guard));
        process.log = Log::start(output, log)?;
        Ok(process)
    }

    /// What it has started, where it is a guard.
    pub(crate) fn family(&mut self) -> Option<&mut Family> {
        self.family.as_mut()
    }

    /// Whether the program ends within so much time. Its group may go on.
    pub(crate) fn ends_within(&self, patience: Duration) -> bool {
        let start = Instant::now();
        while !self.has_ended() {
            if start.elapsed() > patience {
                return false;
            }
            std::thread::sleep(PACE);
        }
        true
    }

    /// Leaves its number, which is the group's, taken: else the group that is killed may be
    /// another one by then.
    fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        self.ended.is_some()
            || self.number().is_none_or(|number| !matches!(waitid(WaitId::Pid(number), options), Ok(None)))
    }

    /// Waits for its end, at most as long as `patience`, and ends everything that it has
    /// started; `tick` hears its last line again and again.
    ///
    /// # Errors
    /// [`Interrupted`](crate::interrupt::Interrupted) where the user interrupts; where it takes
    /// longer.
    pub(crate) fn finish(
        &mut self,
        interrupt: &Interrupt,
        patience: Duration,
        tick: &mut dyn FnMut(String),
    ) -> anyhow::Result<ExitStatus> {
        let mut stopwatch = Stopwatch::start();
        while !self.ends_within(4 * PACE) {
            if let Err(interrupted) = interrupt.check() {
                self.signal(Signal::INT);
                self.ends_within(GRACE);
                self.end();
                return Err(interrupted.into());
            }
            if stopwatch.tick() > patience {
                self.end();
                anyhow::bail!("did not end within {} s", patience.as_secs());
            }
            tick(self.log.last_line());
        }
        self.end().context("the system does not tell how it ended")
    }

    /// Kills the program, if it has not ended, and everything that it has started. Returns how
    /// the program ended.
    pub(crate) fn end(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            match &self.family {
                Some(family) if self.has_ended() => family.end_orphans(),
                Some(family) => {
                    self.signal(Signal::STOP);
                    family.end();
                }
                None => {}
            }
            self.signal(Signal::KILL);
            self.number().into_iter().for_each(running::remove);
            self.ended = self.child.wait().ok();
            self.log.finish();
        }
        self.ended
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.number() {
            // Already gone is as good.
            let _ = kill_process_group(group, signal);
        }
    }

    fn number(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }

    /// The last line that it has printed and that is not empty.
    pub(crate) fn last_line(&self) -> String {
        self.log.last_line()
    }

    /// The last lines that it has printed, if any.
    pub(crate) fn last_lines(&self) -> Option<String> {
        self.log.last_lines()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// The signal of a processor that does not know an instruction.
const ILLEGAL: i32 = signal_hook::consts::SIGILL;

/// How a program ended that was to do more: `was killed by SIGKILL`, or with which code.
pub(crate) fn describe(status: Option<ExitStatus>) -> String {
    match status.map(|status| (status.signal(), status.code())) {
        // The processor's own word, which says what to do.
        Some((Some(ILLEGAL), _)) => {
            "was killed by SIGILL, an illegal instruction: its library, or one below, was \
                                     built for another processor than this machine's; build it here"
                .to_owned()
        }
        Some((Some(signal), _)) => match signal_hook::low_level::signal_name(signal) {
            Some(name) => format!("was killed by {name}"),
            None => format!("was killed by signal {signal}"),
        },
        Some((None, Some(code))) => format!("exited with code {code} without finishing"),
        _ => "ended".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_illegal_instruction_is_told_as_what_it_is() {
        let told = |status| describe(Some(ExitStatus::from_raw(status)));
        assert!(
            told(ILLEGAL).starts_with("was killed by SIGILL, an illegal instruction: "),
            "{}",
            told(ILLEGAL)
        );
        assert_eq!(told(11), "was killed by SIGSEGV");
        assert_eq!(told(3 << 8), "exited with code 3 without finishing");
    }
}
