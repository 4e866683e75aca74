//! The boundary itself: the host's calls against a table that the SDK makes,
//! without a library in between.

mod backend;
mod handshake;
mod misuse;
mod panics;
mod raw;
mod round_trip;
