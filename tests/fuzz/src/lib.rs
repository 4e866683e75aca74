//! Everything in trainmark that reads bytes of others, as functions of any bytes: each must
//! end soon, without a panic, and what it accepts must be what it says.
//!
//! `tests/corpus.rs` holds them against the corpus and what becomes of it at random, in every
//! run of the tests; `scripts/fuzz.sh` searches on, guided by what the code does.

mod targets;

pub use targets::{TARGETS, Target};
