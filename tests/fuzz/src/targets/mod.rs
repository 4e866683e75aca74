//! The targets, one file each.

mod decode;
mod describe;
mod events;
mod folder;
mod foreign;
mod idx;
mod manifest;
mod message;
mod open;
mod workload;

/// What is held against any bytes.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, and that of its folder in `corpus`.
    pub name: &'static str,
    /// Panics where the bytes break it.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: [Target; 9] = [
    Target { name: "decode", run: decode::run },
    Target { name: "describe", run: describe::run },
    Target { name: "events", run: events::run },
    Target { name: "folder", run: folder::run },
    Target { name: "idx", run: idx::run },
    Target { name: "manifest", run: manifest::run },
    Target { name: "message", run: message::run },
    Target { name: "open", run: open::run },
    Target { name: "workload", run: workload::run },
];

/// Fails where an error's words would spoil a line of a terminal.
fn assert_one_line(error: &dyn std::fmt::Display) {
    let text = error.to_string();
    assert!(!text.chars().any(char::is_control), "an error of more than a line: {text:?}");
}
