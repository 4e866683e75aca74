//! A block of samples in memory: how it is filled, masked and turned.
//!
//! As in the readable implementation, the samples of a block lie side by side,
//! unit after unit, and a block has as many samples as a register has lanes:
//!
//! ```text
//!              lane  0   1   2   …
//!     unit 0       [s0, s1, s2, …]      unit: one value of the layer,
//!     unit 1       [s0, s1, s2, …]            row-major
//!     …
//! ```
//!
//! One difference: the values before pooling lie window after window, the four
//! of a 2×2 window together, because they are made and used together.

use std::array;

use super::lanes::Lanes;

/// 1 in the lanes that hold a sample, 0 in padding lanes.
#[inline(always)]
pub(super) fn mask<V: Lanes>(samples: usize) -> V {
    let mut mask = [V::zero()];
    for lane in &mut V::floats_mut(&mut mask)[..samples.min(V::COUNT)] {
        *lane = 1.0;
    }
    mask[0]
}

/// Writes samples into a block: x\[u] = pixel\[u]/255, and 0 in padding lanes.
/// `pixels` holds the split's samples of `x.len()` bytes each.
#[inline(always)]
pub(super) fn load<V: Lanes>(samples: &[u32], pixels: &[u8], x: &mut [V]) {
    match V::COUNT {
        4 => load_squares::<V, 4>(samples, pixels, x),
        8 => load_squares::<V, 8>(samples, pixels, x),
        _ => load_squares::<V, 16>(samples, pixels, x),
    }
}

/// [`load`] for N = `COUNT` lanes, in squares of N samples and N pixels.
#[inline(always)]
fn load_squares<V: Lanes, const N: usize>(samples: &[u32], pixels: &[u8], x: &mut [V]) {
    let units = x.len();
    let rows: [&[u8]; N] = array::from_fn(|lane| match samples.get(lane) {
        Some(&sample) => &pixels[sample as usize * units..][..units],
        None => &[],
    });
    for (place, x) in x.chunks_mut(N).enumerate() {
        let rows: [V; N] = array::from_fn(|lane| match rows[lane].get(place * N..) {
            Some(row) if row.len() >= N => V::from_bytes(row),
            Some(row) => {
                let mut bytes = [0; N];
                bytes[..row.len()].copy_from_slice(row);
                V::from_bytes(&bytes)
            }
            None => V::zero(),
        });
        for (x, pixels) in x.iter_mut().zip(turned(rows)) {
            *x = over_255(pixels);
        }
    }
}

/// A square matrix turned around: the columns of N rows. Laying the first half of the
/// rows and the second into each other, value by value, turns one bit of the index;
/// N rows have log₂ N such bits.
#[inline(always)]
fn turned<V: Lanes, const N: usize>(mut rows: [V; N]) -> [V; N] {
    for _ in 0..N.ilog2() {
        let mut next = rows;
        for pair in 0..N / 2 {
            (next[2 * pair], next[2 * pair + 1]) = rows[pair].interleave(rows[pair + N / 2]);
        }
        rows = next;
    }
    rows
}

/// p/255 for a whole number p from 0 to 255, rounded as a division would be: where
/// the processor can, from the remainder of a product, which is quicker.
#[inline(always)]
fn over_255<V: Lanes>(p: V) -> V {
    if !V::ROUNDS_ONCE {
        return p.div(V::splat(255.0));
    }
    let reciprocal = V::splat(1.0 / 255.0);
    let quotient = p.mul(reciprocal);
    let remainder = quotient.mul_add(V::splat(-255.0), p);
    remainder.mul_add(reciprocal, quotient)
}

/// Turns a block around, `COUNT` units at a time: `write` gets a lane, the place of the
/// units, and the lane's values of these units. The last may be made up with zeros.
#[inline(always)]
pub(super) fn turn<V: Lanes>(x: &[V], write: impl FnMut(usize, usize, V)) {
    match V::COUNT {
        4 => turn_squares::<V, 4>(x, write),
        8 => turn_squares::<V, 8>(x, write),
        _ => turn_squares::<V, 16>(x, write),
    }
}

/// [`turn`] for N = `COUNT` lanes.
#[inline(always)]
fn turn_squares<V: Lanes, const N: usize>(x: &[V], mut write: impl FnMut(usize, usize, V)) {
    let (squares, rest) = x.as_chunks::<N>();
    for (place, &square) in squares.iter().enumerate() {
        for (lane, units) in turned(square).into_iter().enumerate() {
            write(lane, place, units);
        }
    }
    if !rest.is_empty() {
        let mut square = [V::zero(); N];
        square[..rest.len()].copy_from_slice(rest);
        for (lane, units) in turned(square).into_iter().enumerate() {
            write(lane, squares.len(), units);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fused::lanes::{ForEachWidth, for_each_width};

    struct Pixels;

    impl ForEachWidth for Pixels {
        fn run<V: Lanes>(&mut self) {
            let pixels: Vec<u8> = (0..=255).collect();
            let mut x = vec![V::zero(); 256];
            V::vectorize(
                #[inline(always)]
                || load(&[0], &pixels, &mut x),
            );
            for (pixel, x) in pixels.iter().zip(V::floats(&x).chunks_exact(V::COUNT)) {
                assert_eq!(x[0], f32::from(*pixel) / 255.0);
                assert!(x[1..].iter().all(|&padding| padding == 0.0));
            }
        }
    }

    #[test]
    fn pixels_are_divided_as_a_division_would() {
        for_each_width(&mut Pixels);
    }

    struct Turn;

    impl ForEachWidth for Turn {
        fn run<V: Lanes>(&mut self) {
            let mut x = vec![V::zero(); V::COUNT + 3];
            for (index, float) in V::floats_mut(&mut x).iter_mut().enumerate() {
                *float = index as f32;
            }
            let mut rows = vec![V::zero(); 2 * V::COUNT];
            turn(&x, |lane, place, units| rows[lane * 2 + place] = units);
            for (lane, row) in V::floats(&rows).chunks(2 * V::COUNT).enumerate() {
                let expected = (0..x.len()).map(|unit| (unit * V::COUNT + lane) as f32);
                let padding = std::iter::repeat_n(0.0, V::COUNT - 3);
                assert_eq!(row, expected.chain(padding).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn turning_makes_a_row_per_sample() {
        for_each_width(&mut Turn);
    }
}
