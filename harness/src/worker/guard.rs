//! A worker's parent: it keeps together what the worker starts and ends all of it when the
//! worker or the harness has ended, however they did.
//!
//! A process that a plugin starts may leave the worker's group, and when its parent ends it
//! becomes the child of the nearest subreaper: of the guard, which then still finds it.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ExitStatus};

use anyhow::Context;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Resource, Signal, WaitOptions, getpid, kill_process, setrlimit, wait};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::process::{Family, Program};

/// First argument of the program where it is to be a worker that has a guard.
pub const GUARDED: &str = "guarded-worker";

/// Body of the hidden command [`COMMAND`](super::COMMAND): starts the worker, waits for its end,
/// ends what it has left behind and returns how it ended.
///
/// # Errors
/// Where the worker cannot be started.
pub fn main() -> anyhow::Result<ExitStatus> {
    // Where that is not to be had, what has lost its parent is not found.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_child_subreaper(Some(getpid()));
    // A group that stands still gets SIGHUP when its harness is killed: the guard has work to do then.
    crate::signals::survive([SIGHUP, SIGINT, SIGTERM])?;
    // Before there is anything to end: a harness that is gone already is noticed as well.
    let socket = rustix::io::fcntl_dupfd_cloexec(std::io::stdin(), 3).context("cannot keep the socket")?;
    let worker = start()?;
    let number = number(worker.id())?;
    let await_harness = move || {
        let mut sockets = [PollFd::new(&socket, PollFlags::empty())];
        while poll(&mut sockets, None).is_err() {}
        // The rest is ended by whoever waits for the worker.
        let _ = kill_process(number, Signal::KILL);
    };
    std::thread::Builder::new().spawn(await_harness).context("cannot start a thread that awaits the end")?;
    let status = await_end(number)?;
    Family::below(std::process::id()).end();
    Ok(status)
}

fn start() -> anyhow::Result<Child> {
    // As a process list shows it.
    Program::own()?.command().arg0("trainmark").arg(GUARDED).spawn().context("cannot start the worker")
}

fn number(process: u32) -> anyhow::Result<Pid> {
    i32::try_from(process).ok().and_then(Pid::from_raw).context("a process without a number")
}

/// Waits for the worker's end and reaps what else ends meanwhile.
fn await_end(worker: Pid) -> anyhow::Result<ExitStatus> {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((ended, status))) if ended == worker => return Ok(ExitStatus::from_raw(status.as_raw())),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).context("cannot wait for the worker"),
        }
    }
}

/// Ends this process as the worker has ended: by the same signal, or with the same code.
pub fn end_like(status: ExitStatus) -> i32 {
    if let Some(signal) = status.signal().and_then(Signal::from_named_raw) {
        // The worker has left a core where one is wanted.
        let _ = setrlimit(Resource::Core, rustix::process::Rlimit { current: Some(0), maximum: Some(0) });
        // What is handled here, as SIGSEGV by the runtime, does by default as it did to the worker.
        let _ = signal_hook::low_level::emulate_default_handler(signal.as_raw());
        let _ = kill_process(getpid(), signal);
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1)
}

/// Number of this worker's guard, if it has one.
pub(super) fn of_this_worker() -> Option<u32> {
    let is_guarded = std::env::args_os().nth(1).is_some_and(|first| first == GUARDED);
    is_guarded.then(std::os::unix::process::parent_id)
}
