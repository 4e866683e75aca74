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
    assert!(columns.is_multiple_of(2) && !rows.is_empty(), "even sides");
    let d: [&[V]; C] = array::from_fn(|c| &d_before[c * channel_stride..][..rows.len() * columns]);
    let mut ahead = ahead.chunks(ahead.len().div_ceil(stage.in_channels * K).max(1));
    for (place, d_weight) in d_weight.chunks_exact_mut(K * C).enumerate() {
        let (i, u) = (place / K, place % K);
        V::fetch(ahead.next().unwrap_or_default());
        let plane = &input[i * stage.height * stage.width..][..stage.height * stage.width];
        let mut sums: [[V; C]; K] = array::from_fn(|v| array::from_fn(|c| d_weight[v * C + c]));
        let first_row = &plane[(rows.start + u) * stage.width..];
        assert!(first_row.len() >= (rows.len() - 1) * stage.width + columns + K - 1, "input of the rows");
        for row in 0..rows.len() {
            // Two columns at a time: checks and counting cost instructions that the
            // multiply-adds need.
            for column in (0..columns).step_by(2) {
                for column in [column, column + 1] {
                    // SAFETY: row < rows, column < columns, which are even, and a channel has
                    // as many values as both say: asserted by the slices' lengths.
                    let d: [V; C] =
                        array::from_fn(|c| unsafe { *d[c].get_unchecked(row * columns + column) });
                    each_place!(v < K, {
                        // SAFETY: the largest such index is in the last row, behind its last
                        // column by K − 1: asserted above.
                        let input = unsafe { first_row.get_unchecked(row * stage.width + column + v) };
                        let input = input.read();
                        for c in 0..C {
                            sums[v][c].accumulate(d[c], input);
                        }
                    });
                }
            }
        }
        for v in 0..K {
            d_weight[v * C..][..C].copy_from_slice(&sums[v]);
        }
    }
}
