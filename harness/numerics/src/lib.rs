//! What the harness computes itself, in a crate of its own: it is optimised in every profile, since
//! everybody waits for it, and the rest of the harness is compiled quickly, since it decides no time.

pub mod images;
pub mod kernel;
pub mod random;
pub mod reference;
pub mod score;
pub mod synthetic;
pub mod threads;

/// How far the compiler has optimised this crate; "0" is not at all.
pub const OPTIMISATION_LEVEL: &str = env!("TRAINMARK_OPT_LEVEL");
