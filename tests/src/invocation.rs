//! Runs the binary in an environment of its own.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::build::{kept_folder, repository_root, trainmark};
use crate::process::{Marker, VARIABLE, wait_until};

/// Longest time that any command of these tests may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// The binary with arguments, before it is started.
pub struct Invocation {
    command: Command,
    marker: Marker,
}

/// How the binary ended.
#[derive(Debug)]
pub struct Finished {
    /// Exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// Finds what it left running.
    pub marker: Marker,
}

/// The binary while it runs.
pub struct Running {
    child: Child,
    /// Finds its workers.
    pub marker: Marker,
}

/// The binary with these arguments, in the repository, with a home of its own,
/// without the user's settings and data.
pub fn invoke<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Invocation {
    invoke_program(trainmark(), arguments)
}

/// A command line, as a reader of the documentation types it, in the same environment.
pub fn shell(line: &str) -> Invocation {
    // Building the binary again in another folder would take minutes and show nothing.
    let binary = format!("'{}'", trainmark().display());
    invoke_program("bash", ["-c", &line.replace("cargo run --", &binary)])
}

/// Another program, in the same way.
pub fn invoke_program<A: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    arguments: impl IntoIterator<Item = A>,
) -> Invocation {
    let mut command = Command::new(program);
    let marker = Marker::new();
    let home = kept_folder().join("home");
    std::fs::create_dir_all(&home).unwrap();
    command
        .current_dir(repository_root())
        .env_clear()
        .env("HOME", &home)
        .env(VARIABLE, marker.value())
        // Nothing may be downloaded: here nobody answers.
        .env("TRAINMARK_DATA_URL", "http://127.0.0.1:9")
        // Nor may what happens to be installed be found.
        .env("XDG_DATA_DIRS", "/nonexistent")
        .args(arguments);
    for (name, otherwise) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
        let user = std::env::home_dir().unwrap_or_default();
        command.env(name, std::env::var_os(name).unwrap_or_else(|| user.join(otherwise).into()));
    }
    for name in ["PATH", "TMPDIR", "RUSTUP_TOOLCHAIN", "CC"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    Invocation { command, marker }
}

/// `bench` of these backends: softmax on the procedural data set, one epoch,
/// one seed, into a folder in `out`.
pub fn bench<A: AsRef<OsStr>>(out: &Path, backends: impl IntoIterator<Item = A>) -> Invocation {
    invoke(["bench"])
        .args(backends)
        .args(["--workload", "softmax", "--dataset", "synthetic", "--quick", "--out"])
        .args([out])
}

impl Invocation {
    /// Further arguments.
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.command.args(arguments);
        self
    }

    /// A variable of its environment.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// What the hostile plugin does.
    pub fn hostile(self, behaviour: &str) -> Self {
        self.env("TRAINMARK_HOSTILE", behaviour)
    }

    /// Where it runs.
    pub fn current_dir(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Runs it to its end.
    pub fn run(self) -> Finished {
        self.start().finish()
    }

    /// Starts it.
    pub fn start(mut self) -> Running {
        let child = self.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        Running { child: child.expect("the binary can be started"), marker: self.marker }
    }
}

impl Running {
    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let number = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process");
        kill_process(number, signal).expect("it runs");
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// Where it does not end.
    pub fn finish(self) -> Finished {
        let Self { mut child, marker } = self;
        // Both are read at once, so that it never waits for a reader.
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let readers = [reader(stdout), reader(stderr)];
        let mut code = None;
        let has_ended = wait_until(PATIENCE, || match child.try_wait().unwrap() {
            Some(status) => {
                code = status.code();
                true
            }
            None => false,
        });
        if !has_ended {
            let _ = child.kill();
        }
        let [stdout, stderr] = readers.map(|reader| reader.join().unwrap());
        assert!(has_ended, "it did not end within {PATIENCE:?}\n{stdout}\n{stderr}");
        Finished { code, stdout, stderr, marker }
    }
}

fn reader(mut stream: impl std::io::Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        String::from_utf8(bytes).expect("what is printed is UTF-8")
    })
}

impl Finished {
    /// Asserts the exit code, with what was printed in the failure.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    /// Asserts that it refused with exit code 2 and one message, which is returned.
    #[track_caller]
    pub fn refusal(self) -> String {
        let finished = self.expect(2);
        assert_eq!(finished.stdout, "");
        finished.stderr
    }
}
