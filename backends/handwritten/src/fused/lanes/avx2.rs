//! Eight samples in a register of AVX2, of which there are 16, with fused
//! multiply-add.

use std::arch::asm;
use std::arch::x86_64::*;

use super::Lanes;
use crate::fused::tile::Tiles;

/// Eight samples.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Avx2(__m256);

#[target_feature(enable = "avx2,fma")]
fn with_avx2<R>(kernel: impl FnOnce() -> R) -> R {
    kernel()
}

/// sum + a · b. The compiler moves no such statement past another.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn accumulated(mut sum: __m256, a: __m256, b: __m256) -> __m256 {
    // SAFETY: the instruction works on registers alone.
    unsafe {
        asm!(
            "vfmadd231ps {sum}, {a}, {b}",
            sum = inout(ymm_reg) sum,
            a = in(ymm_reg) a,
            b = in(ymm_reg) b,
            options(nomem, nostack, preserves_flags)
        );
    }
    sum
}

// SAFETY: __m256 is eight floats.
unsafe impl Lanes for Avx2 {
    const COUNT: usize = 8;
    const ROUNDS_ONCE: bool = true;
    const TILES: Tiles = Tiles::OF_16;

    #[inline(always)]
    fn vectorize<R>(kernel: impl FnOnce() -> R) -> R {
        instructions!(with_avx2(kernel))
    }

    #[inline(always)]
    fn read(&self) -> Self {
        // SAFETY: a reference may be read from; volatile, lest the compiler know the value.
        unsafe { std::ptr::from_ref(self).read_volatile() }
    }

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self(instructions!(_mm256_set1_ps(value)))
    }

    #[inline(always)]
    fn add(self, x: Self) -> Self {
        Self(instructions!(_mm256_add_ps(self.0, x.0)))
    }

    #[inline(always)]
    fn sub(self, x: Self) -> Self {
        Self(instructions!(_mm256_sub_ps(self.0, x.0)))
    }

    #[inline(always)]
    fn mul(self, x: Self) -> Self {
        Self(instructions!(_mm256_mul_ps(self.0, x.0)))
    }

    #[inline(always)]
    fn div(self, x: Self) -> Self {
        Self(instructions!(_mm256_div_ps(self.0, x.0)))
    }

    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        Self(instructions!(_mm256_fmadd_ps(self.0, a.0, b.0)))
    }

    #[inline(always)]
    fn accumulate(&mut self, a: Self, b: Self) {
        self.0 = instructions!(accumulated(self.0, a.0, b.0));
    }

    #[inline(always)]
    fn max(self, x: Self) -> Self {
        Self(instructions!(_mm256_max_ps(self.0, x.0)))
    }

    #[inline(always)]
    fn min(self, x: Self) -> Self {
        Self(instructions!(_mm256_min_ps(self.0, x.0)))
    }

    #[inline(always)]
    fn divide_by_equality(self, x: Self, value: Self) -> (Self, Self) {
        instructions!({
            let equal = _mm256_cmp_ps::<_CMP_EQ_OQ>(self.0, x.0);
            (Self(_mm256_and_ps(equal, value.0)), Self(_mm256_andnot_ps(equal, value.0)))
        })
    }

    #[inline(always)]
    fn two_to_the_last_bits(self) -> Self {
        instructions!({
            let biased = _mm256_add_epi32(_mm256_castps_si256(self.0), _mm256_set1_epi32(127));
            Self(_mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased)))
        })
    }

    #[inline(always)]
    fn from_bytes(bytes: &[u8]) -> Self {
        let bytes = &bytes[..Self::COUNT];
        instructions!({
            let bytes = _mm_loadl_epi64(bytes.as_ptr().cast());
            Self(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes)))
        })
    }

    #[inline(always)]
    fn fetch(values: &[Self]) {
        for value in values.iter().step_by(2) {
            instructions!(_mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast()));
        }
    }

    #[inline(always)]
    fn interleave(self, x: Self) -> (Self, Self) {
        instructions!({
            let (low, high) = (_mm256_unpacklo_ps(self.0, x.0), _mm256_unpackhi_ps(self.0, x.0));
            let first = _mm256_permute2f128_ps::<0x20>(low, high);
            let second = _mm256_permute2f128_ps::<0x31>(low, high);
            (Self(first), Self(second))
        })
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        instructions!({
            let halves = _mm_add_ps(_mm256_castps256_ps128(self.0), _mm256_extractf128_ps::<1>(self.0));
            let pairs = _mm_add_ps(halves, _mm_movehl_ps(halves, halves));
            _mm_cvtss_f32(_mm_add_ss(pairs, _mm_shuffle_ps::<1>(pairs, pairs)))
        })
    }
}
