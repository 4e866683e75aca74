//! The bridge: one library that makes a Python file a backend, by any CPython from 3.9 to 3.14.
//!
//! A backend is a copy of this library with a zip archive at its end (see `archive`) that
//! holds its Python files and the package `trainmark` which they import. CPython is loaded when
//! the backend is first asked something, and only functions of its stable interface are called
//! (see `interface`). The rest of the bridge is the Python module `trainmark._bridge`.

mod answer;
mod archive;
mod description;
mod interface;
mod interpreter;
mod object;
mod request;
mod session;
mod version;

use std::ffi::CString;
use std::sync::OnceLock;

use trainmark_plugin::abi::BackendTable;
use trainmark_plugin::{Backend, Description, Error, OpenRequest, Optimiser, Session, export};

use crate::interpreter::Interpreter;
use crate::session::Training;

/// The table that the harness looks up; `announce` writes the backend's name into it.
#[unsafe(no_mangle)]
pub static mut tm_backend_v1: BackendTable = export::table::<Bridge>();

/// Called by the dynamic loader when the library is loaded, before anyone can look up its table.
#[used]
#[cfg_attr(not(target_os = "macos"), unsafe(link_section = ".init_array"))]
#[cfg_attr(target_os = "macos", unsafe(link_section = "__DATA,__mod_init_func"))]
static ON_LOAD: extern "C" fn() = announce;

/// Writes name and version of the backend in the archive into the table. Without an archive
/// they stay the bridge's own, and `describe` says what is missing.
extern "C" fn announce() {
    let Ok(archive) = archive::own() else { return };
    let (name, version) = (&*archive.manifest.name, &*archive.manifest.version);
    let (Ok(name), Ok(version)) = (CString::new(name), CString::new(version)) else { return };
    let table = &raw mut tm_backend_v1;
    // SAFETY: the loader runs this once, and nobody else can know the table yet. The strings
    // are never freed, as a table's must not be.
    unsafe {
        (*table).name = name.into_raw();
        (*table).version = version.into_raw();
    }
}

/// The backend that the archive holds.
struct Bridge;

impl Bridge {
    /// What the backend says of itself, asked once.
    fn description() -> Result<&'static Description, Error> {
        static DESCRIPTION: OnceLock<Result<Description, Error>> = OnceLock::new();
        let asked = DESCRIPTION.get_or_init(|| description::ask(Interpreter::get()?));
        asked.as_ref().map_err(Clone::clone)
    }
}

impl Backend for Bridge {
    const NAME: &'static str = "python";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn describe() -> Result<Description, Error> {
        Self::description().cloned()
    }

    /// What the file does not list among its own is refused on Python's side.
    fn trains_with(_optimiser: Optimiser) -> bool {
        true
    }

    fn open<'d>(request: OpenRequest<'d>) -> Result<Box<dyn Session + 'd>, Error> {
        request.check_choices(Self::description()?)?;
        Ok(Box::new(Training::open(Interpreter::get()?, &request)?))
    }
}
