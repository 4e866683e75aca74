//! Products of a weight matrix with the values of blocks of samples.

use std::array;

use crate::fused::lanes::Lanes;

/// How a product reads the weight matrix, row-major with `width` columns.
pub(super) trait Reading: Copy {
    /// The weights by which the k-th value goes into the sums j = 0 … J − 1 of a tile
    /// that begins with sum `first`: a function of k below `length`.
    fn tile<'w, const J: usize>(
        self,
        weight: &'w [f32],
        width: usize,
        first: usize,
        length: usize,
    ) -> impl Fn(usize) -> [f32; J] + use<'w, J, Self>;
}

/// A sum per row, over the columns: from inputs to outputs.
#[derive(Clone, Copy)]
pub(super) struct Forward;

/// A sum per column, over the rows: from outputs back to inputs.
#[derive(Clone, Copy)]
pub(super) struct Backward;

impl Reading for Forward {
    #[inline(always)]
    fn tile<'w, const J: usize>(
        self,
        weight: &'w [f32],
        width: usize,
        first: usize,
        length: usize,
    ) -> impl Fn(usize) -> [f32; J] + use<'w, J> {
        let rows: [&[f32]; J] = array::from_fn(|j| &weight[(first + j) * width..][..length]);
        #[inline(always)]
        move |k| array::from_fn(|j| rows[j][k])
    }
}

impl Reading for Backward {
    #[inline(always)]
    fn tile<'w, const J: usize>(
        self,
        weight: &'w [f32],
        width: usize,
        first: usize,
        _: usize,
    ) -> impl Fn(usize) -> [f32; J] + use<'w, J> {
        #[inline(always)]
        move |k| {
            let row = &weight[k * width + first..][..J];
            array::from_fn(|j| row[j])
        }
    }
}

/// For J sums and B blocks of samples:
///
/// ```text
/// y[block, j] = start[j] + Σₖ weight(k)[j] · x[block, k]
/// ```
///
/// J × B sums side by side in registers: each weight that is loaded serves B sums,
/// each value J. `x` holds `x_len` values per block, `y` holds `y_len`.
#[inline(always)]
pub(super) fn product<V: Lanes, const J: usize, const B: usize>(
    weight: impl Fn(usize) -> [f32; J],
    start: [f32; J],
    (x, x_len): (&[V], usize),
    (y, y_len): (&mut [V], usize),
) {
    let mut sums: [[V; B]; J] = array::from_fn(|j| [V::splat(start[j]); B]);
    let x: [&[V]; B] = array::from_fn(|block| &x[block * x_len..][..x_len]);
    #[expect(clippy::needless_range_loop, reason = "k counts through every block and the weights")]
    for k in 0..x_len {
        let values: [V; B] = array::from_fn(|block| x[block][k]);
        let weights = weight(k);
        for j in 0..J {
            let weight = V::splat(weights[j]);
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
