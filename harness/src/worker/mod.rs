//! The worker: a process that loads one plugin, does one job and exits, so that
//! a crash, a hang or a leak of one backend cannot touch another's numbers.

mod announced;
mod audit;
mod calls;
mod check;
pub mod dialogue;
pub mod evidence;
pub mod guard;
mod library;
mod measure;
mod operations;
mod processor_time;
pub mod protocol;
mod train;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use rustix::process::{Resource, getrlimit};
use trainmark_plugin::host::Plugin;
use trainmark_plugin::{Description, RunningVariance};

use library::LibraryFile;
use processor_time::ProcessorTime;
use protocol::{BackendInfo, Done, Job, Message, Task};

use crate::conformance::Subject;
use crate::data::MappedDataset;

/// First argument of the program where it is to be a worker.
pub const COMMAND: &str = "worker";

/// Lowest file descriptor for the socket: far from the low numbers that a plugin may write to by
/// mistake.
const SOCKET_NUMBER: i32 = 200;
/// Descriptors that stay free above it, where only few may be open.
const FREE_NUMBERS: i32 = 16;

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

/// Body of the hidden command [`guard::GUARDED`]: standard input is a socket to the harness.
///
/// # Errors
/// Where the socket cannot be used; a plugin's failure is a message instead.
pub fn main() -> anyhow::Result<()> {
    // Should the guard be killed, nobody would end what it has kept together.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    #[cfg(target_os = "linux")]
    // Started by the number of a descriptor, it would be called by that.
    rustix::thread::set_name(c"trainmark").context("cannot name the worker")?;
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
            load(library, None, harness)?;
            harness.send(&Message::Done(Box::default()))
        }
        Job::Foresee { workload, dataset, seed } => check::foresee(workload, dataset, *seed, harness),
        Job::Check { task, foreseen } => check::run(task, foreseen.as_deref(), harness),
        Job::Estimate(task) => check::run_estimate(task, harness),
        Job::Train(task) => train::run(task, harness),
        Job::Audit { task, evidence } => audit::run(task, evidence, harness),
        Job::Operations { task, cases, shrinks } => operations::run(task, cases, *shrinks, harness),
        Job::Measure { task, workloads, operation, is_quick } => {
            measure::run(task, workloads, operation, *is_quick, harness)
        }
    }
}

/// Takes the socket away from standard input, so that a plugin that reads its
/// input finds an empty one, and exits when the harness is gone.
fn connect() -> anyhow::Result<(Job, Harness)> {
    let lowest = lowest_socket_number(getrlimit(Resource::Nofile).current);
    let socket = rustix::io::fcntl_dupfd_cloexec(std::io::stdin(), lowest)?;
    let stream = UnixStream::from(socket);
    rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null").context("cannot open /dev/null")?)?;
    let mut reader = BufReader::new(UnixStream::from(rustix::io::fcntl_dupfd_cloexec(&stream, lowest)?));
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let job = serde_json::from_str(&line).context("cannot read the job")?;
    let await_end = move || {
        let mut rest = String::new();
        // The harness writes nothing more: whatever comes is its end.
        let _ = reader.read_line(&mut rest);
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    };
    std::thread::Builder::new().spawn(await_end).context("cannot start a thread that awaits the end")?;
    Ok((job, Harness { stream }))
}

/// Where so many descriptors may be open.
fn lowest_socket_number(limit: Option<u64>) -> i32 {
    let limit = limit.and_then(|limit| i32::try_from(limit).ok()).unwrap_or(i32::MAX);
    SOCKET_NUMBER.min(limit - FREE_NUMBERS).max(3)
}

/// A plugin that has described itself, and its file.
struct Loaded {
    plugin: Plugin,
    description: Description,
    file: LibraryFile,
    /// How long that took.
    seconds: f64,
}

/// Loads and describes the plugin, which must have the hash that is expected.
fn load(library: &Path, expected: Option<&str>, harness: &mut Harness) -> anyhow::Result<Loaded> {
    harness.calling("load")?;
    // What is no file is refused by loading, with what to do.
    let file = library.is_file().then(|| LibraryFile::open(library)).transpose()?;
    if let (Some(file), Some(expected)) = (&file, expected) {
        file.check_hash(expected)?;
    }
    let start = Instant::now();
    // SAFETY: the user asked for this library; a worker holds nothing that it could damage.
    let plugin = unsafe { Plugin::load(library) }?;
    harness.calling("describe")?;
    let description = plugin.describe().map_err(|error| calls::named("describe", error))?;
    let seconds = start.elapsed().as_secs_f64();
    let file = file.context("the library was not there before it was loaded")?;
    file.check_loaded()?;
    let backend = BackendInfo::new(&plugin, &description);
    let library_hash = file.hash.clone();
    harness.send(&Message::Loaded { seconds, backend, library_hash, process: std::process::id() })?;
    Ok(Loaded { plugin, description, file, seconds })
}

/// What a task works with.
struct Equipped<'t> {
    task: &'t Task,
    plugin: Plugin,
    library: LibraryFile,
    /// Seconds of loading and describing it.
    load_seconds: f64,
    /// How the implementation says that its running variance starts and is updated.
    convention: RunningVariance,
    mapped: MappedDataset,
}

impl<'t> Equipped<'t> {
    /// Maps the data set of a task, loads and describes its plugin.
    fn new(task: &'t Task, harness: &mut Harness) -> anyhow::Result<Self> {
        let mapped = task.dataset.map().context("cannot map the data set")?;
        let Loaded { plugin, description, file, seconds } =
            load(&task.library, Some(&task.library_hash), harness)?;
        let convention = calls::convention(&description, &task.implementation)?;
        Ok(Self { task, plugin, library: file, load_seconds: seconds, convention, mapped })
    }

    /// What is held against the reference.
    fn subject(&self) -> Subject<'_> {
        Subject {
            workload: self.task.workload.clone(),
            dataset: self.task.workload.part_of(self.mapped.dataset()),
            implementation: self.task.implementation.to_string(),
            running_variance: self.convention,
            device: self.task.device.to_string(),
            threads: self.task.threads,
            seed: self.task.seed,
        }
    }

    /// The last message of a job that was done, with the library and the data that it was given.
    ///
    /// # Errors
    /// Where one of them was written to meanwhile.
    fn done(&self) -> anyhow::Result<Done> {
        // Before the files are read again, should that be needed.
        let done = Done {
            peak_rss_bytes: crate::machine::peak_rss_bytes(),
            cpu_seconds: Some(ProcessorTime::WHOLE.seconds()),
            ..Done::default()
        };
        self.library.check_content()?;
        self.mapped.check_unchanged()?;
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_socket_lies_within_what_may_be_open() {
        let lowest = [None, Some(1 << 20), Some(200), Some(128), Some(4)].map(super::lowest_socket_number);
        assert_eq!(lowest, [200, 200, 184, 112, 3]);
    }
}
