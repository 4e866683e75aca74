//! Graphics processors, and what a run took of one.

use serde::{Deserialize, Deserializer, Serialize};

/// A graphics processor, by what the NVIDIA driver says of it at the benchmark's start. What
/// it does not say is absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Gpu {
    /// The device that frameworks number it by, such as `cuda:0`.
    pub device: Option<String>,
    /// The driver's own number, which no environment variable changes.
    pub index: Option<u32>,
    /// Model, such as `NVIDIA H200`.
    pub name: String,
    /// Unique identifier, `GPU-…`.
    pub uuid: Option<String>,
    /// Memory in bytes.
    pub memory_bytes: Option<u64>,
    /// CUDA's compute capability, such as `9.0`.
    pub compute_capability: Option<String>,
    /// Version of the driver.
    pub driver: Option<String>,
    /// Newest CUDA that the driver can serve, such as `13.0`.
    pub cuda: Option<String>,
    /// Clock of the multiprocessors at the start, in MHz.
    pub sm_clock_mhz: Option<u32>,
    /// The most that it may be.
    pub max_sm_clock_mhz: Option<u32>,
    /// Clock of the memory at the start, in MHz.
    pub memory_clock_mhz: Option<u32>,
    /// The most that it may be.
    pub max_memory_clock_mhz: Option<u32>,
    /// Power that the driver keeps it below, in watts.
    pub power_limit_watts: Option<f64>,
    /// Whether the driver keeps it awake while nobody uses it.
    pub persistence_mode: Option<bool>,
    /// Whether it is divided into instances.
    pub mig_mode: Option<bool>,
}

impl Gpu {
    /// Model, memory, compute capability and driver in one line.
    pub fn summary(&self) -> String {
        let memory = self.memory_bytes.map(crate::number::bytes);
        let capability = self.compute_capability.as_ref().map(|it| format!("compute capability {it}"));
        let parts = [Some(self.name.clone()), memory, capability, self.driver_words()];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// `driver 580.95.05 (CUDA 13.0)`, where it is known.
    pub fn driver_words(&self) -> Option<String> {
        let cuda = self.cuda.as_ref().map_or_else(String::new, |cuda| format!(" (CUDA {cuda})"));
        self.driver.as_ref().map(|driver| format!("driver {driver}{cuda}"))
    }

    /// Clocks, power limit and modes in one line; nothing where nothing is known.
    pub fn settings(&self) -> Option<String> {
        let clock = |what: &str, now: Option<u32>, most: Option<u32>| {
            let most = most.map_or_else(String::new, |most| format!(" of at most {most}"));
            now.map(|now| format!("{what} clock {now}{most} MHz"))
        };
        let mode = |what: &str, mode: Option<bool>| {
            mode.map(|is_on| format!("{what} {}", if is_on { "on" } else { "off" }))
        };
        let parts = [
            clock("SM", self.sm_clock_mhz, self.max_sm_clock_mhz),
            clock("memory", self.memory_clock_mhz, self.max_memory_clock_mhz),
            self.power_limit_watts.map(|watts| format!("power limit {watts:.0} W")),
            mode("persistence mode", self.persistence_mode),
            mode("MIG", self.mig_mode),
        ];
        let known: Vec<String> = parts.into_iter().flatten().collect();
        (!known.is_empty()).then(|| known.join(", "))
    }
}

/// What a run took of its graphics processor, and how that was before and meanwhile.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GpuUse {
    /// Most device memory that was seen in use, in bytes.
    pub peak_memory_bytes: Option<u64>,
    /// Whose memory that is.
    pub memory_basis: Option<MemoryBasis>,
    /// Energy of the processor while epochs were trained, in joules.
    pub energy_joules: Option<f64>,
    /// Clock of the multiprocessors just before the run, in MHz.
    pub sm_clock_mhz: Option<u32>,
    /// Temperature just before the run.
    pub temperature_celsius: Option<u32>,
    /// What held the clocks down at some time of the run: `power cap`, …; `None` where the
    /// driver does not say.
    pub throttle_reasons: Option<Vec<String>>,
}

impl GpuUse {
    /// What slowed it that should not: a power cap is how many of them work.
    pub fn slowdowns(&self) -> impl Iterator<Item = &String> {
        self.throttle_reasons.iter().flatten().filter(|reason| reason.contains("slowdown"))
    }

    /// The reasons in one field: `none` where there was none.
    pub fn throttle_words(&self) -> Option<String> {
        let reasons = self.throttle_reasons.as_ref()?;
        Some(if reasons.is_empty() { "none".to_owned() } else { reasons.join("; ") })
    }
}

/// Whose device memory was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemoryBasis {
    /// The worker's own, by the driver's list of processes.
    Process,
    /// All that was in use beyond what was before the run.
    Device,
}

impl MemoryBasis {
    /// The word used in CSV.
    pub fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Device => "device",
        }
    }
}

/// Records of earlier versions have a processor's name alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum Told {
    Name(String),
    Gpu(Gpu),
}

/// Reads processors as records or, in records of earlier versions, as names.
pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Gpu>, D::Error> {
    let told = Vec::<Told>::deserialize(deserializer)?;
    let gpus = told.into_iter().map(|told| match told {
        Told::Name(name) => Gpu { name, ..Gpu::default() },
        Told::Gpu(gpu) => gpu,
    });
    Ok(gpus.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;
    use crate::record::Environment;

    #[test]
    fn names_of_earlier_versions_are_read() {
        let mut environment = serde_json::to_value(Environment::default()).unwrap();
        environment["gpus"] = serde_json::json!(["NVIDIA A100", { "name": "NVIDIA H200", "index": 1 }]);
        environment.as_object_mut().unwrap().remove("no_gpu");
        let read: Environment = serde_json::from_value(environment).unwrap();
        let names: Vec<_> = read.gpus.iter().map(|gpu| (gpu.name.as_str(), gpu.index)).collect();
        assert_eq!(names, [("NVIDIA A100", None), ("NVIDIA H200", Some(1))]);
        assert_eq!(read.gpus[0].summary(), "NVIDIA A100");
        assert_eq!((read.gpus[0].settings(), read.no_gpu), (None, None));
    }

    #[test]
    fn a_processor_in_words() {
        let gpu = example::gpu();
        assert_eq!(
            gpu.summary(),
            "Example GPU, 16.0 GiB, compute capability 9.0, driver 580.95.05 (CUDA 13.0)"
        );
        assert_eq!(
            gpu.settings().unwrap(),
            "SM clock 345 of at most 1980 MHz, memory clock 3201 of at most 3201 MHz, power limit 700 W, \
             persistence mode on, MIG off"
        );
    }

    #[test]
    fn no_reason_is_told_from_an_unknown_one() {
        let words = |reasons| GpuUse { throttle_reasons: reasons, ..GpuUse::default() }.throttle_words();
        assert_eq!(words(None), None);
        assert_eq!(words(Some(Vec::new())).as_deref(), Some("none"));
        let two = vec!["power cap".to_owned(), "hardware slowdown".to_owned()];
        assert_eq!(words(Some(two)).as_deref(), Some("power cap; hardware slowdown"));
    }
}
