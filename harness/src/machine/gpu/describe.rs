//! A graphics processor as a record.

use nvml_wrapper::enum_wrappers::device::Clock;
use nvml_wrapper::{Device, Nvml, cuda_driver_version_major, cuda_driver_version_minor};
use trainmark_reports::record::Gpu;
use trainmark_reports::text::one_line;

/// Everything that the driver says of a processor; what it does not say is absent.
pub(super) fn gpu(nvml: &Nvml, device: &Device<'_>, id: String) -> Gpu {
    let cuda = nvml.sys_cuda_driver_version().ok();
    let cuda = cuda.map(|version| {
        format!("{}.{}", cuda_driver_version_major(version), cuda_driver_version_minor(version))
    });
    let capability = device.cuda_compute_capability().ok();
    Gpu {
        device: Some(id),
        index: device.index().ok(),
        name: one_line(&device.name().unwrap_or_else(|_| "unknown GPU".to_owned())),
        uuid: device.uuid().ok(),
        memory_bytes: device.memory_info().ok().map(|memory| memory.total),
        compute_capability: capability.map(|it| format!("{}.{}", it.major, it.minor)),
        driver: nvml.sys_driver_version().ok(),
        cuda,
        sm_clock_mhz: device.clock_info(Clock::SM).ok(),
        max_sm_clock_mhz: device.max_clock_info(Clock::SM).ok(),
        memory_clock_mhz: device.clock_info(Clock::Memory).ok(),
        max_memory_clock_mhz: device.max_clock_info(Clock::Memory).ok(),
        power_limit_watts: device.enforced_power_limit().ok().map(|milliwatts| f64::from(milliwatts) / 1e3),
        persistence_mode: persistence_mode(device),
        mig_mode: mig_mode(device),
    }
}

#[cfg(target_os = "linux")]
fn persistence_mode(device: &Device<'_>) -> Option<bool> {
    device.is_in_persistent_mode().ok()
}

#[cfg(not(target_os = "linux"))]
fn persistence_mode(_device: &Device<'_>) -> Option<bool> {
    None
}

fn mig_mode(device: &Device<'_>) -> Option<bool> {
    device.mig_mode().ok().map(|mode| mode.current != 0)
}
