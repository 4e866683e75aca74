//! Convolution, statistics and pooling in one pass over the output.

use std::array;

use super::unpool::largest;
use crate::fused::lanes::Lanes;
use crate::fused::plan::ConvolutionStage;

/// What the pass writes of one block, for the channels of a tile.
pub(super) struct Outputs<'o, V> {
    /// Values before batch norm of the block, from the tile's first channel on: row of
    /// windows, channel, column of windows, place in the window. Empty in prediction,
    /// which does not need them again.
    pub(super) before: &'o mut [V],
    /// The largest of each window: channel, window.
    pub(super) largest: &'o mut [V],
    /// Σ x and Σ x² per channel.
    pub(super) sums: &'o mut [[V; 2]],
}

/// For the C output channels of a tile and every 2×2 window (R, S) of positions
/// (r, c) = (2R + p, 2S + q):
///
/// ```text
/// x[o, r, c] = start[o] + Σᵢ Σᵤ Σᵥ weight[o, i, u, v] · in[i, r + u, c + v]
/// largest[o, R, S] = max over p, q of x[o, r, c]
/// ```
///
/// The four positions of a window times C channels are summed side by side in
/// registers: each input that is loaded serves C sums, and each weight four.
/// Batch norm and the sigmoid that follow never decrease, so the largest may be
/// taken before them, on a quarter of the values. `weight` is packed as i, u, v, o.
/// Where `is_flat`, all values of a window are equal after batch norm (γ = 0), and
/// its first stands for it.
#[inline(always)]
pub(super) fn windows<V: Lanes, const K: usize, const C: usize>(
    stage: &ConvolutionStage,
    input: &[V],
    weight: &[f32],
    start: &[f32],
    is_flat: &[bool],
    outputs: &mut Outputs<'_, V>,
) {
    let (columns, windows) = (stage.out_width() / 2, stage.windows());
    let mut sums = [[V::zero(); 2]; C];
    for window in 0..windows {
        let (row, column) = (window / columns * 2, window % columns * 2);
        let mut x: [[V; 4]; C] = array::from_fn(|c| [V::splat(start[c]); 4]);
        for i in 0..stage.in_channels {
            let plane = &input[i * stage.height * stage.width..][..stage.height * stage.width];
            let weight = &weight[i * K * K * C..][..K * K * C];
            let mut rows = &plane[row * stage.width + column..];
            for weight in weight.chunks_exact(K * C) {
                let (upper, below) = rows.split_at(stage.width);
                let (upper, lower) = (&upper[..K + 1], &below[..K + 1]);
                rows = below;
                each_place!(v < K, {
                    let weights: [V; C] = array::from_fn(|c| V::splat(weight[v * C + c]));
                    let inputs = [&upper[v], &upper[v + 1], &lower[v], &lower[v + 1]];
                    for (place, input) in inputs.into_iter().enumerate() {
                        let input = input.read();
                        for c in 0..C {
                            x[c][place].accumulate(weights[c], input);
                        }
                    }
                });
            }
        }
        for c in 0..C {
            let [a, b, d, e] = x[c];
            outputs.largest[c * windows + window] = if is_flat[c] { a } else { largest(&x[c]) };
            let [sum, squares] = &mut sums[c];
            *sum = sum.add(a.add(b).add(d.add(e)));
            for value in x[c] {
                *squares = value.mul_add(value, *squares);
            }
            if !outputs.before.is_empty() {
                outputs.before[((row / 2 * stage.out_channels + c) * columns + column / 2) * 4..][..4]
                    .copy_from_slice(&x[c]);
            }
        }
    }
    outputs.sums.copy_from_slice(&sums);
}
