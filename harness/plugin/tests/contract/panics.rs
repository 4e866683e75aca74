//! A panic stays inside the plugin and ends the session.

use trainmark_plugin::host::PluginSession;
use trainmark_plugin::{Error, ErrorKind, Session, Split};

use crate::backend::{LENGTHS, Misbehaviour, plan, plugin, reached, ready_session, request};

/// Makes one call of a session by its name, with valid arguments.
fn call(session: &mut PluginSession<'_>, name: &str) -> Result<(), Error> {
    let (mut weight, mut bias) = ([0.0; LENGTHS[0]], [0.0; LENGTHS[1]]);
    match name {
        "set_parameters" => session.set_parameters(&[&weight, &bias]),
        "get_parameters" => session.get_parameters(&mut [&mut weight, &mut bias]),
        "train_step" => session.train_step(&[0]).map(drop),
        "train_epoch" => session.train_epoch(&[0, 1, 2], 2).map(drop),
        "predict" => session.predict(Split::Test, &[0], 1, &mut [0.0; 3]),
        other => panic!("no call {other}"),
    }
}

const CALLS: [&str; 5] = ["set_parameters", "get_parameters", "train_step", "train_epoch", "predict"];

#[test]
fn a_panic_ends_the_session_with_its_message() {
    for name in CALLS {
        let mut session = ready_session();
        // The provided train_epoch is made of train_step.
        let planned = if name == "train_epoch" { "train_step" } else { name };
        plan(planned, Misbehaviour::Panic("größer als null"));
        let error = call(&mut session, name).unwrap_err();
        assert_eq!(error, Error::new(ErrorKind::Panic, "größer als null"), "{name}");
        reached();
        for later in CALLS {
            let error = call(&mut session, later).unwrap_err();
            let poisoned = Error::new(ErrorKind::Panic, "an earlier call of this session panicked");
            assert_eq!(error, poisoned, "{later} after a panic in {name}");
        }
        drop(session);
        assert_eq!(reached(), ["close"], "after a panic in {name} only close reaches the backend");
    }
}

#[test]
fn panics_of_describe_and_open_are_errors() {
    plan("describe", Misbehaviour::Panic("describe fell over"));
    assert_eq!(plugin().describe(), Err(Error::new(ErrorKind::Panic, "describe fell over")));
    plan("open", Misbehaviour::Panic("open fell over"));
    assert_eq!(plugin().open(&request()).err(), Some(Error::new(ErrorKind::Panic, "open fell over")));
    reached();
    plugin().open(&request()).unwrap();
    assert_eq!(reached(), ["open", "close"], "a panic in open does not spoil the plugin");
}

#[test]
fn odd_payloads_are_caught() {
    for misbehaviour in [Misbehaviour::PanicWithoutMessage, Misbehaviour::PanicTwice] {
        let mut session = ready_session();
        plan("train_step", misbehaviour);
        let error = session.train_step(&[0]).unwrap_err();
        assert_eq!(error, Error::new(ErrorKind::Panic, "the panic carried no message"));
    }
}

#[test]
fn a_panic_while_closing_is_caught() {
    for misbehaviour in [Misbehaviour::Panic("close fell over"), Misbehaviour::PanicTwice] {
        let session = ready_session();
        plan("close", misbehaviour);
        drop(session);
        assert_eq!(reached(), ["close"]);
    }
}
