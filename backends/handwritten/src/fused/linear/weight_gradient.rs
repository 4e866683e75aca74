//! The gradient of a linear layer's weights.

use std::array;

use crate::fused::lanes::Lanes;

/// For the outputs from `first_output` and I registers of inputs from `first_input`:
///
/// ```text
/// d_weight[j, i] = Σₛ d[j, s] · x[s, i]
/// ```
///
/// Here the sum runs over the samples, so lanes are inputs: `rows` holds x turned
/// around, a row of `stride` floats for each of `samples` samples. `d` is as the blocks
/// hold it: block, output, lane. J × I sums side by side in registers.
#[inline(always)]
pub(super) fn weight_gradient<V: Lanes, const J: usize, const I: usize>(
    samples: usize,
    (d, outputs, first_output): (&[f32], usize, usize),
    (rows, stride, first_input): (&[f32], usize, usize),
    d_weight: &mut [f32],
) {
    let mut sums = [[V::zero(); I]; J];
    for (block, rows) in rows[..samples * stride].chunks(V::COUNT * stride).enumerate() {
        let d: [&[f32]; J] =
            array::from_fn(|j| &d[(block * outputs + first_output + j) * V::COUNT..][..V::COUNT]);
        for (lane, row) in rows.chunks_exact(stride).enumerate() {
            let row = &row[first_input..][..I * V::COUNT];
            let x: [V; I] = array::from_fn(|i| V::load(&row[i * V::COUNT..]));
            for j in 0..J {
                let d = V::splat(d[j][lane]);
                for i in 0..I {
                    sums[j][i] = d.mul_add(x[i], sums[j][i]);
                }
            }
        }
    }
    for j in 0..J {
        for i in 0..I {
            sums[j][i].store(&mut d_weight[(first_output + j) * stride + first_input + i * V::COUNT..]);
        }
    }
}
