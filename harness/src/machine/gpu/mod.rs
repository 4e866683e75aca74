//! The NVIDIA graphics processors of this machine, by the driver's management library (NVML),
//! which is loaded when it is first needed and never linked to.
//!
//! NVML numbers all processors by their place on the bus and knows nothing of
//! `CUDA_VISIBLE_DEVICES`; frameworks number the visible ones, the fastest first unless
//! `CUDA_DEVICE_ORDER` says otherwise. So workers are started with
//! `CUDA_DEVICE_ORDER=PCI_BUS_ID`, and `visible` maps each entry of the variable to its
//! processor: `cuda:0` is the first visible one, for the harness and for every backend.

mod describe;
pub mod driver;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};
use trainmark_reports::record::{self, Gpu};

use crate::machine;
use driver::DriverFolders;
pub use watch::RunWatch;

/// The library's name as the driver installs it; the loader searches for it, which
/// `LD_LIBRARY_PATH` can direct. Where it finds none the driver's known folders are looked into.
const LIBRARY: &str = "libnvidia-ml.so.1";

/// The variable that chooses and orders devices.
const VISIBLE: &str = "CUDA_VISIBLE_DEVICES";

/// What was found: processors in the order of their devices, or why there is none.
pub struct Found {
    nvml: Option<Nvml>,
    /// NVML's number or identifier of each visible processor.
    handles: Vec<Handle>,
    /// The same, described.
    pub gpus: Vec<Gpu>,
    /// Why there is none, where there is none.
    pub none: Option<NoGpu>,
    /// `CUDA_VISIBLE_DEVICES`, where it is set.
    pub visible: Option<String>,
}

/// Why no graphics processor can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoGpu {
    /// Such as `no NVIDIA driver`.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

impl NoGpu {
    fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: remedy.into() }
    }
}

impl std::fmt::Display for NoGpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}; {}", self.what, self.remedy)
    }
}

/// How NVML is asked for a processor.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Handle {
    /// By its number.
    Index(u32),
    /// By an identifier that is none of a whole processor, such as `MIG-…`.
    Identifier(String),
}

/// The processors of this machine, looked for once per process.
pub fn found() -> &'static Found {
    static FOUND: OnceLock<Found> = OnceLock::new();
    FOUND.get_or_init(|| Found::look(std::env::var(VISIBLE).ok()))
}

impl Found {
    fn look(visible: Option<String>) -> Self {
        match Self::ask(visible.as_deref()) {
            Ok((nvml, handles)) => {
                let described = (0..).zip(&handles);
                let gpus = described.map(|(place, handle)| describe(&nvml, place, handle)).collect();
                Self { nvml: Some(nvml), handles, gpus, none: None, visible }
            }
            Err(none) => {
                Self { nvml: None, handles: Vec::new(), gpus: Vec::new(), none: Some(none), visible }
            }
        }
    }

    /// The library, and the visible processors, of which there is one at least.
    fn ask(visible: Option<&str>) -> Result<(Nvml, Vec<Handle>), NoGpu> {
        let names = DriverFolders::below(machine::root()).names_of(LIBRARY);
        let nvml = begin(&names).map_err(|error| no_library(&error))?;
        let uuids = uuids(&nvml).map_err(|error| unanswered(&error))?;
        if uuids.is_empty() {
            return Err(no_device());
        }
        let all = || (0..uuids.len() as u32).map(Handle::Index).collect();
        let handles = visible.map_or_else(all, |listed| self::visible(listed, &uuids));
        if handles.is_empty() {
            return Err(hidden(visible.unwrap_or_default()));
        }
        Ok((nvml, handles))
    }

    /// The processor that is a device such as `cuda:0`, to be asked.
    pub fn device(&self, id: &str) -> Option<Device<'_>> {
        self.open(id)?.ok()
    }

    fn open(&self, id: &str) -> Option<Result<Device<'_>, NvmlError>> {
        let number = record::Device::from(id).cuda_number()?;
        Some(self.handles.get(number)?.open(self.nvml.as_ref()?))
    }

    /// Why a device cannot be computed on any more, where the driver says so. A device that is
    /// no graphics processor is never lost.
    pub fn lost(&self, id: &str) -> Option<String> {
        match self.open(id)?.and_then(|device| device.memory_info()) {
            Err(error @ (NvmlError::GpuLost | NvmlError::ResetRequired)) => Some(format!(
                "{id} is lost, says the driver ({error}); ask the machine's owner to reset it, or use another \
                 device or machine"
            )),
            _ => None,
        }
    }
}

impl Handle {
    fn open<'n>(&self, nvml: &'n Nvml) -> Result<Device<'n>, NvmlError> {
        match self {
            Self::Index(index) => nvml.device_by_index(*index),
            Self::Identifier(identifier) => nvml.device_by_uuid(identifier.as_str()),
        }
    }
}

/// Begins with the first of these libraries that loads.
fn begin(names: &[PathBuf]) -> Result<Nvml, NvmlError> {
    let mut answer = Err(NvmlError::NotFound);
    for name in names {
        answer = Nvml::builder().lib_path(name.as_ref()).init();
        if !matches!(answer, Err(NvmlError::LibloadingError(_))) {
            break;
        }
    }
    answer
}

fn describe(nvml: &Nvml, place: usize, handle: &Handle) -> Gpu {
    let device = record::Device::cuda(place).to_string();
    match handle.open(nvml) {
        Ok(opened) => describe::gpu(nvml, &opened, device),
        Err(_) => Gpu { device: Some(device), name: "unknown GPU".to_owned(), ..Gpu::default() },
    }
}

