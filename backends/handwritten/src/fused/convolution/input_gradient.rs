//! The gradient of the input.

use crate::fused::lanes::Lanes;
use crate::fused::plan::ConvolutionStage;

/// Neighbouring columns that are summed side by side.
const COLUMNS: usize = 4;

/// For the C input channels of a tile of one block:
///
/// ```text
/// d_in[i, y, x] = Σₒ Σᵤ Σᵥ weight[o, i, u, v] · d_before[o, y − u, x − v]
/// ```
///
/// over the positions that exist: a gradient padded with zeros would make the sum
/// simpler and 2.25 times as long. Four columns times C channels are summed side by
/// side in registers. Each d_before of the row is loaded once and goes to those of
/// the four columns that a kernel's row reaches from it. `weight` is packed as o, u, v, i.
#[inline(always)]
pub(super) fn input_gradient<V: Lanes, const K: usize, const C: usize>(
    stage: &ConvolutionStage,
    d_before: &[V],
    weight: &[f32],
    d_input: &mut [V],
) {
    let (out_height, out_width, area) = (stage.out_height(), stage.out_width(), stage.area());
    let plane = stage.height * stage.width;
    for y in 0..stage.height {
        let (first_u, last_u) = ((y + 1).saturating_sub(out_height), y.min(K - 1));
        for x in (0..stage.width).step_by(COLUMNS) {
            let mut sums = [[V::zero(); COLUMNS]; C];
            for o in 0..stage.out_channels {
                for u in first_u..=last_u {
                    let row = &d_before[o * area + (y - u) * out_width..][..out_width];
                    let weight = &weight[(o * K + u) * K * C..][..K * C];
                    // From the column that reaches x with the last place of the kernel on.
                    // Spelled out, so that every sum stays in its register.
                    macro_rules! columns {
                        ($($step:literal)*) => {$(
                            if $step < COLUMNS + K - 1
                                && let Some(&d) = row.get((x + $step).wrapping_sub(K - 1))
                            {
                                add_column::<V, K, C, $step>(d, weight, &mut sums);
                            }
                        )*};
                    }
                    columns!(0 1 2 3 4 5 6 7);
                }
            }
            let columns = COLUMNS.min(stage.width - x);
            for c in 0..C {
                d_input[c * plane + y * stage.width + x..][..columns].copy_from_slice(&sums[c][..columns]);
            }
        }
    }
}

/// Adds what the gradient at column x + STEP − (K − 1) gives to the columns from x on.
#[inline(always)]
fn add_column<V: Lanes, const K: usize, const C: usize, const STEP: usize>(
    d: V,
    weight: &[f32],
    sums: &mut [[V; COLUMNS]; C],
) {
    for column in 0..COLUMNS {
        let v = (column + K - 1).wrapping_sub(STEP);
        if v < K {
            for c in 0..C {
                sums[c][column] = V::splat(weight[v * C + c]).mul_add(d, sums[c][column]);
            }
        }
    }
}
