//! Where a benchmark ran.

use serde::{Deserialize, Serialize};

use crate::ceiling::Peak;

/// The machine and the tools.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// Operating system and version.
    pub system: String,
    /// Kernel version.
    pub kernel: String,
    /// Processor name.
    pub cpu: String,
    /// Logical processors this process may use.
    pub logical_cpus: usize,
    /// Physical memory in bytes.
    pub memory_bytes: u64,
    /// Instruction sets that matter here: avx2, fma, avx512f, neon.
    pub cpu_features: Vec<String>,
    /// Frequency governor, where the system tells.
    pub governor: Option<String>,
    /// Whether the machine runs on its battery, where the system tells.
    #[serde(default)]
    pub on_battery: Option<bool>,
    /// Graphics processors, each in one line.
    pub gpus: Vec<String>,
    /// trainmark's version.
    pub trainmark: String,
    /// Git revision of the sources, with `-dirty` where files differ.
    pub git_revision: Option<String>,
    /// rustc that built the harness.
    pub rustc: String,
    /// Optimisation of the harness: `debug` where there is none.
    pub profile: String,
    /// One-minute load average at the start.
    pub load_average: Option<f64>,
    /// What the processor reaches at most, where it was measured.
    #[serde(default)]
    pub peak: Option<Peak>,
}

impl Environment {
    /// What makes it another machine for a benchmark; `None` where times may be compared.
    pub fn machine_difference(&self, other: &Self) -> Option<&'static str> {
        if self.cpu != other.cpu {
            return Some("processors");
        }
        if self.logical_cpus != other.logical_cpus {
            return Some("numbers of processors");
        }
        (self.gpus != other.gpus).then_some("graphics processors")
    }
}
