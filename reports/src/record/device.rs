//! What a cell computes on.

use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

/// A device by the name that frameworks and command lines give it: `cpu`, `cuda:0`, `wgpu:0`, …, in
/// files as it was written. Ask it what it is; two spellings may be the same kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Device(String);

impl Device {
    /// The kind of the processor.
    pub const CPU: &'static str = "cpu";
    /// The kind of NVIDIA's graphics processors.
    pub const CUDA: &'static str = "cuda";

    /// The processor.
    pub fn cpu() -> Self {
        Self(Self::CPU.to_owned())
    }

    /// NVIDIA's graphics processor of this number among the visible ones.
    pub fn cuda(number: usize) -> Self {
        Self(format!("{}:{number}", Self::CUDA))
    }

    /// `cuda` of `cuda:0`.
    pub fn kind(&self) -> &str {
        self.0.split_once(':').map_or(&*self.0, |(kind, _)| kind)
    }

    /// Whether it is the processor, numbered (`cpu:0`) or not.
    pub fn is_cpu(&self) -> bool {
        self.kind() == Self::CPU
    }

    /// Whether it is one of NVIDIA's graphics processors, numbered or not.
    pub fn is_cuda(&self) -> bool {
        self.kind() == Self::CUDA
    }

    /// Its number among NVIDIA's visible graphics processors: 0 of `cuda:0`.
    pub fn cuda_number(&self) -> Option<usize> {
        let (Self::CUDA, number) = self.0.split_once(':')? else { return None };
        // Not `+1` or `01`, which no framework calls a device.
        number.parse().ok().filter(|parsed: &usize| parsed.to_string() == number)
    }

    /// Whether a command line's word means it: its name, or its kind for all of that kind.
    pub fn is_meant_by(&self, word: &str) -> bool {
        word == self.0 || word == self.kind()
    }
}

impl From<&str> for Device {
    fn from(name: &str) -> Self {
        Self(name.to_owned())
    }
}

impl From<String> for Device {
    fn from(name: String) -> Self {
        Self(name)
    }
}

impl Deref for Device {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_knows_what_it_is() {
        let of = |name: &str| {
            let device = Device::from(name);
            (device.is_cpu(), device.is_cuda(), device.cuda_number())
        };
        assert_eq!((of("cpu"), of("cpu:0")), ((true, false, None), (true, false, None)));
        assert_eq!((of("cuda:1"), of("cuda")), ((false, true, Some(1)), (false, true, None)));
        assert_eq!((of("cuda:+1"), of("cuda:01")), ((false, true, None), (false, true, None)));
        assert_eq!((of("wgpu:0"), Device::from("wgpu:0").kind()), ((false, false, None), "wgpu"));
        assert_eq!((of("cudalike:0"), of("tpu:7")), ((false, false, None), (false, false, None)));
        assert_eq!(Device::cuda(3), Device::from("cuda:3"));
    }

    #[test]
    fn a_kind_means_every_device_of_it() {
        assert!(Device::cuda(1).is_meant_by("cuda") && Device::cuda(1).is_meant_by("cuda:1"));
        assert!(!Device::cuda(1).is_meant_by("cuda:0") && !Device::cuda(10).is_meant_by("cuda:1"));
    }

    #[test]
    fn in_files_it_is_as_it_was_written() {
        let text = serde_json::to_string(&Device::from("cpu:0")).unwrap();
        assert_eq!(text, "\"cpu:0\"");
        assert_eq!(serde_json::from_str::<Device>(&text).unwrap(), Device::from("cpu:0"));
    }
}
