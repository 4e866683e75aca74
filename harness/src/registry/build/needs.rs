//! What a build needs of the machine, looked at without building.

use std::time::Duration;

use crate::interrupt::Interrupt;
use crate::process::Process;
use crate::registry::manifest::Requirement;

use super::{Network, Recipe};

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
        self.artifact.needs.iter().find_map(|need| {
            let hint = &need.hint;
            match &need.requirement {
                Requirement::Tool(tool) => {
                    which::which(tool).is_err().then(|| format!("building it needs {tool}: {hint}"))
                }
                Requirement::Probe(command) => {
                    Some(match self.probe(command, network, patience, interrupt).err()? {
                        Unmet::Lacking(reason) => {
                            format!("it cannot be built here{}: {reason}; {hint}", network.remark())
                        }
                        Unmet::Hanging(reason) => {
                            format!("whether it can be built here is not known: {reason}; {hint}")
                        }
                    })
                }
            }
        })
    }

    /// Runs a probe; its last line tells why the need is not met.
    fn probe(
        &self,
        command: &[String],
        network: Network,
        patience: Duration,
        interrupt: &Interrupt,
    ) -> Result<(), Unmet> {
        let process = Process::start_guarded(command, &self.folder, &self.environment(network), None);
        let mut process = process.map_err(|error| Unmet::Lacking(format!("{error:#}")))?;
        let name = command.join(" ");
        match process.finish(interrupt, patience, &mut |_| {}) {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(Unmet::Lacking(match process.last_line() {
                line if line.is_empty() => format!("`{name}` printed nothing and ended with {status}"),
                line => line,
            })),
            Err(error) => Err(Unmet::Hanging(format!("`{name}` {error}"))),
        }
    }
}
