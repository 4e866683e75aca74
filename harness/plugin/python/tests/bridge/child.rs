//! What is done in a process of its own: tests that are ignored, until another calls them with a
//! library.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use trainmark_plugin::host::Plugin;

const LIBRARY: &str = "TRAINMARK_BRIDGE_LIBRARY";

/// Runs one of these tests, such as `calls::trains`, on a library.
pub(crate) fn run(test: &str, library: &Path) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env(LIBRARY, library)
        // Settings of the user's own Python, which must not matter.
        .env("PYTHONHOME", "/nowhere")
        .env("PYTHONPATH", "/nowhere")
        .output()
        .unwrap()
}

/// Runs one of these tests, and sees that it succeeds.
pub(crate) fn succeeds(test: &str, library: &Path) -> Output {
    let output = run(test, library);
    let (said, log) = (said(&output), log(&output));
    assert!(output.status.success(), "{said}{log}");
    assert!(said.contains("1 passed"), "there is no test {test}: {said}");
    output
}

pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn log(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The library that this process is to load.
pub(crate) fn library() -> PathBuf {
    std::env::var_os(LIBRARY).expect("called by another test").into()
}

pub(crate) fn plugin() -> Plugin {
    load(&library())
}

pub(crate) fn load(library: &Path) -> Plugin {
    // SAFETY: the tests load what they have built.
    unsafe { Plugin::load(library) }.unwrap()
}

/// What `describe` says, or its error, for a library that may not be usable.
pub(crate) fn describe(library: &Path) -> String {
    const ANSWER: &str = "the answer is ";
    let output = succeeds("child::describes", library);
    let said = said(&output);
    let answer = said.lines().find_map(|line| line.split_once(ANSWER)).map(|(_, answer)| answer.to_owned());
    answer.unwrap_or_else(|| panic!("{said}{}", log(&output)))
}

#[test]
#[ignore = "called by other tests"]
fn describes() {
    match plugin().describe() {
        Ok(description) => println!("the answer is {}", description.framework),
        Err(error) => println!("the answer is {}", error.message),
    }
}