/// Identifier of every processor, by number; empty where it has none to tell.
fn uuids(nvml: &Nvml) -> Result<Vec<String>, NvmlError> {
    let uuid = |index| nvml.device_by_index(index).and_then(|device| device.uuid()).unwrap_or_default();
    Ok((0..nvml.device_count()?).map(uuid).collect())
}

/// The processors that a list such as `1,0` or `GPU-8f3a,2` makes visible, in its order.
///
/// As the CUDA driver reads it: a number, or the beginning of one identifier; the first entry
/// that is neither, or that was there before, ends the list.
fn visible(listed: &str, uuids: &[String]) -> Vec<Handle> {
    let mut handles: Vec<Handle> = Vec::new();
    for entry in listed.split(',').map(str::trim) {
        match handle(entry, uuids) {
            Some(handle) if !handles.contains(&handle) => handles.push(handle),
            _ => break,
        }
    }
    handles
}

fn handle(entry: &str, uuids: &[String]) -> Option<Handle> {
    if let Ok(index) = entry.parse::<u32>() {
        return ((index as usize) < uuids.len()).then_some(Handle::Index(index));
    }
    if entry.is_empty() {
        return None;
    }
    if entry.starts_with("MIG-") {
        return Some(Handle::Identifier(entry.to_owned()));
    }
    let mut matching = (0..).zip(uuids).filter(|(_, uuid)| uuid.starts_with(entry));
    let (index, _) = matching.next()?;
    matching.next().is_none().then_some(Handle::Index(index))
}

/// What it means that the library cannot be loaded or begun.
fn no_library(error: &NvmlError) -> NoGpu {
    let is_loaded = Path::new("/proc/driver/nvidia/version").exists();
    match error {
        NvmlError::LibloadingError(_) if is_loaded => NoGpu::new(
            format!("the NVIDIA driver is loaded, but its library {LIBRARY} is not to be found"),
            "in a container, start it with the driver's `utility` capability",
        ),
        NvmlError::LibloadingError(_) => NoGpu::new("no NVIDIA driver", "install it, or use --device cpu"),
        NvmlError::DriverNotLoaded => NoGpu::new(
            "the NVIDIA driver is installed but not loaded",
            "ask the machine's owner to load it (`modprobe nvidia`), or use --device cpu",
        ),
        NvmlError::LibRmVersionMismatch => NoGpu::new(
            "the NVIDIA driver's library and kernel module are of two versions",
            "restart the machine, or use --device cpu",
        ),
        error => unanswered(error),
    }
}

fn unanswered(error: &NvmlError) -> NoGpu {
    NoGpu::new(
        format!("the NVIDIA driver does not answer ({error})"),
        "see whether `nvidia-smi` works, or use --device cpu",
    )
}

fn no_device() -> NoGpu {
    NoGpu::new(
        "the NVIDIA driver is loaded, but there is no GPU",
        "see whether `nvidia-smi` lists one, or use --device cpu",
    )
}

fn hidden(listed: &str) -> NoGpu {
    NoGpu::new(format!("{VISIBLE}={listed} hides every GPU"), format!("unset {VISIBLE}, or use --device cpu"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visible_devices_are_mapped_in_the_order_of_the_list() {
        let uuids = ["GPU-aa11", "GPU-aa22", "GPU-bb33"].map(str::to_owned);
        let places = |listed: &str| -> Vec<u32> {
            let index = |handle| match handle {
                Handle::Index(index) => index,
                Handle::Identifier(identifier) => panic!("{identifier}"),
            };
            visible(listed, &uuids).into_iter().map(index).collect()
        };
        assert_eq!(places("2,0"), [2, 0]);
        assert_eq!(places("GPU-bb, GPU-aa22"), [2, 1]);
        assert_eq!(places("1,GPU-aa11"), [1, 0]);
        let none: [u32; 0] = [];
        assert_eq!(places(""), none);
        assert_eq!(places("-1"), none);
        assert_eq!(places("GPU-aa"), none, "the beginning of two");
        assert_eq!(places("0,3,1"), [0], "the first that is not there ends the list");
        assert_eq!(places("1,1,2"), [1]);
        let instance = Handle::Identifier("MIG-cc44".to_owned());
        assert_eq!(visible("MIG-cc44,0", &uuids), [instance, Handle::Index(0)]);
    }

    #[test]
    fn a_library_that_loads_nowhere_is_no_driver_and_one_that_does_not_answer_is() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join(LIBRARY);
        std::fs::write(&text, "no library").unwrap();
        let nowhere = begin(&["/no/where/libnvidia-ml.so.1".into(), text]);
        assert!(matches!(nowhere, Err(NvmlError::LibloadingError(_))));
        if cfg!(target_os = "linux") {
            // A library that loads and is none of the driver's is the one that was found.
            let other =
                begin(&["/no/where/libnvidia-ml.so.1".into(), "libm.so.6".into(), "/no/where".into()]);
            assert!(matches!(other, Err(NvmlError::FailedToLoadSymbol(_))));
        }
    }

    #[test]
    fn every_reason_has_a_remedy() {
        let reasons = [NvmlError::DriverNotLoaded, NvmlError::LibRmVersionMismatch, NvmlError::NoPermission]
            .map(|error| no_library(&error).to_string());
        assert!(
            reasons[0].starts_with(
                "the NVIDIA driver is installed but not loaded; ask the machine's owner to load it"
            ),
            "{reasons:?}"
        );
        assert!(reasons[1].contains("are of two versions; restart"), "{reasons:?}");
        assert!(reasons[2].contains("does not answer (") && reasons[2].contains("nvidia-smi"), "{reasons:?}");
        assert_eq!(
            hidden("").to_string(),
            "CUDA_VISIBLE_DEVICES= hides every GPU; unset CUDA_VISIBLE_DEVICES, or use --device cpu"
        );
    }
}
