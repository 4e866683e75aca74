//! What backends on NVIDIA's GPUs share (feature `cuda`): which GPUs there are, why one cannot
//! be used, and what an error of CUDA's means.
//!
//! The driver is opened when it is asked for. Nothing is linked with it: a plugin that is loads
//! only where there is a driver, and cannot say that there is none.

use std::ffi::{CStr, c_char, c_int, c_uint};

use libloading::Library;

use crate::{Device, Error, ErrorKind};

/// The name under which the harness lets the loader find the driver.
const LIBRARY: &str = "libcuda.so.1";

/// The NVIDIA driver, started. It shows this process at least one GPU.
#[derive(Debug)]
pub struct Driver {
    entries: Entries,
    version: u32,
    device_count: u32,
}

impl Driver {
    /// Starts the driver, which must serve this major version of CUDA: the one that the backend
    /// is built with. Creates nothing on a GPU.
    ///
    /// # Errors
    /// `device`: why no GPU can be used and what to do, in one line.
    pub fn start(cuda: u32) -> Result<Self, Error> {
        Self::open(LIBRARY, cuda).map_err(|error| Error::device(error.message))
    }

    fn open(library: &str, cuda: u32) -> Result<Self, Error> {
        let entries = Entries::open(library)?;
        let version = entries.number(entries.driver_version, "asking the NVIDIA driver's version")?;
        let mut driver = Self { entries, version, device_count: 0 };
        if version / 1000 < cuda {
            let served = driver.cuda();
            return Err(Error::device(format!(
                "the NVIDIA driver is too old: it serves CUDA {served}, this backend needs {cuda}; update the driver"
            )));
        }
        // SAFETY: 0 is the only flag that there is.
        entries.check(unsafe { (entries.init)(0) }, "starting the NVIDIA driver")?;
        driver.device_count = entries.number(entries.device_count, "counting the GPUs")?;
        match driver.device_count {
            0 => Err(Error::device(format!("the NVIDIA driver shows no GPU{LISTED}"))),
            _ => Ok(driver),
        }
    }

    /// GPUs that it shows this process (`CUDA_VISIBLE_DEVICES` hides some), at least 1.
    pub fn device_count(&self) -> usize {
        self.device_count as usize
    }

    /// Newest CUDA that it serves, such as `13.0`.
    pub fn cuda(&self) -> String {
        format!("{}.{}", self.version / 1000, self.version % 1000 / 10)
    }

    /// Compute capability of the GPU `cuda:<ordinal>`, ten times the major plus the minor
    /// version: 90 is 9.0.
    ///
    /// # Errors
    /// Where there is no such GPU, or the driver does not describe it.
    pub fn compute_capability(&self, ordinal: usize) -> Result<u32, Error> {
        const MAJOR: c_int = 75;
        const MINOR: c_int = 76;
        let ordinal = c_int::try_from(ordinal).unwrap_or(c_int::MAX);
        let device = |place: *mut c_int| {
            // SAFETY: the driver has started, and writes the handle of a device that there is.
            unsafe { (self.entries.device)(place, ordinal) }
        };
        let device = self.entries.written(device, "finding the GPU")?;
        let version = |attribute: c_int| {
            // SAFETY: the device is the driver's own.
            let ask = |place: *mut c_int| unsafe { (self.entries.attribute)(place, attribute, device) };
            self.entries.written(ask, "asking what the GPU can do")
        };
        Ok((10 * version(MAJOR)? + version(MINOR)?).unsigned_abs())
    }
}

/// The GPUs for a description: all that the driver shows, or one that says why there is none.
/// `fits` says why a GPU of a [compute capability](Driver::compute_capability) cannot be used.
pub fn devices(driver: Result<Driver, Error>, fits: impl Fn(u32) -> Result<(), String>) -> Vec<Device> {
    match driver {
        Ok(driver) => (0..driver.device_count())
            .map(|ordinal| {
                let capability = driver.compute_capability(ordinal).map_err(|error| error.message);
                let unavailable = capability.and_then(&fits).err();
                Device { unavailable, ..Device::available(format!("cuda:{ordinal}")) }
            })
            .collect(),
        Err(error) => vec![Device::unavailable("cuda:0", error.message)],
    }
}

