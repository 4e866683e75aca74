//! Backends in Python through the built library, as the harness loads one. A process has one
//! interpreter for good, so each library is loaded by a process of its own: see [`child`].
#![cfg(unix)]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed")]

mod assembled;
mod calls;
mod child;
mod cost;
mod modules;
mod python;
mod unusable;
mod wrong;

#[path = "../../../tests/training/mod.rs"]
mod training;
