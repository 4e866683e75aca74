//! A command of a backend's own, such as its build, in a group that ends with the harness.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context;

use super::{BoundedFile, Process};

/// Runs a command in place of the shell. Before, leaves a guard in its process
/// group that kills the group when the harness, which holds the other end of its
/// standard input, is gone, however it ended.
const GUARDED: &str = r#"exec 3<&0
(read -r _ <&3; kill -KILL 0) >/dev/null 2>&1 &
command -v "$1" >/dev/null || { echo "error: cannot run $1: no such program" >&2; exit 127; }
exec "$@" 3<&- </dev/null"#;

impl Process {
    /// Starts a command in a folder with variables set, or unset where they have no value; what
    /// it prints goes to `log` where there is one.
    ///
    /// # Errors
    /// Where no process can be made. A program that does not exist ends with 127.
    pub(crate) fn start_guarded(
        command: &[String],
        folder: &Path,
        variables: &[(&str, Option<OsString>)],
        log: Option<BoundedFile>,
    ) -> anyhow::Result<Self> {
        let mut shell = Command::new("sh");
        shell.args(["-c", GUARDED, "sh"]).args(command).current_dir(folder).stdin(Stdio::piped());
        for leaked in leaked_variables() {
            shell.env_remove(leaked);
        }
        for (name, value) in variables {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        Self::start(shell, log)
            .with_context(|| format!("cannot run `{}` in {}", command.join(" "), folder.display()))
    }
}

/// What `cargo run` sets for the harness would leak into a plugin's build.
fn leaked_variables() -> impl Iterator<Item = String> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    names.filter(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
}

#[cfg(test)]
mod tests {
    use std::process::ExitStatus;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::interrupt::{Interrupt, Interrupted};

    const LONG: Duration = Duration::from_secs(60);

    /// Interrupts a command that is ready for it.
    fn run(command: &[&str], patience: Duration) -> (anyhow::Result<ExitStatus>, String) {
        let command: Vec<String> = command.iter().map(|part| (*part).to_owned()).collect();
        let variables = [("OF_THE_BUILD", Some("seen".into()))];
        let mut process =
            Process::start_guarded(&command, Path::new("/"), &variables, None).expect("it starts");
        let interrupt = Interrupt::default();
        let ended = process.finish(&interrupt, patience, &mut |line| {
            if line == "ready" {
                interrupt.ask();
            }
        });
        (ended, process.last_line())
    }

    #[test]
    fn it_has_its_arguments_variables_folder_and_an_empty_input() {
        let script = r#"echo "$1 $OF_THE_BUILD $PWD $(cat)"; exit 3"#;
        let (ended, line) = run(&["sh", "-c", script, "sh", "a  b"], LONG);
        assert_eq!(ended.expect("it ends").code(), Some(3));
        assert_eq!(line, "a  b seen /");
    }

    #[test]
    fn a_program_that_does_not_exist_is_named() {
        let (ended, line) = run(&["moon-compiler", "-c"], LONG);
        assert_eq!(ended.expect("it ends").code(), Some(127));
        assert_eq!(line, "error: cannot run moon-compiler: no such program");
    }

    #[test]
    fn one_that_hangs_is_ended_with_what_it_has_started() {
        let start = Instant::now();
        let (ended, line) = run(&["sh", "-c", "echo begun; sleep 300 & sleep 300"], Duration::from_secs(1));
        assert_eq!(ended.expect_err("it hangs").to_string(), "did not end within 1 s");
        assert_eq!(line, "begun");
        assert!(start.elapsed() < Duration::from_secs(20), "the pipe is closed: nobody holds it");
    }

    #[test]
    fn one_that_is_interrupted_may_tidy_up() {
        let script = "trap 'echo tidied; exit' INT; echo ready; sleep 300 & wait";
        let (ended, line) = run(&["sh", "-c", script], LONG);
        assert!(ended.expect_err("it is interrupted").is::<Interrupted>());
        assert_eq!(line, "tidied");
    }
}
