//! Sessions: right ones, and what is said of wrong ones.

use std::time::Duration;

use trainmark_plugin::host::{Plugin, PluginSession};
use trainmark_plugin::{Error, ErrorKind, Layer, Session, Split};

use crate::assembled::{Assembled, crate_folder};
use crate::{child, training};

const MISBEHAVING: &str = include_str!("backends/misbehaving.py");

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

/// Whether this process ignores, and whether it handles, an interrupt.
fn interrupts() -> Vec<bool> {
    /// Of SIGINT, whose number is 2 on every Unix.
    const BIT: u64 = 1 << 1;
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let masks = status.lines().filter(|line| line.starts_with("SigIgn") || line.starts_with("SigCgt"));
    let masks = masks.map(|line| u64::from_str_radix(line.split_whitespace().last().unwrap(), 16).unwrap());
    masks.map(|mask| mask & BIT != 0).collect()
}

#[test]
fn what_a_session_does_wrong_is_told() {
    let Some(backend) = Assembled::of(MISBEHAVING) else { return };
    let output = child::succeeds("calls::misbehaves", &backend.library);
    let log = child::log(&output);
    assert!(log.contains("Traceback (most recent call last)") && log.contains("return {}[\"x\"]"), "{log}");
    assert!(log.contains("close: RuntimeError: it does not close"), "{log}");
}

/// The line of the misbehaving backend that has this text.
fn line(text: &str) -> usize {
    MISBEHAVING.lines().position(|line| line.contains(text)).expect("it is there") + 1
}

/// Where a method of a class is defined.
fn method(class: &str, name: &str) -> String {
    let after = line(&format!("class {class}("));
    let rest = MISBEHAVING.lines().skip(after);
    let within = rest.into_iter().position(|line| line.contains(&format!("def {name}("))).unwrap();
    format!("(backend.py:{} in {name})", after + within + 1)
}

fn open(plugin: &Plugin, behaviour: &str) -> Result<PluginSession<'static>, Error> {
    let mut request = training::request();
    request.model.name = behaviour.to_owned();
    let mut session = plugin.open(&request)?;
    session.set_parameters(&[&[0.5; 27], &[0.25; 3]])?;
    Ok(session)
}

/// One call of each kind, to the first error.
fn use_all(plugin: &Plugin, behaviour: &str) -> Result<(), Error> {
    let mut session = open(plugin, behaviour)?;
    session.get_parameters(&mut [&mut [0.0; 27], &mut [0.0; 3]])?;
    if !behaviour.ends_with("Epoch") && !behaviour.ends_with("Order") {
        session.train_step(&[0, 1, 2])?;
    }
    session.train_epoch(&[0, 1, 2, 3, 4, 5, 6], 2)?;
    session.predict(Split::Test, &[3, 4], 1, &mut [0.0; 6])
}

