//! Batches whose gradients do not hang on rounding.

use trainmark_plugin::Samples;

use super::Subject;
use crate::reference::{Batch, Reference};
use crate::workload::epoch_order;

/// Two values of a pool window closer than this, relative to the largest of the
/// layer, may change places in float32: its rounding is 6e-8 per operation, and
/// convolution and batch norm carry a few of these on. (Seen to happen at 1e-7.)
const NEAR_TIE: f64 = 1e-6;
/// Exchanged samples change the batch's statistics, so that every window behind a
/// batch norm is drawn anew: of a full batch of `lenet-bn` about one in three is free
/// of near-ties.
const ROUNDS: usize = 12;

/// A batch and where it came from.
pub(super) struct Chosen {
    pub(super) indices: Vec<u32>,
    pub(super) batch: Batch,
    /// The smallest gap that is left; at least [`NEAR_TIE`] where the data allow it.
    pub(super) smallest_gap: f64,
}

impl Chosen {
    /// A remark for the record where near-ties are left.
    pub(super) fn remark(&self) -> Option<String> {
        let gap = self.smallest_gap;
        (gap < NEAR_TIE).then(|| format!("the batch holds a near-tie in a max pool (gap {gap:.0e})"))
    }
}

/// Endless training samples in a seeded order, each as often as any other.
pub(super) fn samples(subject: &Subject<'_>) -> impl Iterator<Item = u32> + use<> {
    let (count, seed) = (subject.dataset.train.count() as u32, subject.seed);
    (0..).flat_map(move |epoch| epoch_order(count, seed ^ 0x00c0_ffee, epoch))
}

/// Takes `size` of the candidates, exchanging those with a near-tie in a max pool
/// window (or a ReLU's input near 0), where float32 may send the gradient
/// elsewhere. Exact ties stay in, on purpose: they come from equal inputs.
pub(super) fn choose(
    reference: &Reference,
    train: Samples<'_>,
    candidates: &mut impl Iterator<Item = u32>,
    size: usize,
) -> Chosen {
    let mut indices: Vec<u32> = candidates.take(size).collect();
    let mut best: Option<Chosen> = None;
    for _ in 0..ROUNDS {
        let batch = Batch::gather(train, &indices);
        let gaps = reference.smallest_gaps(&batch);
        let smallest_gap = gaps.iter().copied().fold(f64::INFINITY, f64::min);
        if best.as_ref().is_none_or(|best| smallest_gap > best.smallest_gap) {
            best = Some(Chosen { indices: indices.clone(), batch, smallest_gap });
        }
        let near: Vec<usize> = (0..size).filter(|&place| gaps[place] < NEAR_TIE).collect();
        // Of a network so large that most samples have one somewhere no batch is free of them.
        if near.is_empty() || near.len() > size.div_ceil(2) {
            break;
        }
        for (place, other) in near.into_iter().zip(&mut *candidates) {
            indices[place] = other;
        }
    }
    best.unwrap_or_else(|| {
        let batch = Batch::gather(train, &indices);
        Chosen { indices, batch, smallest_gap: 0.0 }
    })
}
