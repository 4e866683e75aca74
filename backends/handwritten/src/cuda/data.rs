//! The data set on the device: uploaded once, when a session is opened.

use trainmark_plugin::{Error, Samples};

use super::device::{Address, Device};

/// One split.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DeviceSamples {
    /// `count × channels·height·width` bytes.
    pub(crate) pixels: Address,
    /// `count` bytes.
    pub(crate) labels: Address,
}

impl DeviceSamples {
    /// # Errors
    /// `out of memory`.
    pub(crate) fn upload(device: &dyn Device, samples: Samples<'_>) -> Result<Self, Error> {
        Ok(Self {
            pixels: device.allocate_with(samples.pixels)?,
            labels: device.allocate_with(samples.labels)?,
        })
    }
}
