//! The interpreter: started once, when the backend is first asked something, and never finalised,
//! since frameworks leave threads behind that would run on in it.

use std::sync::OnceLock;

use trainmark_plugin::Error;

use crate::answer::Answer;
use crate::archive::{self, Manifest};
use crate::interface::Interface;
use crate::object::{Kept, Lock, Object};

/// A running interpreter in which the bridge's Python is imported.
pub(crate) struct Interpreter {
    /// The module `trainmark._bridge`.
    bridge: Kept,
    /// What a reader of numbers should know of this Python.
    pub(crate) caveat: Option<String>,
}

impl Interpreter {
    /// The process's interpreter.
    ///
    /// # Errors
    /// Where none can be started; the same each time.
    pub(crate) fn get() -> Result<&'static Self, Error> {
        static INTERPRETER: OnceLock<Result<Interpreter, String>> = OnceLock::new();
        INTERPRETER.get_or_init(Self::start).as_ref().map_err(Error::failed)
    }

    fn start() -> Result<Self, String> {
        let archive = archive::own()?;
        archive.manifest.check_environment()?;
        if Interface::is_running() {
            return Err("another Python runs in this process already, and there can be only one".to_owned());
        }
        let (interface, version) = Interface::load(&archive.manifest.libpython)?;
        let interface = Box::leak(Box::new(interface));
        set_variables();
        initialise(interface, &archive.manifest)?;
        // SAFETY: it has just been initialised.
        let lock = unsafe { Lock::take(interface) };
        let library = archive.library.to_str().ok_or("the library's path is not UTF-8")?;
        let bridge = import_bridge(&lock, library, &archive.manifest)
            .map_err(|error| format!("Python's side of the bridge does not start: {}", error.message))?;
        Ok(Self { bridge: bridge.keep(), caveat: version.caveat() })
    }

    /// Takes the interpreter's lock.
    pub(crate) fn lock(&self) -> Lock {
        self.bridge.lock()
    }

    /// The bridge's Python, under the lock.
    pub(crate) fn bridge<'l>(&self, lock: &'l Lock) -> Result<Object<'l>, Error> {
        self.bridge.under(lock)
    }
}

impl Manifest {
    /// Sees that the environment is still there: without it the interpreter would be that of
    /// another one, or end the process.
    fn check_environment(&self) -> Result<(), String> {
        if self.python.exists() {
            return Ok(());
        }
        let python = self.python.display();
        Err(format!("there is no {python} any more, or the Python that it leads to; build the backend again"))
    }
}

/// Takes the user's settings of his own Python away: variables that lead to other modules or
/// change how Python runs; and sets what every backend is to have.
fn set_variables() {
    let names = std::env::vars_os().map(|(name, _)| name);
    let of_python: Vec<_> = names.filter(|name| name.as_encoded_bytes().starts_with(b"PYTHON")).collect();
    // SAFETY: the harness asks a backend before anything else, and no thread of the worker
    // reads the environment; the backend's own come later.
    unsafe {
        for name in of_python {
            std::env::remove_var(name);
        }
        std::env::set_var("PYTHONNOUSERSITE", "1");
        // The interpreter is never finalised: what it holds back would be lost.
        std::env::set_var("PYTHONUNBUFFERED", "1");
        // For Pythons that it starts; itself it is told otherwise.
        std::env::set_var("PYTHONUTF8", "1");
        // Sets are iterated alike in every run.
        std::env::set_var("PYTHONHASHSEED", "0");
    }
}

/// Starts the interpreter of an environment, and gives its lock back.
fn initialise(interface: &'static Interface, manifest: &Manifest) -> Result<(), String> {
    let python = manifest.python.to_str().ok_or("the environment's path is not UTF-8")?;
    // A wide character is a code point on every Unix that Python runs on.
    let wide = python.chars().map(|character| u32::from(character) as libc::wchar_t).chain([0]);
    let program: &'static [libc::wchar_t] = wide.collect::<Vec<_>>().leak();
    // SAFETY: the name lives for ever, as Python demands. With 0, Python leaves the signals
    // alone: an interrupt is the harness's. The thread that has initialised it holds the lock,
    // and gives it back for whoever calls next.
    unsafe {
        (interface.Py_SetProgramName)(program.as_ptr());
        (interface.Py_InitializeEx)(0);
        (interface.PyEval_SaveThread)();
    }
    Ok(())
}

/// Imports the bridge's Python from the library's archive, and tells it which module is the backend.
fn import_bridge<'l>(lock: &'l Lock, library: &str, manifest: &Manifest) -> Result<Object<'l>, Error> {
    lock.import_first_from(library)?;
    let bridge = lock.import(c"trainmark._bridge")?;
    Answer::of(bridge.call(c"start", vec![lock.text(&manifest.module)?, lock.text(&manifest.folder)?])?)?;
    Ok(bridge)
}