#[test]
#[ignore = "called by another test"]
fn misbehaves() {
    let plugin = child::plugin();
    let description = plugin.describe().unwrap();
    assert_eq!(
        (&*description.framework, &*description.notes),
        ("misbehaving 1.0", &["a note".to_owned()][..])
    );
    assert_eq!(description.devices[1].unavailable.as_deref(), Some("no driver"));
    assert_eq!(description.implementations[0].name, "builtin");

    let failures = [
        ("Raises", format!("KeyError: 'x' (backend.py:{} in train_step)", line(r#"{}["x"]"#))),
        (
            "RaisesInMidEpoch",
            format!(
                "RuntimeError: the third step (backend.py:{} in train_step)",
                line("raise RuntimeError(\"the t")
            ),
        ),
        (
            "Exits",
            format!(
                "sys.exit(3) was called, in a process that is trainmark's; raise an exception instead \
                 (backend.py:{} in train_step)",
                line("sys.exit(3)")
            ),
        ),
        (
            "Interrupts",
            format!("KeyboardInterrupt (backend.py:{} in train_step)", line("raise KeyboardInterrupt")),
        ),
        ("ReturnsNothing", format!("{} {}", outcome("None"), method("ReturnsNothing", "train_step"))),
        ("ReturnsALoss", format!("{} {}", outcome("0.5"), method("ReturnsALoss", "train_step"))),
        (
            "ReturnsText",
            format!(
                "train_step() returned the loss 'low', expected a float {}",
                method("ReturnsText", "train_step")
            ),
        ),
        (
            "ReturnsArray",
            format!(
                "train_step() returned the loss an object of type ndarray, expected a float {}",
                method("ReturnsArray", "train_step")
            ),
        ),
        (
            "ReturnsAFraction",
            format!(
                "train_step() returned 0.5 as correct, expected an int {}",
                method("ReturnsAFraction", "train_step")
            ),
        ),
        (
            "ReturnsTooMany",
            format!(
                "train_step() returned 4 correct of 3 samples {}",
                method("ReturnsTooMany", "train_step")
            ),
        ),
        (
            "KeepsBatch",
            format!("{} {}", kept("train_step", "the array that"), method("KeepsBatch", "train_step")),
        ),
        (
            "KeepsPartOfBatch",
            format!("{} {}", kept("train_step", "the array that"), method("KeepsPartOfBatch", "train_step")),
        ),
        (
            "KeepsPartOfOrder",
            format!("{} {}", kept("train_step", "the array that"), method("KeepsPartOfBatch", "train_step")),
        ),
        (
            "KeepsParameters",
            format!(
                "{} {}",
                kept("set_parameters", "array 0 of 2 that"),
                method("KeepsParameters", "set_parameters")
            ),
        ),
        (
            "KeepsLogits",
            format!("{} {}", kept("predict", "array 1 of 2 that"), method("KeepsLogits", "predict")),
        ),
        (
            "WritesOtherShape",
            format!(
                "ValueError: could not broadcast input array from shape (2,2) into shape (3,9) \
                 (backend.py:{} in get_parameters)",
                line("np.zeros((2, 2))")
            ),
        ),
        (
            "ReplacesParameters",
            format!(
                "get_parameters() put another object in the place of values[1]; write into the array: \
                 values[1][...] = … {}",
                method("ReplacesParameters", "get_parameters")
            ),
        ),
        (
            "ReturnsParameters",
            format!(
                "get_parameters() returned an object of type list, expected nothing: it writes into what \
                 it is given, values[i][...] = … {}",
                method("ReturnsParameters", "get_parameters")
            ),
        ),
        (
            "ReturnsLogits",
            format!(
                "predict() returned an object of type ndarray, expected nothing: it writes into what it is \
                 given, logits[...] = … {}",
                method("ReturnsLogits", "predict")
            ),
        ),
        (
            "WritesSamples",
            format!(
                "ValueError: assignment destination is read-only (backend.py:{} in train_step)",
                line("pixels[0] = 0")
            ),
        ),
        (
            "AsksWrongField",
            format!(
                "AttributeError: a layer flatten has no kernel; it has kind, input, output, parameters \
                 (backend.py:{} in train_step)",
                line("layers[0].kernel")
            ),
        ),
        (
            "HasNoMethods",
            format!(
                "open() returned an object of type HasNoMethods, expected a session: it has no method \
                 set_parameters, get_parameters, train_step (backend.py:{} in open)",
                line("def open(request)")
            ),
        ),
        (
            "Nothing",
            format!(
                "open() returned None, expected a session: it has no method set_parameters, \
                 get_parameters, train_step, predict (backend.py:{} in open)",
                line("def open(request)")
            ),
        ),
    ];
    for (behaviour, message) in failures {
        assert_eq!(use_all(&plugin, behaviour), Err(Error::failed(message)), "{behaviour}");
    }

    let kinds = [
        ("NeedsTooMuch", ErrorKind::OutOfMemory, "Unable to allocate 1.00 EiB"),
        ("HasNoGpuMemory", ErrorKind::OutOfMemory, "RuntimeError: CUDA out of memory"),
        ("SaysInvalid", ErrorKind::Invalid, "one sample is too few"),
        ("SaysUnsupported", ErrorKind::Unsupported, "layer 1 (linear) is not built"),
        ("SaysDevice", ErrorKind::Device, "the card has fallen off the bus"),
    ];
    for (behaviour, kind, words) in kinds {
        let error = use_all(&plugin, behaviour).unwrap_err();
        assert!(error.kind == kind && error.message.contains(words), "{behaviour}: {error:?}");
    }

    assert_eq!(use_all(&plugin, "KeepsGarbage"), Ok(()));
    assert_eq!(use_all(&plugin, "CannotClose"), Ok(()));

    let mut session = open(&plugin, "RaisesInMidEpoch").unwrap();
    let error = session.train_epoch(&[0, 1, 2, 3, 4, 5, 6], 2).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Failed);
    assert_eq!(session.train_step(&[0]).unwrap().loss, 1.0, "a session can go on after an exception");

    let mut session = open(&plugin, "Session").unwrap();
    let mut logits = [0.0; 6];
    session.predict(Split::Test, &[3, 4], 1, &mut logits).unwrap();
    assert_eq!(logits, [3.0, 3.0, 3.0, 4.0, 4.0, 4.0]);
    let epoch = session.train_epoch(&[0, 1, 2, 3, 4, 5, 6], 2).unwrap();
    assert_eq!((epoch.loss, epoch.correct), (1.5, 7));

    let mut norm = training::request().with_implementation("primitive");
    norm.model.layers.insert(1, Layer::BatchNorm { epsilon: 1e-5, momentum: 0.1 });
    let refused = plugin.open(&norm).err().unwrap();
    assert_eq!(refused.kind, ErrorKind::Unsupported, "what is not listed does not reach the backend");

    let mut counts = open(&plugin, "Counts").unwrap();
    let before = counts.train_step(&[0]).unwrap().loss;
    std::thread::sleep(Duration::from_millis(100));
    let after = counts.train_step(&[0]).unwrap().loss;
    assert!(after > before + 1000.0, "Python's threads run between calls: {before} to {after}");
}

fn outcome(returned: &str) -> String {
    format!(
        "train_step() returned {returned}, expected (loss, correct): the samples' mean loss and how many \
         of them were predicted rightly"
    )
}

fn kept(name: &str, what: &str) -> String {
    format!(
        "{name}() keeps {what} it was given, whose memory is valid during the call only; keep a copy \
         (array.copy(), torch.tensor(array), jnp.array(array, copy=True))"
    )
}

#[test]
fn a_crash_leaves_pythons_stack_in_the_log() {
    let Some(backend) = Assembled::of(MISBEHAVING) else { return };
    let output = child::run("calls::crashes", &backend.library);
    let log = child::log(&output);
    assert!(!output.status.success(), "{log}");
    assert!(log.contains("Fatal Python error: Segmentation fault"), "{log}");
    assert!(log.contains(&format!("backend.py\", line {} in train_step", line("string_at(0)"))), "{log}");
    assert!(child::said(&output).contains("printed before it crashed"));
}

#[test]
#[ignore = "called by another test"]
fn crashes() {
    let plugin = child::plugin();
    let _ = open(&plugin, "Crashes").unwrap().train_step(&[0]);
}

#[test]
fn an_environment_without_numpy_is_told() {
    let Some(python) = crate::python::python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let environment = folder.path().join("environment");
    let mut venv = std::process::Command::new(&python.program);
    crate::python::run(venv.args(["-m", "venv", "--without-pip"]).arg(&environment)).unwrap();
    let bare = crate::python::Python { program: environment.join("bin/python"), ..python.clone() };
    let source = "import trainmark as tm\ndef describe():\n    return tm.Description('f 1', [])\n\
                  def open(request):\n    pass\n";
    let backend = Assembled::with(source, &bare);
    let output = child::succeeds("calls::has_no_numpy", &backend.library);
    let program = bare.program.display();
    let expected = format!("{program} has no numpy; name it in the backend's requirements");
    assert!(child::said(&output).contains(&expected), "{}", child::said(&output));
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
