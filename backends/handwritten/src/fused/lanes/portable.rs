//! Four samples in plain Rust, which compilers turn into a vector on any
//! processor that has one.

use std::array;

use super::Lanes;
use crate::fused::tile::Tiles;

const COUNT: usize = 4;

/// Four samples.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(16))]
pub(crate) struct Portable([f32; COUNT]);

impl Portable {
    #[inline(always)]
    fn zip(self, x: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Self(array::from_fn(|lane| f(self.0[lane], x.0[lane])))
    }
}

// SAFETY: it is an array of four floats, as large as its alignment.
unsafe impl Lanes for Portable {
    const COUNT: usize = COUNT;
    const ROUNDS_ONCE: bool = false;
    const TILES: Tiles = Tiles::OF_16_UNFUSED;

    #[inline(always)]
    fn vectorize<R>(kernel: impl FnOnce() -> R) -> R {
        kernel()
    }

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self([value; COUNT])
    }

    #[inline(always)]
    fn add(self, x: Self) -> Self {
        self.zip(x, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, x: Self) -> Self {
        self.zip(x, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, x: Self) -> Self {
        self.zip(x, |a, b| a * b)
    }

    #[inline(always)]
    fn div(self, x: Self) -> Self {
        self.zip(x, |a, b| a / b)
    }

    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        // Not f32::mul_add, which is a slow call where the processor has no such instruction.
        self.mul(a).add(b)
    }

    #[inline(always)]
    fn max(self, x: Self) -> Self {
        self.zip(x, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn min(self, x: Self) -> Self {
        self.zip(x, |a, b| if a < b { a } else { b })
    }

    #[inline(always)]
    fn divide_by_equality(self, x: Self, value: Self) -> (Self, Self) {
        let same = Self(array::from_fn(|l| if self.0[l] == x.0[l] { value.0[l] } else { 0.0 }));
        let other = Self(array::from_fn(|l| if self.0[l] == x.0[l] { 0.0 } else { value.0[l] }));
        (same, other)
    }

    #[inline(always)]
    fn two_to_the_last_bits(self) -> Self {
        Self(self.0.map(|k| f32::from_bits(k.to_bits().wrapping_add(127) << 23)))
    }

    #[inline(always)]
    fn from_bytes(bytes: &[u8]) -> Self {
        Self(array::from_fn(|lane| f32::from(bytes[lane])))
    }

    #[inline(always)]
    fn fetch(_: &[Self]) {}

    #[inline(always)]
    fn interleave(self, x: Self) -> (Self, Self) {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, x.0);
        (Self([a, e, b, f]), Self([c, g, d, h]))
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        let [a, b, c, d] = self.0;
        (a + c) + (b + d)
    }
}