/// 1 of `cuda:1`.
pub fn ordinal(id: &str) -> Option<usize> {
    let digits = id.strip_prefix("cuda:")?;
    digits.parse().ok().filter(|number: &usize| number.to_string() == digits)
}

/// Refuses a GPU on which kernels do not run that were compiled for a compute capability, given
/// as `CUDA_COMPUTE_CAP` gives it. `runs` is asked with that and the GPU's.
///
/// # Errors
/// Why not, and what to do.
pub fn check_kernels(compiled: &str, capability: u32, runs: fn(u32, u32) -> bool) -> Result<(), String> {
    match compiled.parse() {
        Ok(number) if !runs(number, capability) => Err(format!(
            "the device's compute capability is {capability}, the kernels are compiled for {compiled}; build again \
             on this machine, or with CUDA_COMPUTE_CAP={capability}"
        )),
        _ => Ok(()),
    }
}

/// The error that a framework reports in words which name one of CUDA's: of its kind, and with
/// what to do next. What names none is `failed`.
pub fn error(words: impl Into<String>) -> Error {
    let mut message = words.into();
    let known = KNOWN.iter().find(|known| known.names.iter().any(|name| message.contains(name)));
    let kind = known.map_or(ErrorKind::Failed, |known| {
        message.push_str(known.advice);
        known.kind
    });
    Error::new(kind, message)
}

/// Errors that are not those of one call.
struct Known {
    names: &'static [&'static str],
    kind: ErrorKind,
    advice: &'static str,
}

const LISTED: &str = "; `nvidia-smi -L` lists them, CUDA_VISIBLE_DEVICES hides some";

const KNOWN: [Known; 7] = [
    Known {
        names: &["CUDA_ERROR_OUT_OF_MEMORY", "CUBLAS_STATUS_ALLOC_FAILED"],
        kind: ErrorKind::OutOfMemory,
        advice: "; use smaller batches, or end what else holds the GPU's memory (see nvidia-smi)",
    },
    Known {
        names: &["CUDA_ERROR_UNSUPPORTED_PTX_VERSION"],
        kind: ErrorKind::Device,
        advice: "; the NVIDIA driver is older than this backend's CUDA: update it",
    },
    Known {
        names: &["CUDA_ERROR_NO_BINARY_FOR_GPU", "CUDA_ERROR_INVALID_PTX"],
        kind: ErrorKind::Device,
        advice: "; build the backend again on this machine: its GPU is not what the kernels are for",
    },
    Known {
        names: &["CUDA_ERROR_NO_DEVICE", "CUDA_ERROR_INVALID_DEVICE"],
        kind: ErrorKind::Device,
        advice: LISTED,
    },
    Known {
        names: &["CUDA_ERROR_DEVICE_UNAVAILABLE"],
        kind: ErrorKind::Device,
        advice: "; another process holds the GPU alone: wait for it, or use another (see nvidia-smi)",
    },
    Known {
        names: &[
            "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH",
            "CUDA_ERROR_SYSTEM_NOT_READY",
            "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE",
        ],
        kind: ErrorKind::Device,
        advice: "; the driver was changed while loaded, or has not started: restart the machine",
    },
    Known {
        names: &[
            "CUDA_ERROR_ECC_UNCORRECTABLE",
            "CUDA_ERROR_NVLINK_UNCORRECTABLE",
            "CUDA_ERROR_HARDWARE_STACK_ERROR",
            "CUDA_ERROR_MPS_CONNECTION_FAILED",
            "CUDA_ERROR_LAUNCH_FAILED",
            "CUDA_ERROR_UNKNOWN",
        ],
        kind: ErrorKind::Device,
        advice: "; the GPU is lost to this process: see nvidia-smi and the kernel's log (dmesg)",
    },
];

