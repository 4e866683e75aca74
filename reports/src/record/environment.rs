//! Where a benchmark ran.

use serde::{Deserialize, Serialize};

use super::gpu::{self, Gpu};
use super::{Adapter, Device, Settings};
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
    /// Graphics processors, in the order of their devices: the first is `cuda:0`.
    #[serde(default, deserialize_with = "gpu::read")]
    pub gpus: Vec<Gpu>,
    /// Why there is no graphics processor, where that is known.
    #[serde(default)]
    pub no_gpu: Option<String>,
    /// `CUDA_VISIBLE_DEVICES`, where it is set: it chooses and orders the graphics processors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cuda_visible_devices: Option<String>,
    /// What the backends tell of their devices that no driver was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adapters: Vec<Adapter>,
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
    /// What it was started with; `None` in records of before these were kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Settings>,
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
        (self.gpu_names() != other.gpu_names()).then_some("graphics processors")
    }

    /// The frequency governor, or that it is not known.
    pub fn governor_words(&self) -> String {
        self.governor.clone().unwrap_or_else(|| "not known".to_owned())
    }

    /// The git revision, or that it is not known.
    pub fn revision_words(&self) -> String {
        self.git_revision.clone().unwrap_or_else(|| "not known".to_owned())
    }

    /// The models of the graphics processors, in order.
    pub fn gpu_names(&self) -> Vec<&str> {
        self.gpus.iter().map(|gpu| gpu.name.as_str()).collect()
    }

    /// The graphics processor that is a device such as `cuda:0`.
    pub fn gpu_of(&self, device: &Device) -> Option<&Gpu> {
        self.gpus.get(device.cuda_number()?)
    }

    /// Versions of the NVIDIA driver, each once.
    pub fn gpu_drivers(&self) -> String {
        let mut drivers: Vec<String> = self.gpus.iter().filter_map(Gpu::driver_words).collect();
        drivers.dedup();
        drivers.join(", ")
    }
}
