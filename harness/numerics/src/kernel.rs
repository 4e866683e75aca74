//! Multiply-adds in registers, for each width of vector that a processor may have.
//!
//! Every kernel has as many independent sums as its registers hold beside two
//! factors: enough to hide how long one multiply-add takes.

use std::hint::black_box;

/// One way to multiply and add.
pub struct Kernel {
    /// What a reader knows it by.
    pub instructions: &'static str,
    /// Multiplications and additions of one round.
    pub operations_per_round: f64,
    /// Does that many rounds.
    pub run: fn(u64),
}

impl Kernel {
    const fn new(instructions: &'static str, sums: usize, lanes: usize, run: fn(u64)) -> Self {
        Self { instructions, operations_per_round: (2 * sums * lanes) as f64, run }
    }
}

/// The widest that this processor has.
pub fn widest() -> Kernel {
    all().into_iter().next().unwrap_or(PORTABLE)
}

/// All that this processor has, the widest first.
pub fn all() -> Vec<Kernel> {
    let mut kernels = vector_kernels();
    kernels.push(PORTABLE);
    kernels
}

/// The factors of every multiply-add. A sum grows by 1e-6 each time, which keeps it
/// a normal number.
const FACTORS: [f32; 2] = [1e-3, 1e-3];

/// Advances `SUMS` sums, each by `step`, and shows the result to nobody.
#[inline(always)]
fn advance<V: Copy, const SUMS: usize>(rounds: u64, start: V, step: impl Fn(V) -> V) {
    // Opaque, or equal sums would be computed once.
    let mut sums = black_box([start; SUMS]);
    for _ in 0..rounds {
        // No `map`: an incremental build compiles it apart and calls it.
        for sum in &mut sums {
            *sum = step(*sum);
        }
    }
    black_box(sums);
}

const PORTABLE: Kernel = Kernel::new("portable code, multiply and add", 48, 1, portable);

/// The compiler makes vectors of it: 12 with four lanes each, say.
fn portable(rounds: u64) {
    // The sum is multiplied: with two constant factors, their product would be a
    // constant too. It tends to 1.
    let [factor, term] = black_box([0.999_f32, 0.001]);
    advance::<_, 48>(rounds, 1.0, |sum| sum * factor + term);
}

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use std::arch::x86_64::{_mm256_fmadd_ps, _mm256_set1_ps, _mm512_fmadd_ps, _mm512_set1_ps};

    use super::{FACTORS, advance, black_box};

    #[target_feature(enable = "avx512f")]
    pub(super) fn avx512(rounds: u64) {
        let [one, other] = black_box(FACTORS).map(|factor| _mm512_set1_ps(factor));
        advance::<_, 16>(rounds, _mm512_set1_ps(1.0), |sum| _mm512_fmadd_ps(one, other, sum));
    }

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn avx2(rounds: u64) {
        let [one, other] = black_box(FACTORS).map(|factor| _mm256_set1_ps(factor));
        advance::<_, 12>(rounds, _mm256_set1_ps(1.0), |sum| _mm256_fmadd_ps(one, other, sum));
    }
}

#[cfg(target_arch = "x86_64")]
fn vector_kernels() -> Vec<Kernel> {
    let mut kernels = Vec::new();
    if is_x86_feature_detected!("avx512f") {
        kernels.push(Kernel::new("AVX-512, fused multiply-add", 16, 16, |rounds| {
            // SAFETY: the processor has AVX-512F, as was just asked.
            unsafe { x86_64::avx512(rounds) }
        }));
    }
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        kernels.push(Kernel::new("AVX2, fused multiply-add", 12, 8, |rounds| {
            // SAFETY: the processor has AVX2 and FMA, as was just asked.
            unsafe { x86_64::avx2(rounds) }
        }));
    }
    kernels
}

#[cfg(target_arch = "aarch64")]
#[target_feature(enable = "neon")]
fn neon(rounds: u64) {
    use std::arch::aarch64::{vdupq_n_f32, vfmaq_f32};
    let [one, other] = black_box(FACTORS).map(|factor| vdupq_n_f32(factor));
    advance::<_, 24>(rounds, vdupq_n_f32(1.0), |sum| vfmaq_f32(sum, one, other));
}

#[cfg(target_arch = "aarch64")]
fn vector_kernels() -> Vec<Kernel> {
    if !std::arch::is_aarch64_feature_detected!("neon") {
        return Vec::new();
    }
    vec![Kernel::new("NEON, fused multiply-add", 24, 4, |rounds| {
        // SAFETY: the processor has NEON, as was just asked.
        unsafe { neon(rounds) }
    })]
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn vector_kernels() -> Vec<Kernel> {
    Vec::new()
}
