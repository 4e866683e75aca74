//! The worker: a process that loads one plugin, does one job and exits, so that
//! a crash, a hang or a leak of one backend cannot touch another's numbers.

mod announced;
mod audit;
mod calls;
mod check;
pub mod evidence;
mod measure;
pub mod protocol;
mod train;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use trainmark_plugin::Description;
use trainmark_plugin::host::Plugin;

use protocol::{BackendInfo, Done, Job, Message};

/// First argument of the program where it is to be a worker.
pub const COMMAND: &str = "worker";

/// Lowest file descriptor for the socket.
const SOCKET_NUMBER: i32 = 200;

/// The worker's end of the socket.
pub struct Harness {
    stream: UnixStream,
}

impl Harness {
    /// Sends one message.
    ///
    /// # Errors
    /// Where the harness is gone.
    pub fn send(&mut self, message: &Message) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(message).context("cannot encode a message")?;
        line.push(b'\n');
        self.stream.write_all(&line).context("the harness is gone")
    }

    /// Announces a call of the plugin.
    ///
    /// # Errors
    /// Where the harness is gone.
    pub fn calling(&mut self, call: &str) -> anyhow::Result<()> {
        self.send(&Message::Calling { call: call.to_owned() })
    }
}

/// Body of the hidden command [`COMMAND`]: standard input is a socket to the harness.
///
/// # Errors
/// Where the socket cannot be used; a plugin's failure is a message instead.
pub fn main() -> anyhow::Result<()> {
    let (job, mut harness) =
        connect().context("`worker` is started by other commands only, such as `bench`")?;
    if let Err(error) = run(&job, &mut harness) {
        harness.send(&Message::Failed(error.into()))?;
    }
    Ok(())
}

fn run(job: &Job, harness: &mut Harness) -> anyhow::Result<()> {
    match job {
        Job::Describe { library } => {
            load(library, harness)?;
            harness.send(&Message::Done(Box::default()))
        }
        Job::Check(task) => check::run(task, harness),
        Job::Train(task) => train::run(task, harness),
        Job::Audit { task, evidence } => audit::run(task, evidence, harness),
        Job::Measure { task, operation, is_quick } => measure::run(task, operation, *is_quick, harness),
    }
}

/// Takes the socket away from standard input, so that a plugin that reads its
/// input finds an empty one, and exits when the harness is gone.
fn connect() -> anyhow::Result<(Job, Harness)> {
    // Far from the low numbers that a plugin may write to by mistake.
    let socket = rustix::io::fcntl_dupfd_cloexec(std::io::stdin(), SOCKET_NUMBER)?;
    let stream = UnixStream::from(socket);
    rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null")?)?;
    let mut reader =
        BufReader::new(UnixStream::from(rustix::io::fcntl_dupfd_cloexec(&stream, SOCKET_NUMBER)?));
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let job = serde_json::from_str(&line).context("cannot read the job")?;
    std::thread::spawn(move || {
        let mut rest = String::new();
        // The harness writes nothing more: whatever comes is its end.
        let _ = reader.read_line(&mut rest);
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    });
    Ok((job, Harness { stream }))
}

/// Loads and describes the plugin.
fn load(library: &Path, harness: &mut Harness) -> anyhow::Result<(Plugin, Description)> {
    harness.calling("load")?;
    let start = Instant::now();
    // SAFETY: the user asked for this library; a worker holds nothing that it could damage.
    let plugin = unsafe { Plugin::load(library) }?;
    harness.calling("describe")?;
    let description = plugin.describe().map_err(|error| calls::named("describe", error))?;
    let backend = BackendInfo::new(&plugin, &description);
    let seconds = start.elapsed().as_secs_f64();
    harness.send(&Message::Loaded { seconds, backend, process: std::process::id() })?;
    Ok((plugin, description))
}

/// The last message of a job that was done.
fn done() -> Done {
    Done {
        peak_rss_bytes: crate::machine::peak_rss_bytes(),
        cpu_seconds: Some(crate::machine::cpu_seconds()),
        ..Done::default()
    }
}
