//! How well a part of a batch was predicted.

/// Loss and right predictions, summed over samples.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Score {
    pub(crate) loss: f64,
    pub(crate) correct: u64,
}
