//! libtorch on CUDA devices.
//!
//! The plugin is linked to libtorch for the CPU. Its part for CUDA, `libtorch_cuda.so`
//! beside `libtorch_cpu.so`, registers itself when it is loaded, which takes seconds and
//! so is done when a CUDA device is opened, not when it is described.

use std::ffi::{CStr, CString, OsStr, c_int};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tch::TchError;
use trainmark_plugin::cuda::{self, Driver};
use trainmark_plugin::{Device, Error};

use crate::error::During;
use crate::library::{self, loaded};

const LIBTORCH_CUDA: &str = "libtorch_cuda.so";

/// The CUDA devices for the description: those that the driver shows, or one that says
/// why there is none.
pub(crate) fn devices() -> Vec<Device> {
    cuda::devices(usable().map(|(driver, _)| driver), |_| Ok(()))
}

/// The libtorch that this library runs with.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Libtorch {
    /// Its folder `lib`.
    folder: PathBuf,
    /// Major version of the CUDA that it was built for, where a library's name says it.
    cuda: Option<u32>,
}

impl Libtorch {
    /// `None` where the system has none with CUDA.
    fn linked() -> Option<Self> {
        const RUNTIME: &str = "libcudart.so.";
        let folder = loaded("libtorch_cpu.so")?.parent()?.to_owned();
        let runtime = loaded(RUNTIME).and_then(|path| path.file_name()?.to_str().map(str::to_owned));
        let cuda = runtime.and_then(|name| name.strip_prefix(RUNTIME)?.split('.').next()?.parse().ok());
        Some(Self { folder, cuda })
    }

    /// The error is the reason why it has no part for CUDA, with what to do.
    fn check(&self) -> Result<(), String> {
        if self.folder.join(LIBTORCH_CUDA).is_file() {
            return Ok(());
        }
        Err(format!(
            "{} has no {LIBTORCH_CUDA}; remove target/backends/tch and build again, with LIBTORCH unset or the \
             folder of a libtorch with CUDA",
            self.folder.display()
        ))
    }
}

/// The driver and the libtorch that can use its devices, as far as can be said without
/// loading `libtorch_cuda.so`.
///
/// # Errors
/// `device`: why not, with what to do.
fn usable() -> Result<(Driver, Libtorch), Error> {
    let libtorch = Libtorch::linked().ok_or_else(|| Error::device("libtorch has CUDA on Linux only"))?;
    let driver = Driver::start(libtorch.cuda.unwrap_or(0))?;
    libtorch.check().map_err(Error::device)?;
    Ok((driver, libtorch))
}

/// What this process has done with libtorch.
enum State {
    Untouched,
    /// Its autograd has counted the devices, and it counts them once.
    UsedOnCpu,
    /// `libtorch_cuda.so` was loaded, or could not be.
    Tried(Result<(), String>),
}

static STATE: Mutex<State> = Mutex::new(State::Untouched);

/// To be called before libtorch computes on the CPU.
pub(crate) fn before_cpu() {
    let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
    if matches!(*state, State::Untouched) {
        *state = State::UsedOnCpu;
    }
}

/// Readies libtorch for a CUDA device: to be called before anything is done on it.
///
/// # Errors
/// `Device`, with the reason and what to do.
pub(crate) fn before_device(index: usize) -> Result<(), Error> {
    let device = format!("cuda:{index}");
    let refuse = |reason: &str| Error::device(format!("{device} cannot be used: {reason}"));
    let (driver, libtorch) = usable()?;
    load(&libtorch.folder).map_err(|reason| refuse(&reason))?;
    let count = device_count().during(|| format!("{device} cannot be used"))?;
    if count != driver.device_count() {
        return Err(refuse(&format!(
            "the NVIDIA driver shows {} devices, libtorch {count}; see its warning in the log, and update the \
             driver or use a libtorch for its CUDA {}",
            driver.device_count(),
            driver.cuda()
        )));
    }
    // NVIDIA's libraries obey this variable before libtorch; 0 turns TF32 off.
    let is_forced = std::env::var_os("NVIDIA_TF32_OVERRIDE").is_some_and(|value| value != "0");
    if is_forced || !set_tf32(false).is_off() {
        return Err(refuse("TF32 stays on; unset NVIDIA_TF32_OVERRIDE and TORCH_ALLOW_TF32_CUBLAS_OVERRIDE"));
    }
    let algorithms = Algorithms::asked().map_err(|reason| refuse(&reason))?;
    if !algorithms.set() {
        return Err(refuse(&format!("cuDNN does not take the setting of {BENCHMARK}; unset it")));
    }
    Ok(())
}

/// The variable that turns cuDNN's benchmark off.
pub(crate) const BENCHMARK: &str = "TRAINMARK_TCH_CUDNN_BENCHMARK";

/// Which of its algorithms cuDNN takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithms {
    /// The fastest, timed at the first batch of each shape. Shapes recur: those of full batches
    /// and of the epoch's last one.
    Timed,
    /// Chosen untimed, of those that always add in the same order: what deviates with the
    /// others and not with these is the algorithm's.
    Deterministic,
}

impl Algorithms {
    /// What the environment asks for.
    ///
    /// # Errors
    /// What is wrong with it and what to do, in one line.
    pub(crate) fn asked() -> Result<Self, String> {
        Self::read(std::env::var_os(BENCHMARK).as_deref())
    }

    fn read(value: Option<&OsStr>) -> Result<Self, String> {
        match value.map(OsStr::to_str) {
            None | Some(Some("1")) => Ok(Self::Timed),
            Some(Some("0")) => Ok(Self::Deterministic),
            _ => Err(format!(
                "{BENCHMARK} is neither 0 nor 1; set it to 0 to turn cuDNN's benchmark off, or unset it"
            )),
        }
    }

