//! Which of the devices that were asked for this machine has.
//!
//! Graphics processors are the driver's to tell of, before anything is built: without one no
//! library is built or loaded that serves nothing else. Devices that nobody named are then
//! left out in one line; one that was named is a row with the reason.

use anyhow::bail;
use trainmark_reports::record::{Device, Unavailable};

use super::Preparer;
use super::wanted::Wanted;
use crate::bench::event::Happening;
use crate::machine::gpu::{self, Found, NoGpu};
use crate::registry::Library;

/// Why a device or kind of device cannot be used on this machine, whatever the backend.
pub(super) fn missing(device: &str) -> Option<&'static NoGpu> {
    if Device::from(device).is_cuda() { gpu::found().none.as_ref() } else { None }
}

impl Preparer<'_> {
    /// Refuses a graphics processor that this machine does not have while it has others, and
    /// tells of every selected library that waits for one where there is none.
    ///
    /// # Errors
    /// Naming the device, and those that there are.
    pub(super) fn check_devices(&mut self, wanted: &[Wanted<'_>]) -> anyhow::Result<()> {
        let found = gpu::found();
        for one in wanted.iter().filter(|one| one.backend.libraries.iter().any(is_built_for_gpus)) {
            match &found.none {
                None => check_number(&one.gpus(), found)?,
                Some(_) => self.leave_out(one, Device::CUDA)?,
            }
        }
        Ok(())
    }

    /// Notes that a backend's device is not run for want of a graphics processor: as a row where
    /// it was named, else in one line for all.
    pub(super) fn leave_out(&mut self, wanted: &Wanted<'_>, device: &str) -> anyhow::Result<()> {
        let Some(none) = missing(device) else { return Ok(()) };
        let gpus = wanted.gpus();
        let device = if gpus.is_empty() { device.to_owned() } else { gpus.join(",") };
        let row = Unavailable {
            backend: wanted.backend.name.clone(),
            device: Some(device),
            reason: none.to_string(),
        };
        if !gpus.is_empty() {
            return self.add_unavailable(row);
        }
        if !wanted.devices().is_empty() || self.left_out.contains(&row) {
            return Ok(());
        }
        if self.left_out.is_empty() {
            self.sink.hear(Happening::Note(&format!("{}: only the CPU is used", none.what)))?;
        }
        self.left_out.push(row);
        Ok(())
    }
}

fn is_built_for_gpus(library: &Library) -> bool {
    matches!(library, Library::Built(_)) && library.serves(Device::CUDA)
}

fn check_number(named: &[&str], found: &Found) -> anyhow::Result<()> {
    let devices: Vec<(&str, &str)> =
        found.gpus.iter().filter_map(|gpu| Some((gpu.device.as_deref()?, gpu.name.as_str()))).collect();
    for wanted in named {
        if *wanted != Device::CUDA && !devices.iter().any(|(device, _)| device == wanted) {
            let there: Vec<String> =
                devices.iter().map(|(device, name)| format!("{device} ({name})")).collect();
            let visible = found.visible.as_ref().map_or_else(String::new, |listed| {
                format!(", of those that CUDA_VISIBLE_DEVICES={listed} makes visible")
            });
            bail!("no device {wanted}: there is {}{visible}", there.join(", "));
        }
    }
    Ok(())
}
