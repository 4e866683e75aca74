//! The gradient of the input.

use std::array;

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
/// side in registers. `weight` is packed as o, u, v, i.
#[inline(always)]
pub(super) fn input_gradient<V: Lanes, const K: usize, const C: usize>(
    stage: &ConvolutionStage,
    d_before: &[V],
    weight: &[f32],
    d_input: &mut [V],
) {
    let plane = stage.height * stage.width;
    for y in 0..stage.height {
        for x in (0..stage.width).step_by(COLUMNS) {
            let to_the_right = stage.width - x;
            let place = (stage, y, x);
            let sums = match (x == 0, to_the_right) {
                (true, COLUMNS) => columns::<V, K, C, true, NARROW>(place, d_before, weight),
                (false, COLUMNS) => columns::<V, K, C, false, NARROW>(place, d_before, weight),
                (true, _) if to_the_right >= COLUMNS + K - 1 => {
                    columns::<V, K, C, true, WIDE>(place, d_before, weight)
                }
                (false, _) if to_the_right >= COLUMNS + K - 1 => {
                    columns::<V, K, C, false, WIDE>(place, d_before, weight)
                }
                (true, _) => columns::<V, K, C, true, OTHER>(place, d_before, weight),
                (false, _) => columns::<V, K, C, false, OTHER>(place, d_before, weight),
            };
            let columns = COLUMNS.min(to_the_right);
            for c in 0..C {
                d_input[c * plane + y * stage.width + x..][..columns].copy_from_slice(&sums[c][..columns]);
            }
        }
    }
}

/// How far the row goes on from four columns: just to their end, as far as a kernel
/// reaches beyond it, or anything else.
const NARROW: u8 = 0;
const WIDE: u8 = 1;
const OTHER: u8 = 2;

/// The sums of four columns from (y, x) on. Each d_before of a row is loaded once and
/// goes to those of the four that a kernel's row reaches from it. Which of a row's
/// exist depends on how near the edges are: told at compile time, so that no branch
/// stands between the sums and their registers.
#[inline(always)]
fn columns<V: Lanes, const K: usize, const C: usize, const AT_LEFT: bool, const RIGHT: u8>(
    (stage, y, x): (&ConvolutionStage, usize, usize),
    d_before: &[V],
    weight: &[f32],
) -> [[V; COLUMNS]; C] {
    let (out_width, area) = (stage.out_width(), stage.area());
    let (first_u, last_u) = ((y + 1).saturating_sub(stage.out_height()), y.min(K - 1));
    // Steps along the row, from the column that reaches x with the last place of the kernel on.
    let first = if AT_LEFT { K - 1 } else { 0 };
    let end = if RIGHT == NARROW { COLUMNS } else { COLUMNS + K - 1 };
    let mut sums = [[V::zero(); COLUMNS]; C];
    for o in 0..stage.out_channels {
        for u in first_u..=last_u {
            let row = &d_before[o * area + (y - u) * out_width..][..out_width];
            let row = &row[x + first - (K - 1)..];
            let row = if RIGHT == OTHER { row } else { &row[..end.saturating_sub(first)] };
            let weight = &weight[(o * K + u) * K * C..][..K * C];
            each_place!(v < K, {
                let weights: [V; C] = array::from_fn(|c| V::splat(weight[v * C + c]));
                #[expect(clippy::needless_range_loop, reason = "it counts through every channel's sums")]
                for column in 0..COLUMNS {
                    let step = column + K - 1 - v;
                    if (first..end).contains(&step)
                        && let Some(d) = row.get(step - first)
                    {
                        let d = d.read();
                        for c in 0..C {
                            sums[c][column].accumulate(weights[c], d);
                        }
                    }
                }
            });
        }
    }
    sums
}
