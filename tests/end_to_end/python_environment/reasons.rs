//! What is said where a backend in Python cannot be built: one line, with what to do.

use std::fs;
use std::os::unix::fs::symlink;

use super::machine::{Machine, TOML};

#[test]
fn packages_that_cannot_be_had_are_told() {
    let Some(machine) = Machine::new() else { return };
    let zeros = "0".repeat(64);
    let one = machine.requirement();
    for (requirements, expected) in [
        (
            format!("{one}nowhere==1.0 --hash=sha256:{zeros}\n"),
            "there is no wheel of nowhere==1.0 for Python 3.",
        ),
        (format!("numpy==1.0 --hash=sha256:{zeros}\n"), "has another hash than the requirements file says"),
        ("numpy==1.0\n".to_owned(), "gives no hash or no version (==) for a package; write both"),
        (String::from("# nothing\n"), "has no numpy, which every backend's arrays come with; add it"),
    ] {
        machine.requires(&requirements);
        let reason = machine.reason();
        assert!(reason.starts_with("its build failed: error: ") && reason.contains(expected), "{reason}");
        assert!(reason.contains("minimal-c-cpu.log"), "{reason}");
        let left =
            fs::read_dir(machine.cache()).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_dir());
        assert_eq!(left.count(), 0, "no half of an environment is left");
    }
    fs::remove_file(machine.repository.path().join("backends/mine/requirements.txt")).unwrap();
    let reason = machine.reason();
    assert!(reason.contains("requirements.txt is not there; list numpy and the framework in it"), "{reason}");

    machine.requires(&machine.requirement());
    let offline = machine.check().args(["--offline"]).env("PIP_FIND_LINKS", "");
    let reason = machine.reason_of(offline);
    let expected = "environment of minimal-c is not here and --offline forbids fetching it; build once without --offline";
    assert!(reason.contains(expected), "{reason}");

    machine.write("backend.toml", &format!("{TOML}disk = \"900TiB\"\n"));
    let reason = machine.reason();
    assert!(reason.contains(" MB are free; make room, or set XDG_CACHE_HOME"), "{reason}");
}

#[test]
fn a_source_that_is_no_python_is_told_with_its_line() {
    let Some(machine) = Machine::new() else { return };
    machine.write("helper.py", "\ndef odd(:\n");
    let reason = machine.reason();
    assert!(reason.starts_with("its build failed: error: helper.py, line 2: invalid syntax"), "{reason}");
    machine.write("helper.py", "");
    machine.write("trainmark.py", "");
    assert!(machine.reason().contains("would hide the module trainmark; give it another name"));
    fs::remove_file(machine.repository.path().join("backends/mine/trainmark.py")).unwrap();
    fs::remove_file(machine.repository.path().join("backends/mine/backend.py")).unwrap();
    let reason = machine.reason();
    assert!(reason.contains("backend.py is not there: backend.toml names it"), "{reason}");
}

