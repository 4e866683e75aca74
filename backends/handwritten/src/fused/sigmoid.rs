//! The sigmoid and the exponential behind it, on whole registers.

use super::lanes::Lanes;

/// 1/(1 + e⁻ˣ)
#[inline(always)]
pub(super) fn sigmoid<V: Lanes>(x: V) -> V {
    V::splat(1.0).div(V::splat(1.0).add(exp(V::zero().sub(x))))
}

/// ∂L/∂x = ∂L/∂y · y·(1 − y) of y = sigmoid(x).
#[inline(always)]
pub(super) fn sigmoid_gradient<V: Lanes>(y: V, d_y: V) -> V {
    d_y.mul(y.mul(V::splat(1.0).sub(y)))
}

/// eˣ for −87 ≤ x ≤ 88, and the nearer bound's value beyond; within 2 units in
/// the last place. Not a number stays so.
///
/// eˣ = 2ᵏ·eʳ with k = round(x/ln 2) and r = x − k·ln 2, so |r| ≤ ln 2 / 2,
/// where eʳ is a short polynomial. (Cephes `expf`: its split of ln 2 into two
/// floats, and its minimax coefficients.)
#[inline(always)]
pub(super) fn exp<V: Lanes>(x: V) -> V {
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    /// Adding 1.5·2²³ rounds to a whole number, which then stands in the last bits.
    const ROUND: f32 = 12_582_912.0;
    let x = V::splat(88.0).min(V::splat(-87.0).max(x));
    let rounded = x.mul_add(V::splat(std::f32::consts::LOG2_E), V::splat(ROUND));
    let k = rounded.sub(V::splat(ROUND));
    let r = k.mul_add(V::splat(-LN_2_HIGH), x);
    let r = k.mul_add(V::splat(-LN_2_LOW), r);
    let mut p = V::splat(1.987_569_2e-4);
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_65, 0.5] {
        p = p.mul_add(r, V::splat(coefficient));
    }
    let exp_r = p.mul(r).mul_add(r, r).add(V::splat(1.0));
    exp_r.mul(rounded.two_to_the_last_bits())
}