    /// Sets it for the process; whether libtorch then says that it holds.
    fn set(self) -> bool {
        let timed = c_int::from(self == Self::Timed);
        // SAFETY: takes and returns an integer, and does not throw.
        unsafe { trainmark_tch_set_benchmark(timed) == timed }
    }
}

/// Loads `libtorch_cuda.so`, once in a process.
fn load(folder: &Path) -> Result<(), String> {
    let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
    match &*state {
        State::UsedOnCpu => {
            return Err(
                "libtorch has computed on the CPU in this process, and its autograd looks for devices \
                        once; open cuda first or in another process"
                    .into(),
            );
        }
        State::Tried(result) => return result.clone(),
        State::Untouched => {}
    }
    let path = folder.join(LIBTORCH_CUDA);
    let name = CString::new(path.as_os_str().as_bytes()).map_err(|error| error.to_string())?;
    // SAFETY: it is the part of the libtorch that is loaded already, of the same folder;
    // its initialisers register its kernels there.
    let loaded = unsafe { library::load(&name, libc::RTLD_NOW | libc::RTLD_GLOBAL) };
    let result = loaded.map_err(|reason| {
        format!(
            "libtorch's part for CUDA does not load: {reason}; install what it needs, or set LIBTORCH to a \
             whole libtorch and build again"
        )
    });
    *state = State::Tried(result.clone());
    result
}

unsafe extern "C" {
    /// In `settings.cpp`.
    fn trainmark_tch_set_tf32(allowed: c_int) -> c_int;
    /// In `settings.cpp`.
    fn trainmark_tch_set_benchmark(timed: c_int) -> c_int;
}

/// Where CUDA computes float32 in TF32: 1 for matrix products, 2 for convolutions; -1
/// where libtorch cannot be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tf32(c_int);

impl Tf32 {
    fn is_off(self) -> bool {
        self.0 == 0
    }
}

/// Sets it for the process, and asks libtorch what then holds. libtorch's own default
/// has it on in cuDNN's convolutions.
fn set_tf32(is_allowed: bool) -> Tf32 {
    // SAFETY: takes and returns an integer, and does not throw.
    Tf32(unsafe { trainmark_tch_set_tf32(c_int::from(is_allowed)) })
}

/// Devices that libtorch can use.
fn device_count() -> Result<usize, TchError> {
    // SAFETY: takes nothing, and keeps what C++ throws for `checked`.
    let count = checked(|| unsafe { torch_sys::cuda::atc_cuda_device_count() })?;
    Ok(usize::try_from(count).unwrap_or(0))
}

/// Waits until a device has done all that it was asked to.
///
/// # Errors
/// What libtorch reports; also what went wrong on the device since the last call.
pub(crate) fn synchronize(index: usize) -> Result<(), Error> {
    // SAFETY: takes an integer, and keeps what C++ throws for `checked`. Not
    // `tch::Cuda::synchronize`, which panics then.
    checked(|| unsafe { torch_sys::cuda::atc_synchronize(index as i64) }).during(|| format!("cuda:{index}"))
}

/// The error that a call through torch-sys has left on this thread, if it failed.
fn checked<T>(call: impl FnOnce() -> T) -> Result<T, TchError> {
    let value = call();
    // SAFETY: gives null or a C string of `malloc`, which is then ours.
    let text = unsafe { torch_sys::get_and_reset_last_err() };
    if text.is_null() {
        return Ok(value);
    }
    // SAFETY: not null, so a C string.
    let message = unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned();
    // SAFETY: ours, and used no more.
    unsafe { libc::free(text.cast()) };
    Err(TchError::Torch(message))
}

#[cfg(test)]
mod tests {
    use trainmark_plugin::ErrorKind;

    use super::*;

    #[test]
    fn a_libtorch_without_cuda_says_so() {
        let folder = std::env::temp_dir().join(format!("trainmark-tch-cuda-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let libtorch = Libtorch { folder: folder.clone(), cuda: Some(13) };
        let light = libtorch.check().unwrap_err();
        assert!(light.starts_with(&format!("{} has no libtorch_cuda.so; ", folder.display())), "{light}");
        std::fs::write(folder.join(LIBTORCH_CUDA), "").unwrap();
        assert_eq!(libtorch.check(), Ok(()));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn tf32_is_off_in_products_and_convolutions() {
        assert_eq!(set_tf32(true), Tf32(3), "the setting reaches both");
        assert_eq!(set_tf32(false), Tf32(0));
    }

    #[test]
    fn cudnns_benchmark_is_on_unless_turned_off() {
        let read = |value: &str| Algorithms::read(Some(OsStr::new(value)));
        assert_eq!(Algorithms::read(None), Ok(Algorithms::Timed));
        assert_eq!([read("1"), read("0")], [Ok(Algorithms::Timed), Ok(Algorithms::Deterministic)]);
        for wrong in ["", "no", "00"] {
            let reason = read(wrong).unwrap_err();
            assert!(reason.starts_with("TRAINMARK_TCH_CUDNN_BENCHMARK is neither 0 nor 1; "), "{reason}");
        }
        assert!(Algorithms::Deterministic.set());
        assert!(Algorithms::Timed.set());
    }

    #[test]
    fn what_libtorch_throws_is_an_error() {
        // No process of this test has loaded libtorch's part for CUDA.
        let error = synchronize(0).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Device, "{error}");
        assert!(error.message.starts_with("cuda:0: No CUDA GPUs are available"), "{error}");
    }
}
