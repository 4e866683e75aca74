//! What is said of sessions that do what they must not: its kind, what was expected, and the line.

use trainmark_plugin::host::{Plugin, PluginSession};
use trainmark_plugin::{Error, ErrorKind, Layer, Session, Split};

use crate::assembled::Assembled;
use crate::{child, training};

/// Its classes are named after what they do.
pub(crate) const BACKEND: &str = include_str!("backends/misbehaving.py");

/// Where a failure is told to be.
enum Place {
    /// The line with this text, in this function.
    Line(&'static str, &'static str),
    /// The definition of this method, of this class.
    Method(&'static str, &'static str),
    /// The definition of this function.
    Function(&'static str),
}

use Place::{Function, Line, Method};

/// What a session does, what is said of it, and where it is told to be.
const FAILURES: [(&str, &str, Place); 23] = [
    ("Raises", "KeyError: 'x'", Line(r#"{}["x"]"#, "train_step")),
    ("RaisesInMidEpoch", "RuntimeError: the third step", Line("RuntimeError(\"the third", "train_step")),
    (
        "Exits",
        "sys.exit(3) was called, in a process that is trainmark's; raise an exception instead",
        Line("sys.exit(3)", "train_step"),
    ),
    ("Interrupts", "KeyboardInterrupt", Line("raise KeyboardInterrupt", "train_step")),
    (
        "ReturnsNothing",
        "train_step() returned None, expected (loss, correct): the samples' mean loss and how many of them \
         were predicted rightly",
        Method("ReturnsNothing", "train_step"),
    ),
    (
        "ReturnsALoss",
        "train_step() returned 0.5, expected (loss, correct): the samples' mean loss and how many of them \
         were predicted rightly",
        Method("ReturnsALoss", "train_step"),
    ),
    (
        "ReturnsText",
        "train_step() returned the loss 'low', expected a float",
        Method("ReturnsText", "train_step"),
    ),
    (
        "ReturnsArray",
        "train_step() returned the loss an object of type ndarray, expected a float",
        Method("ReturnsArray", "train_step"),
    ),
    (
        "ReturnsAFraction",
        "train_step() returned 0.5 as correct, expected an int",
        Method("ReturnsAFraction", "train_step"),
    ),
    (
        "ReturnsTooMany",
        "train_step() returned 4 correct of 3 samples",
        Method("ReturnsTooMany", "train_step"),
    ),
    (
        "KeepsBatch",
        "train_step() keeps the array that it was given, whose memory is valid during the call only; keep a \
         copy (array.copy(), torch.tensor(array), jnp.array(array, copy=True))",
        Method("KeepsBatch", "train_step"),
    ),
    (
        "KeepsPartOfBatch",
        "train_step() keeps the array that it was given, whose memory is valid during the call only; keep a \
         copy (array.copy(), torch.tensor(array), jnp.array(array, copy=True))",
        Method("KeepsPartOfBatch", "train_step"),
    ),
    (
        "KeepsPartOfOrder",
        "train_step() keeps the array that it was given, whose memory is valid during the call only; keep a \
         copy (array.copy(), torch.tensor(array), jnp.array(array, copy=True))",
        Method("KeepsPartOfBatch", "train_step"),
    ),
    (
        "KeepsParameters",
        "set_parameters() keeps array 0 of 2 that it was given, whose memory is valid during the call only; \
         keep a copy (array.copy(), torch.tensor(array), jnp.array(array, copy=True))",
        Method("KeepsParameters", "set_parameters"),
    ),
    (
        "KeepsLogits",
        "predict() keeps array 1 of 2 that it was given, whose memory is valid during the call only; keep a \
         copy (array.copy(), torch.tensor(array), jnp.array(array, copy=True))",
        Method("KeepsLogits", "predict"),
    ),
    (
        "WritesOtherShape",
        "ValueError: could not broadcast input array from shape (2,2) into shape (3,9)",
        Line("np.zeros((2, 2))", "get_parameters"),
    ),
    (
        "ReplacesParameters",
        "get_parameters() put another object in the place of values[1]; write into the array: \
         values[1][...] = …",
        Method("ReplacesParameters", "get_parameters"),
    ),
    (
        "ReturnsParameters",
        "get_parameters() returned an object of type list, expected nothing: it writes into what it is given, \
         values[i][...] = …",
        Method("ReturnsParameters", "get_parameters"),
    ),
    (
        "ReturnsLogits",
        "predict() returned an object of type ndarray, expected nothing: it writes into what it is given, \
         logits[...] = …",
        Method("ReturnsLogits", "predict"),
    ),
    ("WritesSamples", "ValueError: assignment destination is read-only", Line("pixels[0] = 0", "train_step")),
    (
        "AsksWrongField",
        "AttributeError: a layer flatten has no kernel; it has kind, input, output, reads, parameters",
        Line("layers[0].kernel", "train_step"),
    ),
    (
        "HasNoMethods",
        "open() returned an object of type HasNoMethods, expected a session: it has no method \
         set_parameters, get_parameters, train_step",
        Function("open"),
    ),
    (
        "Nothing",
        "open() returned None, expected a session: it has no method set_parameters, get_parameters, \
         train_step, predict",
        Function("open"),
    ),
];

/// What is said where a session is closed whose images are kept.
const KEPT_IMAGES: &str = "the session that open() returned is closed, but request.test.pixels is still kept, \
    whose memory is valid while the session is open only; keep a copy (array.copy(), torch.tensor(array), \
    jnp.array(array, copy=True)), or let go of it in close()";

/// What a session raises, its kind, and words of what is said.
const KINDS: [(&str, ErrorKind, &str); 5] = [
    ("NeedsTooMuch", ErrorKind::OutOfMemory, "Unable to allocate 1.00 EiB"),
    ("HasNoGpuMemory", ErrorKind::OutOfMemory, "RuntimeError: CUDA out of memory"),
    ("SaysInvalid", ErrorKind::Invalid, "one sample is too few"),
    ("SaysUnsupported", ErrorKind::Unsupported, "layer 1 (linear) is not built"),
    ("SaysDevice", ErrorKind::Device, "the card has fallen off the bus"),
];

impl Place {
    fn shown(&self) -> String {
        match self {
            Line(text, function) => format!("(backend.py:{} in {function})", line(text)),
            Method(class, name) => {
                let class = line(&format!("class {class}("));
                let rest = BACKEND.lines().skip(class);
                let within =
                    rest.into_iter().position(|line| line.contains(&format!("def {name}("))).unwrap();
                format!("(backend.py:{} in {name})", class + within + 1)
            }
            Function(name) => format!("(backend.py:{} in {name})", line(&format!("def {name}("))),
        }
    }
}

/// The first line of the backend that has this text.
pub(crate) fn line(text: &str) -> usize {
    BACKEND.lines().position(|line| line.contains(text)).expect("it is there") + 1
}

/// The path of the file that its author edits, from its last letter beyond ASCII on, which Python may
/// write by its number.
fn edited(backend: &Assembled) -> String {
    let path = backend.folder().join("sources/backend.py").display().to_string();
    path.rsplit('Ü').next().unwrap_or_default().to_owned()
}

/// A session that does this.
pub(crate) fn open(plugin: &Plugin, behaviour: &str) -> Result<PluginSession<'static>, Error> {
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
    if !["RaisesInMidEpoch", "KeepsPartOfOrder"].contains(&behaviour) {
        session.train_step(&[0, 1, 2])?;
    }
    session.train_epoch(&[0, 1, 2, 3, 4, 5, 6], 2)?;
    session.predict(Split::Test, &[3, 4], 1, &mut [0.0; 6])
}

#[test]
fn what_a_session_does_wrong_is_told() {
    let Some(backend) = Assembled::of(BACKEND) else { return };
    let output = child::succeeds("wrong::misbehaves", &backend.library);
    let log = child::log(&output);
    assert!(log.contains("Traceback (most recent call last)") && log.contains("return {}[\"x\"]"), "{log}");
    assert!(log.contains("close: RuntimeError: it does not close"), "{log}");
    assert!(log.contains(&format!("close: {KEPT_IMAGES}")), "{log}");
    assert!(!log.contains("_session.py"), "a traceback begins in the backend: {log}");
    let line = format!("{}\", line {}, in train_step", edited(&backend), line(r#"{}["x"]"#));
    assert!(log.contains(&line), "it names the file that the author edits: {log}");
}

#[test]
#[ignore = "called by another test"]
fn misbehaves() {
    let plugin = child::plugin();
    for (behaviour, words, place) in FAILURES {
        let message = format!("{words} {}", place.shown());
        assert_eq!(use_all(&plugin, behaviour), Err(Error::failed(message)), "{behaviour}");
    }
    for (behaviour, kind, words) in KINDS {
        let error = use_all(&plugin, behaviour).unwrap_err();
        assert!(error.kind == kind && error.message.contains(words), "{behaviour}: {error:?}");
    }
    assert_eq!(use_all(&plugin, "KeepsGarbage"), Ok(()));
    assert_eq!(use_all(&plugin, "CannotClose"), Ok(()));
    assert_eq!(use_all(&plugin, "LetsGoOfImages"), Ok(()));

    let mut session = open(&plugin, "RaisesInMidEpoch").unwrap();
    session.train_epoch(&[0, 1, 2, 3, 4, 5, 6], 2).unwrap_err();
    assert_eq!(session.train_step(&[0]).unwrap().loss, 1.0, "a session can go on after an exception");

    let mut norm = training::request().with_implementation("primitive");
    norm.model.layers.insert(1, Layer::BatchNorm { epsilon: 1e-5, momentum: 0.1 });
    let refused = plugin.open(&norm).err().unwrap();
    assert_eq!(refused.kind, ErrorKind::Unsupported, "what is not listed does not reach the backend");

    assert_eq!(use_all(&plugin, "KeepsImages"), Ok(()), "closing it cannot fail, but what follows can");
    let kept = open(&plugin, "Session").err().unwrap();
    assert_eq!(kept, Error::failed(format!("{KEPT_IMAGES} {}", Function("open").shown())));
}

#[test]
fn a_crash_leaves_pythons_stack_in_the_log() {
    let Some(backend) = Assembled::of(BACKEND) else { return };
    let output = child::run("wrong::crashes", &backend.library);
    let log = child::log(&output);
    assert!(!output.status.success(), "{log}");
    assert!(log.contains("Fatal Python error: Segmentation fault"), "{log}");
    let line = format!("{}\", line {} in train_step", edited(&backend), line("string_at(0)"));
    assert!(log.contains(&line), "{log}");
    assert!(child::said(&output).contains("printed before it crashed"));
}

#[test]
#[ignore = "called by another test"]
fn crashes() {
    let _ = open(&child::plugin(), "Crashes").unwrap().train_step(&[0]);
}
