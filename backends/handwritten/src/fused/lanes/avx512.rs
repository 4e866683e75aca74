//! Sixteen samples in a register of AVX-512, of which there are 32.

use std::arch::x86_64::*;

use super::Lanes;
use crate::fused::tile::Tiles;

/// Sixteen samples.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Avx512(__m512);

#[target_feature(enable = "avx512f")]
fn with_avx512<R>(kernel: impl FnOnce() -> R) -> R {
    kernel()
}

// SAFETY: __m512 is sixteen floats.
unsafe impl Lanes for Avx512 {
    const COUNT: usize = 16;
    const ROUNDS_ONCE: bool = true;
    const TILES: Tiles = Tiles::OF_32;

    #[inline(always)]
    fn vectorize<R>(kernel: impl FnOnce() -> R) -> R {
        instructions!(with_avx512(kernel))
    }

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self(instructions!(_mm512_set1_ps(value)))
    }

    #[inline(always)]
    fn add(self, x: Self) -> Self {
        Self(instructions!(_mm512_add_ps(self.0, x.0)))
    }

    #[inline(always)]
    fn sub(self, x: Self) -> Self {
        Self(instructions!(_mm512_sub_ps(self.0, x.0)))
    }

    #[inline(always)]
    fn mul(self, x: Self) -> Self {
        Self(instructions!(_mm512_mul_ps(self.0, x.0)))
    }

    #[inline(always)]
    fn div(self, x: Self) -> Self {
        Self(instructions!(_mm512_div_ps(self.0, x.0)))
    }

    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        Self(instructions!(_mm512_fmadd_ps(self.0, a.0, b.0)))
    }

    #[inline(always)]
    fn max(self, x: Self) -> Self {
        Self(instructions!(_mm512_max_ps(self.0, x.0)))
    }

    #[inline(always)]
    fn min(self, x: Self) -> Self {
        Self(instructions!(_mm512_min_ps(self.0, x.0)))
    }

    #[inline(always)]
    fn divide_by_equality(self, x: Self, value: Self) -> (Self, Self) {
        instructions!({
            let equal = _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(self.0, x.0);
            (Self(_mm512_maskz_mov_ps(equal, value.0)), Self(_mm512_maskz_mov_ps(!equal, value.0)))
        })
    }

    #[inline(always)]
    fn two_to_the_last_bits(self) -> Self {
        instructions!({
            let biased = _mm512_add_epi32(_mm512_castps_si512(self.0), _mm512_set1_epi32(127));
            Self(_mm512_castsi512_ps(_mm512_slli_epi32::<23>(biased)))
        })
    }

    #[inline(always)]
    fn from_bytes(bytes: &[u8]) -> Self {
        let bytes = &bytes[..Self::COUNT];
        instructions!({
            let bytes = _mm_loadu_si128(bytes.as_ptr().cast());
            Self(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes)))
        })
    }

    #[inline(always)]
    fn fetch(values: &[Self]) {
        for value in values {
            instructions!(_mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast()));
        }
    }

    #[inline(always)]
    fn interleave(self, x: Self) -> (Self, Self) {
        instructions!({
            let first = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            let second = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
            let first = _mm512_permutex2var_ps(self.0, first, x.0);
            let second = _mm512_permutex2var_ps(self.0, second, x.0);
            (Self(first), Self(second))
        })
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        instructions!(_mm512_reduce_add_ps(self.0))
    }
}
