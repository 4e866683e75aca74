//! A line that a worker says.

use trainmark::worker::protocol::Message;

pub(super) fn run(bytes: &[u8]) {
    let Ok(message) = serde_json::from_slice::<Message>(bytes) else { return };
    let written = serde_json::to_string(&message).unwrap_or_else(|error| panic!("{message:?}: {error}"));
    let again: Message = serde_json::from_str(&written).unwrap_or_else(|error| panic!("{written}: {error}"));
    // By their text: a number that is none is not like itself.
    assert_eq!(serde_json::to_string(&again).ok().as_deref(), Some(&*written));
}
