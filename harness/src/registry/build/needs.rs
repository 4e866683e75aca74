//! What a build needs of the machine, looked at without building.

use std::time::Duration;

use crate::interrupt::Interrupt;
use crate::registry::manifest::Requirement;

use super::process::{Ending, Running};
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
        let running = Running::start(command, &self.folder, &self.variables(network), None);
        let running = running.map_err(|error| format!("{error:#}"))?;
        let (ending, line) = running.wait(interrupt, PROBE_PATIENCE, &mut |_| {});
        let name = command.join(" ");
        match ending {
            Ending::Exited(status) if status.success() => Ok(()),
            Ending::Exited(_) if !line.is_empty() => Err(line),
            Ending::Exited(status) => Err(format!("`{name}` printed nothing and ended with {status}")),
            Ending::Interrupted => Err("interrupted".to_owned()),
            Ending::TooLate => Err(format!("`{name}` did not end within {} s", PROBE_PATIENCE.as_secs())),
        }
    }
}
