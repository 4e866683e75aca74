//! Sessions that are right, and what the process around them sees.

use std::time::Duration;

use trainmark_plugin::{Error, Session, Split};

use crate::assembled::{Assembled, crate_folder};
use crate::python::{Python, python, run};
use crate::{child, training, wrong};

fn softmax() -> Option<Assembled> {
    Assembled::of(&std::fs::read_to_string(crate_folder().join("examples/softmax.py")).unwrap())
}

#[test]
fn a_backend_in_python_is_a_correct_one() {
    let Some(backend) = softmax() else { return };
    child::succeeds("calls::trains", &backend.library);
}

#[test]
#[ignore = "called by another test"]
fn trains() {
    let before = interrupts();
    let plugin = child::plugin();
    assert_eq!((&*plugin.name, &*plugin.version), ("mine", "1.2.3"));
    let description = plugin.describe().unwrap();
    assert!(description.framework.starts_with("numpy "), "{}", description.framework);
    training::assert_trains(&plugin);
    training::assert_checks_calls(&plugin);
    training::assert_refuses(&plugin);
    let mut first = plugin.open(&training::request()).unwrap();
    first.set_parameters(&[&[0.5; 27], &[0.0; 3]]).unwrap();
    training::assert_trains(&plugin);
    let (mut weight, mut bias) = ([0.0; 27], [0.0; 3]);
    first.get_parameters(&mut [&mut weight, &mut bias]).unwrap();
    assert_eq!(weight, [0.5; 27], "another session leaves this one alone");
    assert_eq!(interrupts(), before, "an interrupt is the harness's");
}

/// Whether this process ignores, and whether it handles, an interrupt; nothing where there is
/// no file that tells.
fn interrupts() -> Vec<bool> {
    /// Of SIGINT, whose number is 2 on every Unix.
    const BIT: u64 = 1 << 1;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let masks = status.lines().filter(|line| line.starts_with("SigIgn") || line.starts_with("SigCgt"));
    let masks = masks.map(|line| u64::from_str_radix(line.split_whitespace().last().unwrap(), 16).unwrap());
    masks.map(|mask| mask & BIT != 0).collect()
}

#[test]
fn what_python_says_and_writes_arrives() {
    let Some(backend) = Assembled::of(wrong::BACKEND) else { return };
    child::succeeds("calls::answers", &backend.library);
}

#[test]
#[ignore = "called by another test"]
fn answers() {
    let plugin = child::plugin();
    let description = plugin.describe().unwrap();
    assert_eq!(description.framework, "misbehaving 1.0");
    assert_eq!(description.notes, ["a note"]);
    assert_eq!(description.devices[1].unavailable.as_deref(), Some("no driver"));
    assert_eq!(description.implementations[0].name, "builtin");

    let mut session = wrong::open(&plugin, "Session").unwrap();
    let mut logits = [0.0; 6];
    session.predict(Split::Test, &[3, 4], 1, &mut logits).unwrap();
    assert_eq!(logits, [3.0, 3.0, 3.0, 4.0, 4.0, 4.0]);
    let epoch = session.train_epoch(&[0, 1, 2, 3, 4, 5, 6], 2).unwrap();
    assert_eq!((epoch.loss, epoch.correct), (1.5, 7));

    let mut counts = wrong::open(&plugin, "Counts").unwrap();
    let before = counts.train_step(&[0]).unwrap().loss;
    std::thread::sleep(Duration::from_millis(100));
    let after = counts.train_step(&[0]).unwrap().loss;
    assert!(after > before + 1000.0, "Python's threads run between calls: {before} to {after}");
}

#[test]
fn an_environment_without_numpy_is_told() {
    let Some(usual) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let environment = folder.path().join("environment");
    let mut venv = std::process::Command::new(&usual.program);
    run(venv.args(["-m", "venv", "--without-pip"]).arg(&environment)).unwrap();
    let bare = Python { program: environment.join("bin/python"), ..usual.clone() };
    let source = "import trainmark as tm\ndef describe():\n    return tm.Description('f 1', [])\n\
                  def open(request):\n    pass\n";
    let backend = Assembled::with(source, &bare);
    let said = child::said(&child::succeeds("calls::has_no_numpy", &backend.library));
    let expected = format!("{} has no numpy; name it in the backend's requirements", bare.program.display());
    assert!(said.contains(&expected), "{said}");
}

#[test]
#[ignore = "called by another test"]
fn has_no_numpy() {
    println!("{}", child::plugin().open(&training::request()).err().unwrap());
}

#[test]
fn a_second_backend_in_one_process_is_refused() {
    let Some(backend) = softmax() else { return };
    std::fs::copy(&backend.library, backend.folder().join("second.so")).unwrap();
    child::succeeds("calls::loads_two", &backend.library);
}

#[test]
#[ignore = "called by another test"]
fn loads_two() {
    child::plugin().describe().unwrap();
    let second = child::load(&child::library().with_file_name("second.so"));
    let refused = second.describe().unwrap_err();
    let expected = "another Python runs in this process already, and there can be only one";
    assert_eq!(refused, Error::failed(expected));
}
