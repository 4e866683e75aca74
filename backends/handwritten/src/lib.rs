//! The hand-written backend.
