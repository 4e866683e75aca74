//! The Python that the tests run: one with a shared library, in an environment that has numpy.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// An interpreter and its library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Python {
    pub(crate) program: PathBuf,
    pub(crate) library: PathBuf,
}

/// Prints a Python's version and its shared library.
const ASK: &str = "import sys, sysconfig; get = sysconfig.get_config_var; \
    print('%d.%d.%d' % sys.version_info[:3]); print(get('LIBDIR') + '/' + get('INSTSONAME'))";

/// An environment with numpy, made once and kept; `None`, or a panic where nothing may be
/// skipped, where none can be made.
pub(crate) fn python() -> Option<&'static Python> {
    static PYTHON: OnceLock<Result<Python, String>> = OnceLock::new();
    match PYTHON.get_or_init(environment) {
        Ok(python) => Some(python),
        Err(why) => {
            let required = std::env::var("TRAINMARK_REQUIRE").is_ok_and(|required| required == "all");
            assert!(!required, "{why}, and TRAINMARK_REQUIRE=all");
            eprintln!("skipped: {why}");
            None
        }
    }
}

fn environment() -> Result<Python, String> {
    if let Some(own) = std::env::var_os("TRAINMARK_PYTHON") {
        let (_, python) = ask(Path::new(&own)).ok_or("TRAINMARK_PYTHON has no shared library")?;
        return Ok(python);
    }
    let (version, base) = base().ok_or("no Python 3.9 or later with a shared library; install libpython3")?;
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let lock = File::create(kept.join("python.lock")).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    let folder = kept.join(format!("python-{version}"));
    let made = Python { program: folder.join("bin/python"), ..base.clone() };
    let complete = folder.join("complete");
    let origin = base.program.display().to_string();
    if fs::read_to_string(&complete).is_ok_and(|of| of == origin) {
        return Ok(made);
    }
    let _ = fs::remove_dir_all(&folder);
    run(Command::new(&base.program).args(["-m", "venv"]).arg(&folder))?;
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bridge/requirements.txt");
    run(Command::new(&made.program)
        .args(["-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps", "--only-binary", ":all:"])
        .arg("--requirement")
        .arg(requirements))?;
    fs::write(complete, origin).map_err(|error| error.to_string())?;
    Ok(made)
}

/// The first Python on the path that serves.
fn base() -> Option<(String, Python)> {
    let names = (9..=14).rev().map(|minor| format!("python3.{minor}"));
    let names = ["python3".to_owned(), "/usr/bin/python3".to_owned()].into_iter().chain(names);
    names.filter_map(|name| ask(Path::new(&name))).find(|(version, _)| {
        let minor = version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok());
        minor.is_some_and(|minor| minor >= 9)
    })
}

/// A Python's version and library; `None` where it cannot be run or has no library.
fn ask(program: &Path) -> Option<(String, Python)> {
    let output = Command::new(program).args(["-c", ASK]).output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    let (version, library) = said.split_once('\n')?;
    let library = PathBuf::from(library.trim());
    library.is_file().then(|| (version.to_owned(), Python { program: program.to_owned(), library }))
}

pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr)))
}
