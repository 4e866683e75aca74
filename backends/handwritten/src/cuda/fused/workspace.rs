//! Memory for the values of a batch.

use trainmark_plugin::Error;

use super::plan::{TILE, sizes};
use crate::cuda::device::{Address, Device};

/// What the kernels of a step hand to each other. `before` is in front of batch norm, `after`
/// behind sigmoid and pooling; `d_` is the loss's gradient with respect to them, `d_normalized`
/// the one behind batch norm. `moments` and `sums` are pairs per channel and block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Workspace {
    /// Samples that there is room for.
    pub(super) capacity: usize,
    pub(super) convolution1: Convolution,
    pub(super) convolution2: Convolution,
    /// The second convolution stage's output. (The first's is made anew where it is needed.)
    pub(super) after2: Address,
    pub(super) linear1: Linear,
    pub(super) linear2: Linear,
    /// ∂L/∂logits
    pub(super) d_logits: Address,
    /// How many blocks have ended the gradient of the first convolution; 0 between steps.
    pub(super) finished: Address,
}

/// A convolution stage's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Convolution {
    pub(super) before: Address,
    pub(super) moments: Address,
    /// ∂L/∂z of each window's largest.
    pub(super) d_after: Address,
    pub(super) sums: Address,
    /// Each sample's share of the gradient of weight and bias.
    pub(super) shares: Address,
}

/// A linear stage's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Linear {
    pub(super) before: Address,
    pub(super) moments: Address,
    pub(super) after: Address,
    pub(super) d_normalized: Address,
    pub(super) sums: Address,
    pub(super) d_before: Address,
}

impl Workspace {
    /// # Errors
    /// `out of memory`.
    pub(super) fn new(device: &dyn Device, capacity: usize) -> Result<Self, Error> {
        let convolution = |before: usize, windows: usize, channels: usize, gradients: usize| {
            Ok::<_, Error>(Convolution {
                before: device.allocate_words(capacity * before)?,
                moments: device.allocate_words(capacity * 2 * channels)?,
                d_after: device.allocate_words(capacity * windows)?,
                sums: device.allocate_words(capacity * 2 * channels)?,
                shares: device.allocate_words(capacity * gradients)?,
            })
        };
        let linear = |features: usize| {
            let values = || device.allocate_words(capacity * features);
            let pairs = || device.allocate_words(capacity.div_ceil(TILE) * 2 * features);
            Ok::<_, Error>(Linear {
                before: values()?,
                moments: pairs()?,
                after: values()?,
                d_normalized: values()?,
                sums: pairs()?,
                d_before: values()?,
            })
        };
        Ok(Self {
            capacity,
            convolution1: convolution(
                sizes::BEFORE_1,
                sizes::WINDOWS_1,
                sizes::CHANNELS_1,
                sizes::GRADIENTS_1,
            )?,
            convolution2: convolution(
                sizes::BEFORE_2,
                sizes::WINDOWS_2,
                sizes::CHANNELS_2,
                sizes::GRADIENTS_2,
            )?,
            after2: device.allocate_words(capacity * sizes::WINDOWS_2)?,
            linear1: linear(sizes::FEATURES_1)?,
            linear2: linear(sizes::FEATURES_2)?,
            d_logits: device.allocate_words(capacity * sizes::CLASS_STRIDE)?,
            finished: device.allocate_words(1)?,
        })
    }
}