type Number = unsafe extern "C" fn(*mut c_int) -> c_int;
type Words = unsafe extern "C" fn(c_int, *mut *const c_char) -> c_int;

/// Functions of the driver's API, which answer with a `CUresult`.
#[derive(Debug, Clone, Copy)]
struct Entries {
    init: unsafe extern "C" fn(c_uint) -> c_int,
    driver_version: Number,
    device_count: Number,
    device: unsafe extern "C" fn(*mut c_int, c_int) -> c_int,
    attribute: unsafe extern "C" fn(*mut c_int, c_int, c_int) -> c_int,
    error_name: Words,
    error_words: Words,
}

impl Entries {
    fn open(library: &str) -> Result<Self, Error> {
        // SAFETY: by this name it is the driver's library.
        let library = unsafe { Library::new(library) }.map_err(|_| {
            Error::device(format!("no NVIDIA driver: {LIBRARY} is not found; install the driver"))
        })?;
        // SAFETY: these functions have these signatures in every version of the API.
        let entries = unsafe { Self::of(&library) }.map_err(|_| {
            Error::device(format!("the NVIDIA driver's {LIBRARY} lacks a function; install it anew"))
        })?;
        // It stays loaded: it has started threads, and the functions are its own.
        std::mem::forget(library);
        Ok(entries)
    }

    /// # Safety
    /// It is the driver's library.
    unsafe fn of(library: &Library) -> Result<Self, libloading::Error> {
        // SAFETY: as the caller says.
        unsafe {
            Ok(Self {
                init: *library.get("cuInit")?,
                driver_version: *library.get("cuDriverGetVersion")?,
                device_count: *library.get("cuDeviceGetCount")?,
                device: *library.get("cuDeviceGet")?,
                attribute: *library.get("cuDeviceGetAttribute")?,
                error_name: *library.get("cuGetErrorName")?,
                error_words: *library.get("cuGetErrorString")?,
            })
        }
    }

    fn number(&self, function: Number, doing: &str) -> Result<u32, Error> {
        // SAFETY: each of these functions writes one int.
        self.written(|place| unsafe { function(place) }, doing).map(c_int::unsigned_abs)
    }

    /// What a function writes into the place that it is given.
    fn written(&self, function: impl FnOnce(*mut c_int) -> c_int, doing: &str) -> Result<c_int, Error> {
        let mut number = 0;
        self.check(function(&raw mut number), doing)?;
        Ok(number)
    }

    fn check(&self, answer: c_int, doing: &str) -> Result<(), Error> {
        if answer == 0 {
            return Ok(());
        }
        let name = self.words(self.error_name, answer).unwrap_or_else(|| format!("error {answer}"));
        let words = self.words(self.error_words, answer).unwrap_or_else(|| "it gives no reason".into());
        Err(error(format!("{doing}: {name} ({words})")))
    }

    fn words(&self, function: Words, answer: c_int) -> Option<String> {
        let mut text = std::ptr::null();
        // SAFETY: it writes null or the address of a C string of the driver's own.
        let status = unsafe { function(answer, &raw mut text) };
        // SAFETY: not null, and static.
        (status == 0 && !text.is_null())
            .then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Starts a driver of these few lines of C that serves CUDA 13.0.
    fn start(init: i32, count: i32, cuda: u32) -> Result<Driver, Error> {
        let folder = tempfile::tempdir().unwrap();
        let (source, library) = (folder.path().join("fake.c"), folder.path().join("libfake.so"));
        let text = format!(
            "int cuInit(unsigned flags) {{ return flags ? 1 : {init}; }}\n\
             int cuDriverGetVersion(int *version) {{ *version = 13000; return 0; }}\n\
             int cuDeviceGetCount(int *count) {{ *count = {count}; return 0; }}\n\
             int cuDeviceGet(int *device, int ordinal) {{ *device = 7 + ordinal; return ordinal < {count} ? 0 : 101; }}\n\
             int cuDeviceGetAttribute(int *value, int attribute, int device)\n\
             {{ *value = attribute == 75 ? device + 2 : attribute == 76 ? 5 : -1; return 0; }}\n\
             int cuGetErrorName(int error, const char **text)\n\
             {{ *text = error == 101 ? \"CUDA_ERROR_INVALID_DEVICE\" : 0; return 0; }}\n\
             int cuGetErrorString(int error, const char **text) {{ *text = \"it is asleep\"; return error == 5; }}\n"
        );
        std::fs::write(&source, text).unwrap();
        let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).status();
        assert!(built.unwrap().success());
        Driver::open(library.to_str().unwrap(), cuda)
    }

