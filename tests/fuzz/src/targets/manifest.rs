//! `backend.toml` of a foreign backend.

use trainmark::registry::manifest::{FILE, Manifest};

use super::{assert_one_line, folder};

pub(super) fn run(bytes: &[u8]) {
    folder::with(&[(FILE, bytes)], |folder| {
        if let Err(error) = Manifest::read(folder, folder) {
            assert_one_line(&error);
        }
    });
}
