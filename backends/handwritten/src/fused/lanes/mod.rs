//! The vector type that every fused kernel is written for, and its widths.
//!
//! A kernel is one generic function. What differs between processors is here:
//! how many samples a register holds, how many registers there are, and how
//! a handful of operations are spelled.

/// Instructions of the width at hand, as a block without `unsafe` around each.
macro_rules! instructions {
    ($block:expr) => {{
        #[cfg_attr(target_arch = "aarch64", allow(unused_unsafe, reason = "NEON needs no check"))]
        // SAFETY: see the contract of `Lanes`: the processor has this width's instructions.
        // Nothing but `from_bytes` touches memory, and that checks the length before.
        unsafe {
            $block
        }
    }};
}

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::{ForEachWidth, for_each_width};

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::Avx512;
#[cfg(target_arch = "aarch64")]
pub(crate) use neon::Neon;
pub(crate) use portable::Portable;

use super::tile::Tiles;

/// The values of one unit in [`Lanes::COUNT`] samples: a vector register.
///
/// # Safety
/// An implementation consists of `COUNT` `f32` and nothing else, all of whose bit
/// patterns are valid. Its methods may need instructions that not every processor
/// has; they are called only where [`Width::is_available`](super::Width) said so.
pub(crate) unsafe trait Lanes: Copy + std::fmt::Debug + Send + Sync + 'static {
    /// Samples per register.
    const COUNT: usize;
    /// Whether [`Lanes::mul_add`] rounds once.
    const ROUNDS_ONCE: bool;
    /// How large the tiles of sums are that fit the registers.
    const TILES: Tiles;

    /// Runs `kernel` as code for this width. Whatever it calls must be inlined
    /// into it, or it would be compiled for the plainest processor.
    fn vectorize<R>(kernel: impl FnOnce() -> R) -> R;

    /// The same value in every lane.
    fn splat(value: f32) -> Self;
    /// self + x
    fn add(self, x: Self) -> Self;
    /// self − x
    fn sub(self, x: Self) -> Self;
    /// self · x
    fn mul(self, x: Self) -> Self;
    /// self / x
    fn div(self, x: Self) -> Self;
    /// self · a + b, rounded once where the processor can.
    fn mul_add(self, a: Self, b: Self) -> Self;
    /// The larger of the two. Where `x` is not a number, `x`.
    fn max(self, x: Self) -> Self;
    /// The smaller of the two. Where `x` is not a number, `x`.
    fn min(self, x: Self) -> Self;
    /// `value` where self = x and else 0; `value` where self ≠ x and else 0.
    fn divide_by_equality(self, x: Self, value: Self) -> (Self, Self);
    /// 2ᵏ, where self is the float k + 1.5·2²³, whose last bits are the integer k.
    fn two_to_the_last_bits(self) -> Self;
    /// Bytes as numbers from 0 to 255. `bytes` holds at least `COUNT`.
    fn from_bytes(bytes: &[u8]) -> Self;
    /// The lanes of self and x in turn, self\[0], x\[0], self\[1], …: first half and second.
    fn interleave(self, x: Self) -> (Self, Self);
    /// Sum of the lanes.
    fn sum(self) -> f32;
    /// Asks for values that will be read soon, so that they are in the cache by then.
    fn fetch(values: &[Self]);

    /// The value, read anew where sums fill the registers: the compiler would keep what is
    /// read again soon, and then has to put sums aside.
    #[inline(always)]
    fn read(&self) -> Self {
        *self
    }

    /// self ← a · b + self; where sums fill the registers, in the order in which it is
    /// written and not in one that needs more of them.
    #[inline(always)]
    fn accumulate(&mut self, a: Self, b: Self) {
        *self = a.mul_add(b, *self);
    }

    /// 0 in every lane.
    #[inline(always)]
    fn zero() -> Self {
        Self::splat(0.0)
    }

    /// The values of all lanes, unit after unit.
    #[inline(always)]
    fn floats(values: &[Self]) -> &[f32] {
        // SAFETY: the implementer promises that a vector is COUNT floats and nothing else.
        unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), values.len() * Self::COUNT) }
    }

    /// As [`Lanes::floats`], to write.
    #[inline(always)]
    fn floats_mut(values: &mut [Self]) -> &mut [f32] {
        // SAFETY: as in `floats`; and any float is a valid lane.
        unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), values.len() * Self::COUNT) }
    }

    /// Writes the lanes to `COUNT` consecutive floats.
    #[inline(always)]
    fn store(self, floats: &mut [f32]) {
        let floats = &mut floats[..Self::COUNT];
        // SAFETY: COUNT floats are there, and they are what a vector consists of.
        unsafe { floats.as_mut_ptr().cast::<Self>().write_unaligned(self) }
    }
}
