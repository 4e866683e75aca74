//! What a build needs of the machine, looked at without building.

use std::time::Duration;

use crate::interrupt::Interrupt;
use crate::process::Process;
use crate::registry::manifest::Requirement;

use super::{Network, Recipe};

/// Longest time that a probe may take.
const PROBE_PATIENCE: Duration = Duration::from_secs(60);

impl Recipe {
    /// The first thing that building needs and this machine lacks, and how to get it.
    pub fn missing_need(&self, network: Network, interrupt: &Interrupt) -> Option<String> {
        self.artifact.needs.iter().find_map(|need| {
            let hint = &need.hint;
            match &need.requirement {
                Requirement::Tool(tool) => {
                    which::which(tool).is_err().then(|| format!("building it needs {tool}: {hint}"))
                }
                Requirement::Probe(command) => {
                    let reason = self.probe(command, network, interrupt).err()?;
                    Some(format!("it cannot be built here{}: {reason}; {hint}", network.remark()))
                }
            }
        })
    }

    /// Runs a probe; its last line tells why the need is not met.
    fn probe(&self, command: &[String], network: Network, interrupt: &Interrupt) -> Result<(), String> {
        let process = Process::start_guarded(command, &self.folder, &self.environment(network), None);
        let mut process = process.map_err(|error| format!("{error:#}"))?;
        let name = command.join(" ");
        match process.finish(interrupt, PROBE_PATIENCE, &mut |_| {}) {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(match process.last_line() {
                line if line.is_empty() => format!("`{name}` printed nothing and ended with {status}"),
                line => line,
            }),
            Err(error) => Err(format!("`{name}` {error}")),
        }
    }
}
