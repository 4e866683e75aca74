//! From the gradient of the pooled, activated output back to that of the values
//! before batch norm.

use crate::fused::batch_norm::{Affine, Gradient};
use crate::fused::lanes::Lanes;
use crate::fused::sigmoid::{sigmoid, sigmoid_gradient};

/// out = sigmoid(z), z = (largest − mean)·scale + shift, for one channel of a block.
#[inline(always)]
pub(super) fn activate<V: Lanes>(affine: Affine, largest: &[V], output: &mut [V]) {
    let [mean, scale, shift] = [affine.mean, affine.scale, affine.shift].map(V::splat);
    for (largest, output) in largest.iter().zip(output) {
        *output = sigmoid(largest.sub(mean).mul_add(scale, shift));
    }
}

/// The largest of a window.
#[inline(always)]
pub(super) fn largest<V: Lanes>(window: &[V; 4]) -> V {
    let [a, b, c, d] = *window;
    a.max(b).max(c.max(d))
}

/// Replaces ∂L/∂out by ∂L/∂z = ∂L/∂out · out·(1 − out), for one channel of a block, and
/// returns Σ ∂L/∂z · (largest − mean) and Σ ∂L/∂z.
#[inline(always)]
pub(super) fn deactivate<V: Lanes>(mean: f32, largest: &[V], output: &[V], d_output: &mut [V]) -> [V; 2] {
    let mean = V::splat(mean);
    let mut sums = [V::zero(); 2];
    for ((largest, &output), d) in largest.iter().zip(output).zip(d_output) {
        *d = sigmoid_gradient(output, *d);
        sums[0] = d.mul_add(largest.sub(mean), sums[0]);
        sums[1] = sums[1].add(*d);
    }
    sums
}

/// ∂L/∂before of two rows, for one channel of a block:
///
/// ```text
/// scale·[first largest of its window]·∂L/∂z + slope·(before − mean) + constant
/// ```
///
/// and without batch norm only the first term, since 0 · ∞ is not 0.
///
/// `before` comes window after window, `d_rows` is two rows of `columns`. Only the
/// lanes of `mask` count.
///
/// The largest is found again rather than read: the memory is what this waits for.
/// (Where γ = 0 the window's first stood for it; but then scale is 0.)
#[inline(always)]
pub(super) fn unpool<V: Lanes, const HAS_BATCH_NORM: bool>(
    gradient: Gradient,
    mask: V,
    (before, d_z): (&[V], &[V]),
    columns: usize,
    d_rows: &mut [V],
) {
    let scale = V::splat(gradient.scale);
    let slope = mask.mul(V::splat(gradient.slope));
    // Values lie about one that occurs: the mean is not so far from 0 that this cancels.
    let constant = mask.mul(V::splat(gradient.constant - gradient.slope * gradient.mean));
    let (upper, lower) = d_rows.split_at_mut(columns);
    let windows = before.as_chunks::<4>().0.iter().zip(d_z);
    let places = upper.as_chunks_mut::<2>().0.iter_mut().zip(lower.as_chunks_mut::<2>().0);
    for ((before, d_z), (upper, lower)) in windows.zip(places) {
        let largest = largest(before);
        // The window's gradient waits here until its first largest comes by.
        let mut waiting = d_z.mul(scale);
        for place in 0..4 {
            let (own, rest) = match place {
                3 => (waiting, waiting),
                _ => before[place].divide_by_equality(largest, waiting),
            };
            waiting = rest;
            let d = match HAS_BATCH_NORM {
                true => before[place].mul_add(slope, constant.add(own)),
                false => own,
            };
            if place < 2 { upper[place] = d } else { lower[place - 2] = d }
        }
    }
}
