//! What a build needs of the machine, looked at without building.

use std::time::Duration;

use crate::interrupt::Interrupt;
use crate::process::Process;
use crate::registry::manifest::Requirement;

use super::{Network, Recipe};

/// What a probe prints, as a line of its own, where all that the build would fetch is here already.
const NOTHING_TO_FETCH: &str = "nothing to fetch";

/// Why a need that is probed for is not met.
enum Unmet {
    /// The probe says so, and why.
    Lacking(String),
    /// It is not known: the probe did not end in time.
    Hanging(String),
}

impl Recipe {
    /// The first thing that building needs and this machine lacks, and how to get it. A probe
    /// that takes longer than `patience` is ended, and named.
    pub fn missing_need(
        &self,
        network: Network,
        patience: Duration,
        interrupt: &Interrupt,
    ) -> Option<String> {
        self.look(network, patience, interrupt).err()
    }

    /// Looks at what building needs. Returns the last line that a probe has printed: what it has
    /// found, or nothing. What it says of downloads, [`Self::downloads`] knows from then on.
    ///
    /// # Errors
    /// As [`Self::missing_need`] says it.
    pub fn look(
        &self,
        network: Network,
        patience: Duration,
        interrupt: &Interrupt,
    ) -> Result<String, String> {
        let mut found = String::new();
        for need in &self.artifact.needs {
            let hint = &need.hint;
            match &need.requirement {
                Requirement::Tool(tool) => {
                    which::which(tool).map_err(|_| format!("building it needs {tool}: {hint}"))?;
                }
                Requirement::Probe(command) => {
                    found =
                        self.probe(command, network, patience, interrupt).map_err(|unmet| match unmet {
                            Unmet::Lacking(reason) => {
                                format!("it cannot be built here{}: {reason}; {hint}", network.remark())
                            }
                            Unmet::Hanging(reason) => {
                                format!("whether it can be built here is not known: {reason}; {hint}")
                            }
                        })?;
                }
            }
        }
        Ok(found)
    }

    /// Runs a probe; its last line tells what it has found, or why the need is not met.
    fn probe(
        &self,
        command: &[String],
        network: Network,
        patience: Duration,
        interrupt: &Interrupt,
    ) -> Result<String, Unmet> {
        let command = self.command(command);
        let process = Process::start_guarded(&command, &self.place(), &self.environment(network), None);
        let mut process = process.map_err(|error| Unmet::Lacking(format!("{error:#}")))?;
        let name = command.join(" ");
        match process.finish(interrupt, patience, &mut |_| {}) {
            Ok(status) if status.success() => {
                let said = process.last_lines().unwrap_or_default();
                // The first answer counts: what is fetched meanwhile was announced.
                self.is_fetched.get_or_init(|| said.lines().any(|line| line.trim() == NOTHING_TO_FETCH));
                Ok(process.last_line())
            }
            Ok(status) => Err(Unmet::Lacking(match process.last_line() {
                line if line.is_empty() => format!("`{name}` printed nothing and ended with {status}"),
                line => line,
            })),
            Err(error) => Err(Unmet::Hanging(format!("`{name}` {error}"))),
        }
    }
}
