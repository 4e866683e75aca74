//! The gradient of the weights.

use std::array;
use std::ops::Range;

use crate::fused::lanes::Lanes;
use crate::fused::plan::ConvolutionStage;

/// For the C output channels of a tile and the given output rows of one block:
///
/// ```text
/// d_weight[o, i, u, v] += Σ over r and c of d_before[o, r, c] · in[i, r + u, c + v]
/// ```
///
/// lane by lane. The K places of a kernel's row times C channels are summed side
/// by side in registers. `d_weight` is packed as i, u, v, o; `d_before` holds
/// `channel_stride` values per channel, beginning with the first of the rows.
/// On the way, the values of `ahead` are fetched into the cache.
#[inline(always)]
pub(super) fn weight_gradient<V: Lanes, const K: usize, const C: usize>(
    stage: &ConvolutionStage,
    input: &[V],
    (d_before, channel_stride): (&[V], usize),
    rows: Range<usize>,
    ahead: &[V],
    d_weight: &mut [V],
) {
    let columns = stage.out_width();
    let mut ahead = ahead.chunks(ahead.len().div_ceil(stage.in_channels * K).max(1));
    for (place, d_weight) in d_weight.chunks_exact_mut(K * C).enumerate() {
        let (i, u) = (place / K, place % K);
        V::fetch(ahead.next().unwrap_or_default());
        let plane = &input[i * stage.height * stage.width..][..stage.height * stage.width];
        let mut sums: [[V; C]; K] = array::from_fn(|v| array::from_fn(|c| d_weight[v * C + c]));
        for row in rows.clone() {
            let inputs = &plane[(row + u) * stage.width..][..columns + K - 1];
            let d_rows: [&[V]; C] =
                array::from_fn(|c| &d_before[c * channel_stride + (row - rows.start) * columns..][..columns]);
            for column in 0..columns {
                let inputs = &inputs[column..][..K];
                let d: [V; C] = array::from_fn(|c| d_rows[c][column]);
                for v in 0..K {
                    for c in 0..C {
                        sums[v][c] = d[c].mul_add(inputs[v], sums[v][c]);
                    }
                }
            }
        }
        for v in 0..K {
            d_weight[v * C..][..C].copy_from_slice(&sums[v]);
        }
    }
}
