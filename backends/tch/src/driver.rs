//! What the NVIDIA driver says of itself, asked without libtorch, whose part for CUDA
//! takes seconds to load.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::ptr::NonNull;

use crate::library::Library;

/// The driver's library: where the loader looks, then where containers and WSL keep it.
/// Once it is loaded, libtorch finds it by its name.
const LIBRARIES: [&CStr; 3] =
    [c"libcuda.so.1", c"/usr/local/nvidia/lib64/libcuda.so.1", c"/usr/lib/wsl/lib/libcuda.so.1"];

/// `CUDA_ERROR_NO_DEVICE` of `cuInit`.
const NO_DEVICE: c_int = 100;

/// A driver that works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Driver {
    /// Devices that it shows this process (`CUDA_VISIBLE_DEVICES` hides some), at least 1.
    pub(crate) devices: usize,
    /// Newest CUDA that it serves: 1000·major + 10·minor.
    pub(crate) version: c_int,
}

/// Asks the driver; creates nothing on a device.
///
/// # Errors
/// Why no device can be used and what to do, in one line.
pub(crate) fn ask() -> Result<Driver, String> {
    ask_of(&LIBRARIES)
}

fn ask_of(libraries: &[&CStr]) -> Result<Driver, String> {
    // SAFETY: by these names it is the driver's library.
    let mut tries = libraries.iter().map(|name| unsafe { Library::load(name, libc::RTLD_NOW) });
    let Some(library) = tries.find_map(Result::ok) else {
        return Err("no NVIDIA driver: libcuda.so.1 is not found; install the NVIDIA driver".into());
    };
    let entries = Entries::of(&library)
        .ok_or("the NVIDIA driver's libcuda.so.1 lacks a function; install the driver anew")?;
    entries.check(entries.init())?;
    let (devices, version) = (entries.number(entries.device_count)?, entries.number(entries.driver_version)?);
    match usize::try_from(devices) {
        Ok(devices) if devices > 0 => Ok(Driver { devices, version }),
        _ => Err(NOTHING_SHOWN.into()),
    }
}

const NOTHING_SHOWN: &str =
    "the NVIDIA driver shows no device; see nvidia-smi, and whether CUDA_VISIBLE_DEVICES hides them";

type Init = unsafe extern "C" fn(c_uint) -> c_int;
type Number = unsafe extern "C" fn(*mut c_int) -> c_int;
type ErrorString = unsafe extern "C" fn(c_int, *mut *const c_char) -> c_int;

/// `CUresult` functions of the driver's API.
struct Entries {
    init: Init,
    device_count: Number,
    driver_version: Number,
    error_string: ErrorString,
}

impl Entries {
    fn of(library: &Library) -> Option<Self> {
        let [init, device_count, driver_version, error_string] =
            [c"cuInit", c"cuDeviceGetCount", c"cuDriverGetVersion", c"cuGetErrorString"]
                .map(|name| library.symbol(name));
        // SAFETY: these functions have these signatures in every version of the API.
        unsafe {
            Some(Self {
                init: std::mem::transmute::<NonNull<c_void>, Init>(init?),
                device_count: std::mem::transmute::<NonNull<c_void>, Number>(device_count?),
                driver_version: std::mem::transmute::<NonNull<c_void>, Number>(driver_version?),
                error_string: std::mem::transmute::<NonNull<c_void>, ErrorString>(error_string?),
            })
        }
    }

    fn init(&self) -> c_int {
        // SAFETY: 0 is the only flag that there is.
        unsafe { (self.init)(0) }
    }

    fn number(&self, function: Number) -> Result<c_int, String> {
        let mut number = 0;
        // SAFETY: each of these functions writes one int.
        self.check(unsafe { function(&mut number) })?;
        Ok(number)
    }

    fn check(&self, result: c_int) -> Result<(), String> {
        match result {
            0 => Ok(()),
            NO_DEVICE => Err(NOTHING_SHOWN.into()),
            _ => {
                let words = self.words(result);
                Err(format!("the NVIDIA driver does not work: {words} (error {result}); see nvidia-smi"))
            }
        }
    }

    fn words(&self, result: c_int) -> String {
        let mut text = std::ptr::null();
        // SAFETY: it writes null or the address of a C string of the driver's own.
        let status = unsafe { (self.error_string)(result, &mut text) };
        match (status, text.is_null()) {
            // SAFETY: not null, and static.
            (0, false) => unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned(),
            _ => "an unknown error".into(),
        }
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::ffi::CString;
    use std::process::Command;

    use super::*;

    /// Asks a driver of these few lines of C.
    fn ask_of_fake(name: &str, init: i32, count: i32) -> Result<Driver, String> {
        let folder = std::env::temp_dir().join(format!("trainmark-tch-driver-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (source, library) = (folder.join(format!("{name}.c")), folder.join(format!("{name}.so")));
        let text = format!(
            "int cuInit(unsigned flags) {{ return flags ? 1 : {init}; }}\n\
             int cuDeviceGetCount(int *count) {{ *count = {count}; return 0; }}\n\
             int cuDriverGetVersion(int *version) {{ *version = 13000; return 0; }}\n\
             int cuGetErrorString(int error, const char **text) {{ *text = \"it is asleep\"; return 0; }}\n"
        );
        std::fs::write(&source, text).unwrap();
        let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).status();
        assert!(built.unwrap().success());
        let path = CString::new(library.to_str().unwrap()).unwrap();
        let answer = ask_of(&[&path]);
        std::fs::remove_dir_all(&folder).ok();
        answer
    }

    #[test]
    fn a_driver_is_asked_and_its_failures_are_reasons() {
        assert_eq!(ask_of_fake("works", 0, 2), Ok(Driver { devices: 2, version: 13000 }));
        assert_eq!(ask_of_fake("hides", 0, 0), Err(NOTHING_SHOWN.into()));
        assert_eq!(ask_of_fake("empty", NO_DEVICE, 0), Err(NOTHING_SHOWN.into()));
        assert_eq!(
            ask_of_fake("sleeps", 999, 1),
            Err("the NVIDIA driver does not work: it is asleep (error 999); see nvidia-smi".into())
        );
        let absent = ask_of(&[c"libcuda.so.of-no-one"]);
        assert!(absent.unwrap_err().starts_with("no NVIDIA driver: "));
    }
}
