//! Products of a weight matrix with the values of blocks of samples.

use std::array;

use crate::fused::lanes::Lanes;

/// A weight matrix as a product reads it: element (j, k), with sums over k.
#[derive(Debug, Clone, Copy)]
pub(super) struct Matrix<'w> {
    /// The weights from the first row on that is wanted.
    pub(super) weight: &'w [f32],
    /// From one j to the next.
    pub(super) j_stride: usize,
    /// From one k to the next.
    pub(super) k_stride: usize,
}

/// For J rows of the matrix and B blocks of samples:
///
/// ```text
/// y[block, j] = start[j] + Σₖ matrix[j, k] · x[block, k]
/// ```
///
/// J × B sums side by side in registers: each weight that is loaded serves B sums,
/// each value J. `x` holds `x_len` values per block, `y` holds `y_len`.
#[inline(always)]
pub(super) fn product<V: Lanes, const J: usize, const B: usize>(
    matrix: Matrix<'_>,
    start: [f32; J],
    (x, x_len): (&[V], usize),
    (y, y_len): (&mut [V], usize),
) {
    let mut sums: [[V; B]; J] = array::from_fn(|j| [V::splat(start[j]); B]);
    let x: [&[V]; B] = array::from_fn(|block| &x[block * x_len..][..x_len]);
    for k in 0..x_len {
        let values: [V; B] = array::from_fn(|block| x[block][k]);
        for j in 0..J {
            let weight = V::splat(matrix.weight[j * matrix.j_stride + k * matrix.k_stride]);
            for block in 0..B {
                sums[j][block] = weight.mul_add(values[block], sums[j][block]);
            }
        }
    }
    for j in 0..J {
        for block in 0..B {
            y[block * y_len + j] = sums[j][block];
        }
    }
}