#[test]
fn a_python_that_cannot_serve_is_told_with_the_remedy() {
    let Some(machine) = Machine::new() else { return };
    let path = |name: &str| machine.repository.path().join(name);
    let python = machine.python().display().to_string();

    let reason = machine.reason_of(machine.check().env("TRAINMARK_PYTHON", "/no/where"));
    assert!(reason.contains("TRAINMARK_PYTHON=/no/where is no Python that runs; set it to one"), "{reason}");
    fs::create_dir_all(path("venv/bin")).unwrap();
    let named = |machine: &Machine| machine.reason_of(machine.check().env("TRAINMARK_PYTHON", path("venv")));
    assert!(named(&machine).contains("venv is no environment, since it has no bin/python; "));
    symlink("/nonexistent/python3", path("venv/bin/python")).unwrap();
    let reason = named(&machine);
    let gone =
        "its Python, /nonexistent/python3, is gone; make the environment again, or unset TRAINMARK_PYTHON";
    assert!(reason.contains(gone), "{reason}");

    let free = format!(
        "case $2 in -c) '{python}' \"$@\" | sed 's/\"free_threaded\": false/\"free_threaded\": true/' ;; *) exec '{python}' \
         \"$@\" ;; esac"
    );
    machine.program("python3", &free);
    assert!(machine.reason().contains(" is free-threaded, which has another interface; install a usual one"));

    // The same Python, whose answer does not name its library.
    let without = format!(
        "case $2 in -c) '{python}' \"$@\" | sed 's/libpython[^\"]*//g' ;; *) exec '{python}' \"$@\" ;; esac"
    );
    machine.program("python3", &without);
    let reason = machine.reason();
    assert!(reason.contains(" has no shared library libpython3."), "{reason}");
    assert!(
        reason.contains("; install Debian's package libpython3.") || reason.contains("--enable-shared"),
        "{reason}"
    );
    let listed = machine.invoke(["list"]).run().expect(0).stdout;
    assert!(listed.contains("  cpu: unavailable: it cannot be built here: Python 3."), "{listed}");

    machine.write("backend.toml", &format!("{TOML}requires_python = \">=3.99\"\n"));
    let reason = machine.reason();
    assert!(reason.contains(" is none of those that its packages are for (>=3.99); install one"), "{reason}");
    machine.write("backend.toml", TOML);

    machine.program("python3", "if [ \"$1\" = --version ]; then echo Python 3.8.18; else exit 1; fi");
    let reason = machine.reason();
    let expected = "no Python 3.9 or later is on the PATH, but Python 3.8.18; install one with its library";
    assert!(reason.contains(expected), "{reason}");
    machine.without("python3");
    let reason = machine.reason();
    assert!(
        reason.contains("no Python 3.9 or later is on the PATH; install one with its library"),
        "{reason}"
    );
    machine.without("cargo");
    assert!(machine.reason().starts_with("building it needs cargo: install Rust"));
}

/// uv says it in other words than pip.
#[test]
fn what_uv_says_is_understood() {
    let Some(machine) = Machine::new() else { return };
    let because = "error: No solution found when resolving dependencies\n  cause: Because";
    for (said, expected) in [
        (
            format!("{because} there is no version of numpy==99.0 and you require numpy==99.0, we can …"),
            "there is no wheel of numpy==99.0 for Python 3.",
        ),
        (
            format!("{because} numpy==1.21.0 has no usable wheels and you require numpy==1.21.0, we can …"),
            "there is no wheel of numpy==1.21.0 for Python 3.",
        ),
        (
            format!(
                "{because} nowhere was not found in the package registry and you require nowhere==1.0, …"
            ),
            "there is no wheel of nowhere for Python 3.",
        ),
        (
            "error: Failed to download `numpy==2.4.6`\n  cause: Hash mismatch for `numpy==2.4.6`".to_owned(),
            "what was fetched of numpy==2.4.6 has another hash than the requirements file says",
        ),
        (
            "error: In `--require-hashes` mode, all requirements must have a hash, but none were provided"
                .to_owned(),
            "gives no hash or no version (==) for a package; write both",
        ),
        (
            "error: Failed to fetch: http://127.0.0.1:9/simple/numpy/\n  cause: Connection refused"
                .to_owned(),
            "http://127.0.0.1:9/simple/numpy/ cannot be reached; try again with a network",
        ),
        (
            "error: something else\n  cause: the disk\n".to_owned(),
            "error: something else; cause: the disk; see",
        ),
    ] {
        let lines = said.lines().map(|line| format!("echo '{line}'\n")).collect::<String>();
        machine.program("uv", &format!("{lines}exit 1"));
        let reason = machine.reason();
        assert!(reason.contains("environment of minimal-c could not be made: "), "{reason}");
        assert!(reason.contains(expected), "{expected} in {reason}");
    }
}
