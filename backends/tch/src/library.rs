//! Shared libraries of this process: those that are loaded, and more.

use std::ffi::{CStr, c_int, c_void};
use std::path::PathBuf;
use std::ptr::NonNull;

/// Loads a library with everything that it needs; it stays loaded until the process ends.
///
/// # Errors
/// The loader's own words.
///
/// # Safety
/// Its initialisers run: it must be the library that its name says.
pub(crate) unsafe fn load(name: &CStr, flags: c_int) -> Result<(), String> {
    // SAFETY: the name is a C string; the caller answers for the initialisers.
    let handle = unsafe { libc::dlopen(name.as_ptr(), flags) };
    if handle.is_null() { Err(last_error()) } else { Ok(()) }
}

fn last_error() -> String {
    // SAFETY: takes nothing.
    let text = NonNull::new(unsafe { libc::dlerror() });
    // SAFETY: a C string that is valid until this thread's next call of the loader.
    let text = text.map(|text| unsafe { CStr::from_ptr(text.as_ptr()) }.to_string_lossy().into_owned());
    text.unwrap_or_else(|| "the loader gives no reason".into())
}

/// The first library in this process whose file's name begins so, as the loader found it.
#[cfg(target_os = "linux")]
pub(crate) fn loaded(prefix: &str) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt as _;

    struct Search<'a> {
        prefix: &'a str,
        found: Option<PathBuf>,
    }

    unsafe extern "C" fn visit(info: *mut libc::dl_phdr_info, _: usize, data: *mut c_void) -> c_int {
        // SAFETY: `data` is the search that `loaded` passes, which nothing else uses in
        // the meantime; the loader passes a library with its name, which may be null.
        let (search, name) = unsafe { (&mut *data.cast::<Search<'_>>(), (*info).dlpi_name) };
        if name.is_null() {
            return 0;
        }
        // SAFETY: not null, and the loader's names are C strings.
        let path = PathBuf::from(std::ffi::OsStr::from_bytes(unsafe { CStr::from_ptr(name) }.to_bytes()));
        let is_it =
            path.file_name().is_some_and(|name| name.as_bytes().starts_with(search.prefix.as_bytes()));
        if is_it {
            search.found = Some(path);
        }
        c_int::from(is_it)
    }

    let mut search = Search { prefix, found: None };
    // SAFETY: `visit` has the signature that is asked for, does not unwind, and gets the
    // search, which outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut search).cast()) };
    search.found
}

/// Not asked elsewhere: only Linux has libtorch with CUDA for us.
#[cfg(not(target_os = "linux"))]
pub(crate) fn loaded(_: &str) -> Option<PathBuf> {
    None
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn the_linked_libtorch_is_among_the_loaded() {
        let libtorch = loaded("libtorch_cpu.so").unwrap();
        assert!(libtorch.is_absolute() && libtorch.is_file(), "{}", libtorch.display());
        assert_eq!(loaded("libtorch_cpu.so.of-no-one"), None);
    }

    #[test]
    fn what_cannot_be_loaded_is_named() {
        // SAFETY: there is no such library, so nothing runs.
        let error = unsafe { load(c"/no/where.so", libc::RTLD_NOW) }.unwrap_err();
        assert!(error.contains("/no/where.so"), "{error}");
    }
}
