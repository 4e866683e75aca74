//! A command of a backend's own, in a process group that ends with it.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process_group};

use super::log::Log;
use crate::interrupt::Interrupt;

/// Runs a command in place of the shell. Before, leaves a guard in its process
/// group that kills the group when the harness, which holds the other end of its
/// standard input, is gone, however it ended.
const GUARDED: &str = r#"exec 3<&0
(read -r _ <&3; kill -KILL 0) >/dev/null 2>&1 &
command -v "$1" >/dev/null || { echo "error: cannot run $1: no such program" >&2; exit 127; }
exec "$@" 3<&- </dev/null"#;

/// How often a process is looked at.
const PACE: Duration = Duration::from_millis(20);
/// Time to tidy up after an interruption, such as to remove what was half downloaded.
const GRACE: Duration = Duration::from_secs(1);

/// How a command ended.
pub(super) enum Ending {
    Exited(ExitStatus),
    Interrupted,
    TooLate,
}

/// A command that runs.
pub(super) struct Running {
    child: Child,
    log: Log,
    /// Its end tells the guard that the harness is gone.
    _lifeline: Option<ChildStdin>,
}

impl Running {
    /// Starts a command in a folder with further variables; what it prints goes
    /// to `file` where there is one.
    ///
    /// # Errors
    /// Where no process can be made. A program that does not exist ends with 127.
    pub(super) fn start(
        command: &[String],
        folder: &Path,
        variables: &[(&str, String)],
        file: Option<File>,
    ) -> anyhow::Result<Self> {
        let name = || command.join(" ");
        let (reader, writer) = std::io::pipe().context("cannot make a pipe for a build's output")?;
        let mut shell = Command::new("sh");
        shell.args(["-c", GUARDED, "sh"]).args(command).current_dir(folder);
        for leaked in leaked_variables() {
            shell.env_remove(leaked);
        }
        shell
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(writer.try_clone()?)
            .stderr(writer);
        let mut child =
            shell.spawn().with_context(|| format!("cannot run `{}` in {}", name(), folder.display()))?;
        let lifeline = child.stdin.take();
        // The shell's builder holds copies of the pipe, whose end is awaited.
        drop(shell);
        Ok(Self { child, log: Log::start(reader, file), _lifeline: lifeline })
    }

    /// Waits for its end, and ends everything that it has started; `tick` hears
    /// its last line again and again. Returns that line too.
    pub(super) fn wait(
        mut self,
        interrupt: &Interrupt,
        patience: Duration,
        tick: &mut dyn FnMut(String),
    ) -> (Ending, String) {
        let start = Instant::now();
        let ending = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break Ending::Exited(status),
                _ if interrupt.is_set() => {
                    self.signal(Signal::INT);
                    self.wait_for_end(GRACE);
                    break Ending::Interrupted;
                }
                _ if start.elapsed() > patience => break Ending::TooLate,
                _ => {}
            }
            tick(self.log.last_line());
            std::thread::sleep(PACE);
        };
        // The guard is in the group still, so that its number is nobody else's.
        self.signal(Signal::KILL);
        let _ = self.child.wait();
        self.log.finish();
        (ending, self.log.last_line())
    }

    fn wait_for_end(&mut self, patience: Duration) {
        let start = Instant::now();
        while start.elapsed() < patience && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(PACE);
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // Already gone is as good.
            let _ = kill_process_group(group, signal);
        }
    }
}

/// What `cargo run` sets for the harness would leak into a plugin's build.
fn leaked_variables() -> impl Iterator<Item = String> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    names.filter(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn run(command: &[&str], patience: Duration) -> (Ending, String) {
        let command: Vec<String> = command.iter().map(|part| (*part).to_owned()).collect();
        let variables = [("OF_THE_BUILD", "seen".to_owned())];
        let running = Running::start(&command, Path::new("/"), &variables, None).expect("it starts");
        running.wait(&Interrupt::default(), patience, &mut |_| {})
    }

    #[test]
    fn it_has_its_arguments_variables_folder_and_an_empty_input() {
        let script = r#"echo "$1 $OF_THE_BUILD $PWD $(cat)"; exit 3"#;
        let (ending, line) = run(&["sh", "-c", script, "sh", "a  b"], LONG);
        assert!(matches!(ending, Ending::Exited(status) if status.code() == Some(3)));
        assert_eq!(line, "a  b seen /");
    }

    #[test]
    fn a_program_that_does_not_exist_is_named() {
        let (ending, line) = run(&["moon-compiler", "-c"], LONG);
        assert!(matches!(ending, Ending::Exited(status) if status.code() == Some(127)));
        assert_eq!(line, "error: cannot run moon-compiler: no such program");
    }

    #[test]
    fn one_that_hangs_is_ended_with_what_it_has_started() {
        let start = Instant::now();
        let (ending, line) = run(&["sh", "-c", "echo begun; sleep 300 & sleep 300"], GRACE);
        assert!(matches!(ending, Ending::TooLate));
        assert_eq!(line, "begun");
        assert!(start.elapsed() < Duration::from_secs(20), "the pipe is closed: nobody holds it");
    }
}
