//! Pythons that cannot serve, and libraries that are no backends: one line with what to do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::assembled::{Assembled, bridge};
use crate::child::describe;
use crate::python::{Python, python};

const SOURCE: &str = "import trainmark as tm\ndef describe():\n    return tm.Description('f 1', [])\n";
const REMEDY: &str = "install a Python 3.9 to 3.14 with a shared library and build the backend again";

/// What is said of a backend whose Python has another library.
fn answer_with(library: &Path) -> Option<String> {
    let library = library.to_owned();
    let backend = Assembled::with(SOURCE, &Python { library: library.clone(), ..python()?.clone() });
    let answer = describe(&backend.library);
    Some(answer.replace(&library.display().to_string(), "LIBPYTHON"))
}

/// A library in C that says it is a Python of this version; `None` where there is no compiler.
fn pretended(folder: &Path, version: &str) -> Option<PathBuf> {
    let (source, library) = (folder.join("python.c"), folder.join("libpython.so"));
    fs::write(&source, format!("const char *Py_GetVersion(void) {{ return \"{version}\"; }}\n")).unwrap();
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).status();
    match compiled {
        Ok(status) => {
            assert!(status.success());
            Some(library)
        }
        Err(why) => {
            let required = std::env::var("TRAINMARK_REQUIRE").is_ok_and(|required| required == "all");
            assert!(!required, "cc cannot be run, and TRAINMARK_REQUIRE=all: {why}");
            eprintln!("skipped: cc cannot be run: {why}");
            None
        }
    }
}

#[test]
fn the_bridge_alone_says_that_it_is_no_backend() {
    let answer = describe(bridge());
    assert!(
        answer.starts_with("this library is the bridge to Python without a backend at its end"),
        "{answer}"
    );
}

#[test]
fn a_library_that_is_gone_is_named() {
    let Some(answer) = answer_with(Path::new("/nowhere/libpython3.11.so")) else { return };
    assert_eq!(answer, format!("there is no LIBPYTHON any more; {REMEDY}"));
}

#[test]
fn a_python_that_is_too_old_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let Some(library) = pretended(folder.path(), "3.8.18 (default)") else { return };
    let Some(answer) = answer_with(&library) else { return };
    assert_eq!(answer, format!("LIBPYTHON is Python 3.8, too old; {REMEDY}"));
}

#[test]
fn a_newer_python_that_has_lost_a_function_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let Some(library) = pretended(folder.path(), "3.99.0 (main)") else { return };
    let Some(answer) = answer_with(&library) else { return };
    let lacks = "LIBPYTHON, Python 3.99, lacks Py_SetProgramName of the stable interface";
    assert_eq!(answer, format!("{lacks}; {REMEDY}"));
}

#[test]
#[cfg(target_os = "linux")]
fn a_library_of_another_machine_is_named() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("libpython.so");
    let mut bytes = fs::read(&python.library).unwrap();
    // The machine in an ELF file's header; this one is a SPARC.
    bytes[18..20].copy_from_slice(&43_u16.to_le_bytes());
    fs::write(&library, bytes).unwrap();
    let answer = answer_with(&library).unwrap();
    assert_eq!(answer, format!("cannot load LIBPYTHON: it is no library of this machine; {REMEDY}"));
}

#[test]
fn an_environment_that_is_gone_is_named() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("python");
    std::os::unix::fs::symlink("/nowhere/python3", &program).unwrap();
    let backend = Assembled::with(SOURCE, &Python { program: program.clone(), ..python.clone() });
    let gone = format!("there is no {} any more, or the Python that it leads to", program.display());
    assert_eq!(describe(&backend.library), format!("{gone}; build the backend again"));
}
