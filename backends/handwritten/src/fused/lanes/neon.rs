//! Four samples in a register of NEON, of which there are 32. Every aarch64
//! processor has it.

use std::arch::aarch64::*;

use super::Lanes;
use crate::fused::tile::Tiles;

/// Four samples.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Neon(float32x4_t);

// SAFETY: float32x4_t is four floats.
unsafe impl Lanes for Neon {
    const COUNT: usize = 4;
    const ROUNDS_ONCE: bool = true;
    const TILES: Tiles = Tiles::OF_32;

    #[inline(always)]
    fn vectorize<R>(kernel: impl FnOnce() -> R) -> R {
        kernel()
    }

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self(instructions!(vdupq_n_f32(value)))
    }

    #[inline(always)]
    fn add(self, x: Self) -> Self {
        Self(instructions!(vaddq_f32(self.0, x.0)))
    }

    #[inline(always)]
    fn sub(self, x: Self) -> Self {
        Self(instructions!(vsubq_f32(self.0, x.0)))
    }

    #[inline(always)]
    fn mul(self, x: Self) -> Self {
        Self(instructions!(vmulq_f32(self.0, x.0)))
    }

    #[inline(always)]
    fn div(self, x: Self) -> Self {
        Self(instructions!(vdivq_f32(self.0, x.0)))
    }

    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        Self(instructions!(vfmaq_f32(b.0, self.0, a.0)))
    }

    #[inline(always)]
    fn max(self, x: Self) -> Self {
        // The processor's own maximum differs where a number is missing.
        Self(instructions!(vbslq_f32(vcgtq_f32(self.0, x.0), self.0, x.0)))
    }

    #[inline(always)]
    fn min(self, x: Self) -> Self {
        Self(instructions!(vbslq_f32(vcltq_f32(self.0, x.0), self.0, x.0)))
    }

    #[inline(always)]
    fn divide_by_equality(self, x: Self, value: Self) -> (Self, Self) {
        instructions!({
            let (equal, bits) = (vceqq_f32(self.0, x.0), vreinterpretq_u32_f32(value.0));
            let (same, other) = (vandq_u32(bits, equal), vbicq_u32(bits, equal));
            (Self(vreinterpretq_f32_u32(same)), Self(vreinterpretq_f32_u32(other)))
        })
    }

    #[inline(always)]
    fn two_to_the_last_bits(self) -> Self {
        instructions!({
            let biased = vaddq_s32(vreinterpretq_s32_f32(self.0), vdupq_n_s32(127));
            Self(vreinterpretq_f32_s32(vshlq_n_s32::<23>(biased)))
        })
    }

    #[inline(always)]
    fn from_bytes(bytes: &[u8]) -> Self {
        let floats = [bytes[0], bytes[1], bytes[2], bytes[3]].map(f32::from);
        // SAFETY: four floats are there.
        Self(unsafe { vld1q_f32(floats.as_ptr()) })
    }

    #[inline(always)]
    fn fetch(_: &[Self]) {}

    #[inline(always)]
    fn interleave(self, x: Self) -> (Self, Self) {
        instructions!((Self(vzip1q_f32(self.0, x.0)), Self(vzip2q_f32(self.0, x.0))))
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        instructions!(vaddvq_f32(self.0))
    }
}
