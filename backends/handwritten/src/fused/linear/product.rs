//! Products of a weight matrix with the values of blocks of samples.

use std::array;

use crate::fused::lanes::Lanes;

/// A weight matrix, and how far it is in it from one sum and from one value to the next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Matrix<'w> {
    weight: &'w [f32],
    from_sum: usize,
    from_value: usize,
}

impl<'w> Matrix<'w> {
    /// A sum per row, over the columns: from inputs to outputs.
    pub(super) fn forward(weight: &'w [f32], width: usize) -> Self {
        Self { weight, from_sum: width, from_value: 1 }
    }

    /// A sum per column, over the rows: from outputs back to inputs.
    pub(super) fn backward(weight: &'w [f32], width: usize) -> Self {
        Self { weight, from_sum: 1, from_value: width }
    }

    /// The part that begins with this sum.
    #[inline(always)]
    pub(super) fn from(self, sum: usize) -> Self {
        Self { weight: &self.weight[sum * self.from_sum..], ..self }
    }
}

/// For J sums and B blocks of samples:
///
/// ```text
/// y[block, j] = start[j] + Σₖ weight[j, k] · x[block, k]
/// ```
///
/// J × B sums side by side in registers: each weight that is loaded serves B sums,
/// each value J. `x` holds `x_len` values per block, `y` holds `y_len`.
///
/// # Panics
/// Where there are fewer weights or values than that.
#[inline(always)]
pub(super) fn product<V: Lanes, const J: usize, const B: usize>(
    Matrix { weight, from_sum, from_value }: Matrix<'_>,
    start: [f32; J],
    (x, x_len): (&[V], usize),
    (y, y_len): (&mut [V], usize),
) {
    let mut sums: [[V; B]; J] = array::from_fn(|j| [V::splat(start[j]); B]);
    assert!(x.len() >= B * x_len, "values of {B} blocks");
    let last_value = x_len.saturating_sub(1);
    assert!(weight.len() > (J - 1) * from_sum + last_value * from_value, "weights of {J} sums");
    for k in 0..x_len {
        // A check of each index would cost as many instructions as the multiply-adds.
        // SAFETY: k < x_len and block < B, and there are B · x_len values: asserted above.
        let values: [V; B] = array::from_fn(|block| unsafe { *x.get_unchecked(block * x_len + k) });
        #[expect(clippy::needless_range_loop, reason = "j counts through the weights too")]
        for j in 0..J {
            // SAFETY: the largest such index is that of the last sum and value: asserted above.
            let weight = V::splat(unsafe { *weight.get_unchecked(j * from_sum + k * from_value) });
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
