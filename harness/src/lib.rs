//! trainmark: trains the same model with every backend, proves that they compute
//! the same function, and measures how fast they do it.

pub mod conformance;
pub mod reference;
pub mod workload;
