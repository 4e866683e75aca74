//! The boundary itself: the host's calls against a table that the SDK makes,
//! without a library in between.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed")]

mod backend;
mod handshake;
mod misuse;
mod panics;
mod raw;
mod round_trip;
