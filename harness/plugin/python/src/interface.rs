//! The functions of CPython's stable interface that the bridge calls, looked up in a libpython
//! at run time, so that one build of the bridge serves every Python.

use std::ffi::{CStr, c_char, c_int, c_longlong, c_void};
use std::path::Path;

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};

use crate::version::{SERVING, Version};

/// A Python object, opaque.
#[repr(C)]
pub(crate) struct PyObject {
    _opaque: [u8; 0],
}

/// A reference as the interface passes it; null where a call failed.
pub(crate) type Pointer = *mut PyObject;

/// The flag of a memory view that is read only.
pub(crate) const BUFFER_READ: c_int = 0x100;
/// The flag of a memory view that may be written to.
pub(crate) const BUFFER_WRITE: c_int = 0x200;

/// A function of a library.
///
/// # Safety
/// The function of this name has the type `T`.
unsafe fn function<T: Copy>(library: &Library, name: &'static str) -> Result<T, &'static str> {
    // SAFETY: the caller vouches for the type.
    unsafe { library.get::<T>(name.as_bytes()) }.map(|found| *found).map_err(|_| name)
}

macro_rules! interface {
    ($($name:ident: fn($($argument:ty),*) $(-> $answer:ty)?;)*) => {
        /// The functions, by their names in C.
        #[expect(non_snake_case, reason = "the names are C's")]
        pub(crate) struct Interface {
            $(pub(crate) $name: unsafe extern "C" fn($($argument),*) $(-> $answer)?,)*
        }

        impl Interface {
            /// Looks up every function; the error is the name of one that is missing.
            fn of(library: &Library) -> Result<Self, &'static str> {
                // SAFETY: CPython's stable interface gives the function of each name this type.
                Ok(unsafe { Self { $($name: function(library, stringify!($name))?,)* } })
            }
        }
    };
}

interface! {
    Py_SetProgramName: fn(*const libc::wchar_t);
    Py_InitializeEx: fn(c_int);
    PyEval_SaveThread: fn() -> *mut c_void;
    PyGILState_Ensure: fn() -> c_int;
    PyGILState_Release: fn(c_int);
    Py_IncRef: fn(Pointer);
    Py_DecRef: fn(Pointer);
    PyErr_Fetch: fn(*mut Pointer, *mut Pointer, *mut Pointer);
    PyErr_Occurred: fn() -> Pointer;
    PySys_GetObject: fn(*const c_char) -> Pointer;
    PyImport_ImportModule: fn(*const c_char) -> Pointer;
    PyObject_GetAttrString: fn(Pointer, *const c_char) -> Pointer;
    PyObject_CallObject: fn(Pointer, Pointer) -> Pointer;
    PyObject_Str: fn(Pointer) -> Pointer;
    PyTuple_New: fn(isize) -> Pointer;
    PyTuple_SetItem: fn(Pointer, isize, Pointer) -> c_int;
    PyTuple_GetItem: fn(Pointer, isize) -> Pointer;
    PyList_Insert: fn(Pointer, isize, Pointer) -> c_int;
    PyLong_FromLongLong: fn(c_longlong) -> Pointer;
    PyLong_AsLongLong: fn(Pointer) -> c_longlong;
    PyFloat_AsDouble: fn(Pointer) -> f64;
    PyUnicode_FromStringAndSize: fn(*const c_char, isize) -> Pointer;
    PyUnicode_AsUTF8String: fn(Pointer) -> Pointer;
    PyBytes_AsStringAndSize: fn(Pointer, *mut *mut c_char, *mut isize) -> c_int;
    PyMemoryView_FromMemory: fn(*mut c_char, isize, c_int) -> Pointer;
}

impl Interface {
    /// Loads a libpython.
    ///
    /// # Errors
    /// Where it is not there, not of this machine, no Python or too old; the text ends with what to do.
    pub(crate) fn load(path: &Path) -> Result<(Self, Version), String> {
        let (shown, remedy) = (path.display(), remedy());
        if !path.exists() {
            return Err(format!("there is no {shown} any more; {remedy}"));
        }
        // Extension modules are linked with no libpython: they find its functions among the
        // process's global ones.
        // SAFETY: the library is the Python that the backend was built with.
        let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_GLOBAL) };
        let library = library
            .map_err(|error| format!("cannot load {shown}: {}; {remedy}", loader_fault(&error, path)))?;
        let version = version(&library).ok_or_else(|| format!("{shown} is no Python; {remedy}"))?;
        if version < Version::OLDEST {
            return Err(format!("{shown} is Python {version}, too old; {remedy}"));
        }
        let interface = Self::of(&library).map_err(|name| {
            format!("{shown}, Python {version}, lacks {name} of the stable interface; {remedy}")
        })?;
        // Never unloaded: an interpreter cannot be taken out of a process again.
        std::mem::forget(library);
        Ok((interface, version))
    }

    /// Whether a Python runs in this process already.
    pub(crate) fn is_running() -> bool {
        // SAFETY: as for every function of the interface; it may be called at any time.
        unsafe {
            let found = function::<unsafe extern "C" fn() -> c_int>(&Library::this(), "Py_IsInitialized");
            found.is_ok_and(|is_initialised| is_initialised() != 0)
        }
    }
}

/// What helps where a libpython cannot be used.
fn remedy() -> String {
    format!("install a Python {SERVING} with a shared library and build the backend again")
}

/// Why the dynamic loader refuses a library that is there.
fn loader_fault(error: &libloading::Error, path: &Path) -> String {
    let text = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    match text.strip_prefix(&format!("{}: ", path.display())) {
        // The loader passes over libraries of other machines, as if they were not there.
        Some("cannot open shared object file: No such file or directory") => {
            "it is no library of this machine".to_owned()
        }
        Some(why) => why.to_owned(),
        None => text,
    }
}

/// The version that a libpython says it is, before it is initialised.
fn version(library: &Library) -> Option<Version> {
    type GetVersion = unsafe extern "C" fn() -> *const c_char;
    // SAFETY: as for every function of the interface; it may be called at any time.
    let text = unsafe { function::<GetVersion>(library, "Py_GetVersion").ok()?() };
    // SAFETY: a static, zero-terminated string.
    Version::parse(&unsafe { CStr::from_ptr(text) }.to_string_lossy())
}