    #[test]
    fn a_driver_is_asked_and_its_failures_are_reasons() {
        let driver = start(0, 2, 13).unwrap();
        assert_eq!((driver.device_count(), driver.cuda()), (2, "13.0".into()));
        assert_eq!(driver.compute_capability(1).unwrap(), 105);
        let absent = driver.compute_capability(2).unwrap_err();
        assert_eq!(
            absent.message,
            format!("finding the GPU: CUDA_ERROR_INVALID_DEVICE (it is asleep){LISTED}")
        );
        let reason = |started: Result<Driver, Error>| started.unwrap_err().message;
        assert_eq!(reason(start(0, 0, 13)), format!("the NVIDIA driver shows no GPU{LISTED}"));
        assert_eq!(reason(start(999, 1, 13)), "starting the NVIDIA driver: error 999 (it is asleep)");
        assert_eq!(reason(start(5, 1, 13)), "starting the NVIDIA driver: error 5 (it gives no reason)");
        assert_eq!(
            reason(start(0, 1, 14)),
            "the NVIDIA driver is too old: it serves CUDA 13.0, this backend needs 14; update the driver"
        );
        let absent = reason(Driver::open("libcuda.so.of-no-one", 13));
        assert!(absent.starts_with("no NVIDIA driver: "), "{absent}");
    }

    #[test]
    fn every_gpu_is_listed_or_one_that_says_why_there_is_none() {
        let fits =
            |capability| check_kernels("100", capability, |compiled, capability| compiled <= capability);
        let listed = devices(start(0, 2, 13), fits);
        let old = "the device's compute capability is 95, the kernels are compiled for 100; build again on this \
                   machine, or with CUDA_COMPUTE_CAP=95";
        assert_eq!(listed, [Device::unavailable("cuda:0", old), Device::available("cuda:1")]);
        let none = devices(Err(Error::device("there is none")), fits);
        assert_eq!(none, [Device::unavailable("cuda:0", "there is none")]);
    }

    #[test]
    fn an_ordinal_is_written_in_one_way() {
        assert_eq!([ordinal("cuda:0"), ordinal("cuda:12")], [Some(0), Some(12)]);
        for other in ["cpu", "cuda", "cuda:", "cuda:01", "cuda:+1", "cuda:-1", "cuda:0 "] {
            assert_eq!(ordinal(other), None, "{other}");
        }
    }

    #[test]
    fn errors_are_told_apart_by_their_names() {
        let memory = error("DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")");
        assert_eq!(memory.kind, ErrorKind::OutOfMemory);
        assert!(memory.message.contains("\"); use smaller batches"), "{memory}");
        let old = error("DriverError(CUDA_ERROR_UNSUPPORTED_PTX_VERSION, \"…\") when loading affine");
        assert_eq!(old.kind, ErrorKind::Device);
        assert!(old.message.ends_with(": update it"), "{old}");
        let wrong = "DriverError(CUDA_ERROR_INVALID_VALUE, \"…\")";
        assert_eq!(error(wrong), Error::failed(wrong));
    }
}
