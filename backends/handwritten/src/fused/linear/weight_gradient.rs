//! The gradient of a linear layer's weights.

use std::array;

use crate::fused::lanes::Lanes;

/// For J outputs and a panel of I registers of inputs:
///
/// ```text
/// d_weight[j, i] = Σₛ d[j, s] · x[s, i]
/// ```
///
/// Here the sum runs over the samples, so lanes are inputs: `panel` holds I registers of
/// each sample, one after the other. `d` is as the blocks hold it, from the first of the J
/// outputs on: block, output, lane, with `outputs` outputs per block. J × I sums side by
/// side in registers, which go to rows of `d_weight` that are `stride` floats apart.
#[inline(always)]
pub(super) fn weight_gradient<V: Lanes, const J: usize, const I: usize>(
    panel: &[[V; I]],
    (d, outputs): (&[V], usize),
    (d_weight, stride): (&mut [f32], usize),
) {
    let mut sums = [[V::zero(); I]; J];
    for (block, rows) in panel.chunks(V::COUNT).enumerate() {
        let d = V::floats(&d[block * outputs..][..J]);
        let d: [&[f32]; J] = array::from_fn(|j| &d[j * V::COUNT..][..V::COUNT]);
        for (lane, x) in rows.iter().enumerate() {
            for j in 0..J {
                let d = V::splat(d[j][lane]);
                for i in 0..I {
                    sums[j][i] = d.mul_add(x[i], sums[j][i]);
                }
            }
        }
    }
    for (j, sums) in sums.iter().enumerate() {
        for (i, sum) in sums.iter().enumerate() {
            sum.store(&mut d_weight[j * stride + i * V::COUNT..]);
        }
    }
}
