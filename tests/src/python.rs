//! What tests of backends in Python need of the machine.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use crate::build::{kept_folder, repository_root};
use crate::require::skip;

/// A Python that can serve a backend, as the tool that builds such backends chooses it; `None`,
/// said aloud, where there is none.
pub fn serving_python() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    let find = || {
        let code = "import interpreter; print(interpreter.choose(interpreter.Demand('')).program)";
        let asked = tool(code, &[]).filter(|asked| asked.status.success());
        if asked.is_none() {
            skip(
                "python",
                "no Python with a shared library and pip is here, as Debian's libpython3-dev brings it",
            );
        }
        Some(PathBuf::from(String::from_utf8_lossy(&asked?.stdout).trim()))
    };
    FOUND.get_or_init(find).as_deref()
}

/// Sees that the packages of a requirements file are in the cache of the tests' home; `None`, said
/// aloud, where they cannot be had.
pub fn python_packages(requirements: &Path) -> Option<()> {
    serving_python()?;
    let code = "import sys, pathlib, environment, interpreter\n\
                found = environment.Cached.find('packages', interpreter.Demand(''), pathlib.Path(sys.argv[1]), None, 0)\n\
                found.make()";
    let made = tool(code, &[requirements])?;
    if !made.status.success() {
        let why = String::from_utf8_lossy(&made.stderr).trim().lines().last().unwrap_or_default().to_owned();
        skip("packages", &why);
        return None;
    }
    Some(())
}

/// Runs code beside the tool's own.
fn tool(code: &str, arguments: &[&Path]) -> Option<Output> {
    let mut python = Command::new("python3");
    python.args(["-B", "-c", code]).args(arguments).stdin(Stdio::null());
    python.current_dir(repository_root().join("harness/plugin/python/build"));
    for name in ["XDG_CACHE_HOME", "TRAINMARK_PYTHON", "TRAINMARK_OFFLINE"] {
        python.env_remove(name);
    }
    python.env("HOME", kept_folder().join("home")).output().ok()
}
