//! What a backend's `describe` gives, as JSON from Python's side of the bridge.

use serde::Deserialize;
use trainmark_plugin::{Description, Device, Error, Implementation, RunningVariance};

use crate::answer::Answer;
use crate::interpreter::Interpreter;

/// `trainmark.Description`
#[derive(Deserialize)]
struct Described {
    framework: String,
    implementations: Vec<DescribedImplementation>,
    devices: Vec<DescribedDevice>,
    notes: Vec<String>,
}

/// `trainmark.Implementation`
#[derive(Deserialize)]
struct DescribedImplementation {
    name: String,
    running_variance: Convention,
    summary: String,
}

/// `trainmark.Implementation.running_variance`
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Convention {
    UnbiasedFromOne,
    BiasedFromZero,
    BiasedFromOne,
}

/// `trainmark.Device`
#[derive(Deserialize)]
struct DescribedDevice {
    id: String,
    unavailable: Option<String>,
    adapter: Option<String>,
    is_software: bool,
}

/// Asks the backend.
///
/// # Errors
/// The backend's own.
pub(crate) fn ask(interpreter: &Interpreter) -> Result<Description, Error> {
    let lock = interpreter.lock();
    let answer = Answer::of(interpreter.bridge(&lock)?.call(c"describe", vec![])?)?;
    let described: Described = serde_json::from_str(&answer.value()?.as_text()?)
        .map_err(|error| Error::failed(format!("the bridge cannot read what describe() gives: {error}")))?;
    Ok(Description::from(described).with_notes(interpreter.caveat.clone()))
}

impl From<Described> for Description {
    fn from(described: Described) -> Self {
        Self::new(described.framework)
            .with_implementations(described.implementations.into_iter().map(Implementation::from))
            .with_devices(described.devices.into_iter().map(Device::from))
            .with_notes(described.notes)
    }
}

impl From<DescribedImplementation> for Implementation {
    fn from(described: DescribedImplementation) -> Self {
        let convention = match described.running_variance {
            Convention::UnbiasedFromOne => RunningVariance::UnbiasedFromOne,
            Convention::BiasedFromZero => RunningVariance::BiasedFromZero,
            Convention::BiasedFromOne => RunningVariance::BiasedFromOne,
        };
        Self::new(described.name, convention, described.summary)
    }
}

impl From<DescribedDevice> for Device {
    fn from(described: DescribedDevice) -> Self {
        let mut device = Self::available(described.id);
        device.unavailable = described.unavailable;
        device.adapter = described.adapter;
        device.is_software = described.is_software;
        device
    }
}
